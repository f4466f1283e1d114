// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of how pools grow, and of what they count, on pools of their own. What is decided is
//! tested on the host; here, that it is done. Giving back is in
//! [`kunit_shrink`](super::kunit_shrink).

use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        atomic::Relaxed,
        rcu, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
};

use super::{
    growth::{
        look_again,
        schedule,
        stop, //
    },
    kunit::{
        alloc,
        dma32,
        free,
        never,
        pass,
        pools_in,
        pools_up_to,
        pools_with,
        request_with,
        ONE,
        SIZE, //
    }, //
};
use crate::{
    memory::set_memory::fault_injection,
    plan::{
        control::MAX_BACKOFF,
        sizes::MIN_SIZE,
        zones::{
            Zone,
            ZoneSet, //
        },
    },
    report::failure::Failure,
};

#[kunit_tests(rust_dma_pool_growth)]
mod tests {
    use super::*;

    #[test]
    fn grows_once_something_is_taken() -> Result {
        let pools = pools_in(ONE, false)?;
        let pool = dma32(&pools)?;

        pools.follow_load();
        let before = pool.size.load(Relaxed);
        let block = alloc(&pools, Zone::Dma32, PAGE_SIZE).map_err(|_| ENOMEM)?;

        stop(&pools);
        pools.follow_load();
        let during = pool.size.load(Relaxed);
        let freed = free(&pools, &block, PAGE_SIZE);

        assert_eq!((before, freed), (SIZE, true));
        // By its own size, or by more.
        assert_eq!(during, SIZE + MIN_SIZE.max(SIZE));
        assert_eq!(pool.figures.growths.load(Relaxed), 1);
        Ok(())
    }

    /// Another pool of the search order is as full, and yet not the one that is too small.
    #[test]
    fn the_pool_that_was_asked_has_to_grow() -> Result {
        let pools = pools_in(ZoneSet::ALL, false)?;
        let result = alloc(&pools, Zone::Kernel, 4 * SIZE).err();

        stop(&pools);
        pools.follow_load();
        assert_eq!(result, Some(Failure::Growing));
        for (zone, pool) in pools.pools.iter() {
            let pool = pool.as_ref().ok_or(EINVAL)?;
            let asked = pool.figures.failed_full.load(Relaxed) == 1;

            assert_eq!(asked, zone == Zone::Kernel);
            let grown = pool.size.load(Relaxed) > SIZE;

            assert_eq!(grown, zone == Zone::Kernel);
        }
        Ok(())
    }

    /// More memory of the same zone is no better.
    #[test]
    fn a_device_that_rejects_all_does_not_make_it_grow() -> Result {
        let pools = pools_in(ONE, false)?;
        let pool = dma32(&pools)?;
        let picky = request_with(Some(never), Zone::Dma32, SIZE, false);
        let result = pools.alloc(&rcu::read_lock(), &picky).err();

        stop(&pools);
        pools.follow_load();
        assert_eq!(result, Some(Failure::NotAddressable));
        assert_eq!(pool.figures.failed_mask.load(Relaxed), 1);
        assert_eq!(pool.figures.failed_full.load(Relaxed), 0);
        assert_eq!(pool.size.load(Relaxed), SIZE);
        // What was rejected is free again.
        let all = alloc(&pools, Zone::Dma32, SIZE);
        let freed = all.map(|block| free(&pools, &block, SIZE));

        assert_eq!(freed, Ok(true));
        Ok(())
    }

    /// All that a new chunk has may be out by the time that it is there.
    #[test]
    fn grows_until_it_is_not_low() -> Result {
        let pools = pools_in(ONE, false)?;
        let pool = dma32(&pools)?;
        let out = 4 * MIN_SIZE / PAGE_SIZE;

        pool.take(out);
        pools.follow_load();
        let size = pool.size.load(Relaxed);

        pool.forget(out);
        assert!(size >= SIZE + 4 * MIN_SIZE);
        assert_eq!(pool.calls(), (0, 0));
        Ok(())
    }

