// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of how pools give memory back, on pools of their own. What goes back when is tested on
//! the host; here, that it goes, and nothing else. Time is skipped, not waited for.

use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            AtomicFlag,
            Relaxed, //
        },
        Arc,
        Completion, //
    },
    time::{
        delay::{
            fsleep,
            udelay, //
        },
        Delta, //
    },
    workqueue::system_unbound, //
};

use super::{
    growth::stop,
    kunit::{
        alloc,
        dma32,
        free,
        pass,
        pools_in,
        pools_up_to,
        pools_with,
        ONE,
        SIZE, //
    },
    pool::Pool,
    Pools, //
};
use crate::{
    memory::{
        chunk::Chunk,
        set_memory::fault_injection, //
    },
    plan::{
        control::IDLE,
        sizes::MIN_SIZE,
        zones::Zone, //
    },
};

/// Who uses a pool on another CPU.
#[pin_data]
struct Other {
    pools: Arc<Pools>,
    ends: AtomicFlag,
    /// Blocks that were had.
    taken: Atomic<usize>,
    /// Blocks that could not be given back.
    lost: Atomic<usize>,
    #[pin]
    end: Completion,
}

impl Other {
    fn take_and_give_back(&self) {
        while !self.ends.load(Relaxed) {
            for _ in 0..8 {
                // So that it is out for about half of the time.
                udelay(Delta::from_micros(50));
                let Ok(block) = alloc(&self.pools, Zone::Dma32, PAGE_SIZE) else {
                    continue;
                };

                self.taken.add(1, Relaxed);
                udelay(Delta::from_micros(50));
                if !free(&self.pools, &block, PAGE_SIZE) {
                    self.lost.add(1, Relaxed);
                }
            }
            fsleep(Delta::from_micros(20));
        }
        self.end.complete_all();
    }
}

/// Adds a chunk, and takes it away as soon as it is idle.
///
/// Returns `EBUSY` if it stays after so many tries that it must have been idle in between.
fn add_and_remove(pools: &Pools, pool: &Arc<Pool>) -> Result {
    pools
        .table
        .add(pool, Chunk::of_pages(Zone::Dma32, 2)?, true)?;
    for _ in 0..1_000_000 {
        if pool.size.load(Relaxed) <= SIZE {
            return Ok(());
        }
        pools.table.remove(pool, SIZE)?;
    }
    Err(EBUSY)
}

#[kunit_tests(rust_dma_pool_shrink)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_idle_for_a_minute() -> Result {
        let before = fault_injection::shared_pages();
        let pools = pools_with(ONE, false, true)?;
        let pool = dma32(&pools)?;
        let size = || pool.size.load(Relaxed);

        pool.record_failure(4 * MIN_SIZE);
        pools.follow_load();
        let grown = size();

        pass(&pools, IDLE / 2);
        let kept = size();

        pass(&pools, IDLE);
        stop(&pools);
        assert!(grown >= SIZE + 4 * MIN_SIZE);
        assert_eq!(kept, grown);
        assert_eq!(size(), SIZE);
        assert_eq!(pool.figures.shrinks.load(Relaxed), 1);
        // They are encrypted again.
        assert_eq!(fault_injection::shared_pages() - before, SIZE / PAGE_SIZE);
        Ok(())
    }

    #[test]
    fn gives_back_at_once_under_pressure_and_keeps_what_is_out() -> Result {
        let pools = pools_in(ONE, false)?;
        let pool = dma32(&pools)?;
        let all = alloc(&pools, Zone::Dma32, SIZE).map_err(|_| ENOMEM)?;

        stop(&pools);
        pools.follow_load();
        // From the chunk that was added.
        let block = alloc(&pools, Zone::Dma32, PAGE_SIZE).map_err(|_| ENOMEM)?;
        let freed = free(&pools, &all, SIZE);
        let grown = pool.size.load(Relaxed);

        stop(&pools);
        pools.press();
        stop(&pools);
        pools.press();
        pools.follow_load();
        let in_use = pool.size.load(Relaxed);
        let freed = freed && free(&pools, &block, PAGE_SIZE);

        stop(&pools);
        let idle = pools.idle_pages();

        pools.press();
        pools.follow_load();
        stop(&pools);
        assert!(freed);
        assert_eq!(in_use, grown);
        assert_eq!(idle, (grown - SIZE) / PAGE_SIZE);
        assert_eq!(pool.size.load(Relaxed), SIZE);
        Ok(())
    }

    /// Never what it was created with, nor what is needed.
    #[test]
    fn takes_away_what_was_added_and_no_more() -> Result {
        let pools = pools_in(ONE, false)?;
        let pool = dma32(&pools)?;
        let size = || pool.size.load(Relaxed);

        let table = &pools.table;

        table.add(pool, Chunk::of_pages(Zone::Dma32, 2)?, true)?;
        let needed = table.remove(pool, SIZE + PAGE_SIZE)?;
        let before = size();
        let added = table.remove(pool, SIZE)?;
        let after = size();
        let first = table.remove(pool, 0)?;

        assert_eq!((needed, before), (None, SIZE + 2 * PAGE_SIZE));
        assert_eq!(added.map(|(size, _)| size), Some(2 * PAGE_SIZE));
        assert_eq!((first, after), (None, SIZE));
        Ok(())
    }

    /// Somebody may take a block of it in between, and gives that back later.
    #[test]
    fn takes_nothing_away_that_is_in_use() -> Result {
        let pools = pools_up_to(ONE, SIZE)?;
        let pool = dma32(&pools)?;
        let all = alloc(&pools, Zone::Dma32, SIZE).map_err(|_| ENOMEM)?;
        let their_pools = pools.clone();
        let other = Arc::pin_init(
            try_pin_init!(Other {
                pools: their_pools,
                ends: AtomicFlag::new(false),
                taken: Atomic::new(0),
                lost: Atomic::new(0),
                end <- Completion::new(),
            }),
            GFP_KERNEL,
        )?;
        let shared = other.clone();

        system_unbound().try_spawn(GFP_KERNEL, move || shared.take_and_give_back())?;
        // More of them, if the other CPU has not been there yet.
        let is_enough = |round| round >= 16 && other.taken.load(Relaxed) != 0;
        let result = (0..1000)
            .take_while(|round| !is_enough(*round))
            .try_for_each(|_| add_and_remove(&pools, pool));

        other.ends.store(true, Relaxed);
        other.end.wait_for_completion();
        let freed = free(&pools, &all, SIZE);

        stop(&pools);
        assert!(freed && result.is_ok());
        assert!(other.taken.load(Relaxed) != 0);
        assert_eq!(other.lost.load(Relaxed), 0);
        Ok(())
    }
}