    /// Once it has grown, and then only once until it is looked after.
    #[test]
    fn asks_each_time_that_it_is_low() -> Result {
        let pools = pools_in(ONE, false)?;
        let pool = dma32(&pools)?;
        let asks = |pages| match pool.take(pages) {
            0 => Ok(false),
            out => pool.attend(out, pages),
        };
        let first = (asks(1), asks(1));

        pools.follow_load();
        let added = pool.size.load(Relaxed).wrapping_sub(SIZE) / PAGE_SIZE;
        let second = (asks(added), asks(1));

        for pages in [1, 1, added, 1] {
            if pool.give_back(pages) {
                pool.unpin();
            }
        }
        assert_eq!(first, (Ok(true), Ok(false)));
        assert_eq!(second, (Ok(true), Ok(false)));
        Ok(())
    }

    /// A request that no chunk can hold does not stand in the way.
    #[test]
    fn grows_when_low_after_a_request_that_is_too_large() -> Result {
        let pools = pools_in(ONE, false)?;
        let pool = dma32(&pools)?;
        let block = alloc(&pools, Zone::Dma32, SIZE).map_err(|_| ENOMEM)?;
        let failure = alloc(&pools, Zone::Dma32, 1 << 40).err();

        stop(&pools);
        let failed_size = pool.failed_size.load(Relaxed);

        pools.follow_load();
        let freed = free(&pools, &block, SIZE);

        assert_eq!((failure, freed), (Some(Failure::Exhausted), true));
        assert_eq!(failed_size, 0);
        assert!(pool.size.load(Relaxed) > SIZE);
        Ok(())
    }

    #[test]
    fn remembers_the_largest_request_that_failed() -> Result {
        let pools = pools_in(ONE, false)?;
        let pool = dma32(&pools)?;

        pool.record_failure(2 * MIN_SIZE);
        pool.record_failure(4 * MIN_SIZE);
        pool.record_failure(MIN_SIZE);
        assert_eq!(pool.failed_size.load(Relaxed), 4 * MIN_SIZE);
        pools.follow_load();
        assert_eq!(pool.failed_size.load(Relaxed), 0);
        assert!(pool.size.load(Relaxed) >= SIZE + 4 * MIN_SIZE);
        Ok(())
    }

    #[test]
    fn grows_to_fit_a_request_that_failed() -> Result {
        let pools = pools_in(ONE, false)?;
        let first = alloc(&pools, Zone::Dma32, 4 * SIZE).err();

        stop(&pools);
        pools.follow_load();
        let second = alloc(&pools, Zone::Dma32, 4 * SIZE);
        let freed = second.map(|block| free(&pools, &block, 4 * SIZE));

        stop(&pools);
        assert_eq!(first, Some(Failure::Growing));
        assert_eq!(freed, Ok(true));
        Ok(())
    }

    #[test]
    fn does_not_grow_above_its_ceiling() -> Result {
        let pools = pools_up_to(ONE, SIZE)?;
        let pool = dma32(&pools)?;
        let block = alloc(&pools, Zone::Dma32, SIZE).map_err(|_| ENOMEM)?;

        pools.follow_load();
        let freed = free(&pools, &block, SIZE);

        stop(&pools);
        assert!(freed);
        assert_eq!(pool.size.load(Relaxed), SIZE);
        assert_eq!(pool.figures.failed_growths.load(Relaxed), 0);
        Ok(())
    }

    #[test]
    fn remembers_whose_request_was_the_largest() -> Result {
        let pools = pools_in(ONE, false)?;
        let figures = &dma32(&pools)?.figures;

        for (bytes, name) in [(1, b"first"), (3, b"large"), (2, b"small")] {
            figures.note_failed(bytes, name);
        }
        assert_eq!(figures.largest_failed.load(Relaxed), 3);
        assert!(figures.largest_failed_dev().starts_with(b"large\0"));
        Ok(())
    }

    #[test]
    fn knows_the_peak() -> Result {
        let pools = pools_in(ONE, false)?;
        let pool = dma32(&pools)?;
        let take = |size| alloc(&pools, Zone::Dma32, size).map_err(|_| ENOMEM);
        let first = take(2 * PAGE_SIZE)?;
        let second = take(PAGE_SIZE)?;
        let freed = free(&pools, &first, 2 * PAGE_SIZE);
        let peak = pool.hiwater();

        // It may be about to note the peak once more.
        stop(&pools);
        pool.reset_hiwater();
        let reset = pool.hiwater();
        let third = take(PAGE_SIZE)?;
        let again = pool.hiwater();
        let freed = freed && free(&pools, &second, PAGE_SIZE) && free(&pools, &third, PAGE_SIZE);

        stop(&pools);
        assert!(freed);
        assert_eq!(peak, 3 * PAGE_SIZE);
        assert_eq!((reset, again), (PAGE_SIZE, 2 * PAGE_SIZE));
        assert_eq!(pool.calls(), (3, 3));
        assert_eq!((pool.used(), pool.blocks()), (0, 0));
        Ok(())
    }

    #[test]
    fn pools_that_cannot_be_decrypted_are_not_made_and_do_not_grow() -> Result {
        fault_injection::fail(true, false);
        let none = pools_with(ONE, false, true);

        fault_injection::fail(false, false);
        let pools = pools_with(ONE, false, true)?;
        let pool = dma32(&pools)?;

        fault_injection::fail(true, false);
        pool.record_failure(4 * SIZE);
        pools.follow_load();
        fault_injection::fail(false, false);
        // Never again, not even when that would work.
        pool.record_failure(4 * SIZE);
        pass(&pools, 2 * MAX_BACKOFF);
        stop(&pools);
        assert!(none?.present.is_empty());
        assert_eq!(pool.size.load(Relaxed), SIZE);
        assert_eq!(pool.figures.failed_growths.load(Relaxed), 1);
        assert_eq!(pool.reach.load(Relaxed), SIZE);
        Ok(())
    }

    /// Neither a work item that never ran nor a timer is left.
    #[test]
    fn pools_go_although_they_were_about_to_grow() -> Result {
        let before = fault_injection::shared_pages();

        for _ in 0..8 {
            let pools = pools_with(ONE, false, true)?;

            dma32(&pools)?.record_failure(MIN_SIZE);
            schedule(&pools);
            drop(pools);
        }
        assert_eq!(fault_injection::shared_pages(), before);
        Ok(())
    }

    /// As who fails while the worker runs, which then sets its time.
    #[test]
    fn who_asks_does_not_wait_for_the_time_of_the_next_look() -> Result {
        let pools = pools_in(ONE, false)?;
        let pool = dma32(&pools)?;

        pool.record_failure(4 * SIZE);
        schedule(&pools);
        look_again(&pools, MAX_BACKOFF);
        for _ in 0..1000 {
            if pool.size.load(Relaxed) > SIZE {
                break;
            }
            fsleep(Delta::from_millis(5));
        }
        stop(&pools);
        assert!(pool.size.load(Relaxed) > SIZE);
        Ok(())
    }

    #[test]
    fn stop_waits_for_what_is_going_on() -> Result {
        let pools = pools_in(ONE, false)?;
        let pool = dma32(&pools)?;

        pool.record_failure(4 * SIZE);
        schedule(&pools);
        // From then on the worker waits for a grace period.
        for _ in 0..50_000 {
            if pool.size.load(Relaxed) > SIZE {
                break;
            }
            fsleep(Delta::from_micros(100));
        }
        stop(&pools);
        assert_eq!(pool.figures.growths.load(Relaxed), 1);
        Ok(())
    }

    /// Neither work that was waiting then, nor what it would add.
    #[test]
    fn nothing_grows_after_it_was_stopped() -> Result {
        for _ in 0..4 {
            let pools = pools_in(ONE, false)?;
            let pool = dma32(&pools)?;

            pool.record_failure(4 * SIZE);
            schedule(&pools);
            stop(&pools);
            let size = pool.size.load(Relaxed);

            fsleep(Delta::from_millis(5));
            assert_eq!(pool.size.load(Relaxed), size);
        }
        Ok(())
    }
}
