// SPDX-License-Identifier: GPL-2.0

//! Growth in the background: a work item that adds chunks to pools that are low or were too full.
//!
//! How much is tried is [`sizes::growth`]'s decision. A failure is not logged: the pool works as
//! before. It is tried again when half of what is free now is gone, or a request fails: a zone that
//! is out of memory is not searched anew for every allocation.

use core::mem::forget;

use kernel::{
    bindings::{
        self,
        MAX_PAGE_ORDER, //
    },
    impl_has_work,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        atomic::{
            Full,
            Relaxed, //
        },
        Arc,
        ArcBorrow, //
    },
    workqueue::{
        Queue,
        Work,
        WorkItem, //
    },
};

use super::{
    pool::Pool,
    Pools, //
};

use crate::{
    memory::chunk::Chunk,
    plan::sizes::{
        self,
        Sizes, //
    },
};

impl_has_work! {
    impl HasWork<Self> for Pools { self.growth }
}

impl WorkItem for Pools {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        // First: what happens from here on is seen by the next run.
        this.growth_queued.store(false, Relaxed);
        for (_, pool) in this.pools.iter() {
            if let Some(pool) = pool {
                this.grow(pool);
            }
        }
    }
}

impl Pool {
    /// Remembers a request of `size` bytes that found no free block. Any context.
    pub(super) fn record_failure(&self, size: usize) {
        // Two requests at once may lose the larger; it will ask again.
        if size > self.failed_size.load(Relaxed) {
            self.failed_size.store(size, Relaxed);
        }
    }
}

impl Pools {
    /// Adds a chunk to a pool that is low, or full to a request that failed since the last time.
    ///
    /// Process context; may sleep.
    pub(super) fn grow(&self, pool: &Arc<Pool>) {
        // Nobody asks while a chunk is added, which takes a grace period. All of it may be out by
        // then.
        while self.grow_once(pool) && pool.is_low() {}
    }

    /// Returns whether a chunk was added.
    fn grow_once(&self, pool: &Arc<Pool>) -> bool {
        let failed_size = pool.failed_size.xchg(0, Relaxed);
        let size = pool.size.load(Relaxed);
        let sizes_for = |wanted| sizes::growth(size, wanted, PAGE_SIZE, MAX_PAGE_ORDER);
        // A request that no chunk can hold is forgotten, and changes nothing.
        let failed = (failed_size != 0).then(|| sizes_for(failed_size)).flatten();
        let mut added = false;

        if let Some(sizes) = failed.or_else(|| pool.is_low().then(|| sizes_for(0)).flatten()) {
            added = self.add_chunk(pool, sizes).is_ok();
            let low_wmark = if added {
                pool.initial()
            } else {
                pool.avail() / 2
            };

            pool.low_wmark.store(low_wmark, Relaxed);
        }
        pool.watch();
        added
    }

    /// Adds a chunk, if there is memory for one that is of use.
    fn add_chunk(&self, pool: &Arc<Pool>, sizes: Sizes) -> Result {
        let chunk = Chunk::new(pool.zone, sizes, pool.kind.is_shared())?;

        self.table.add(pool, chunk)
    }
}

/// Queues the work item, unless it is queued. Any context but NMI.
#[cold]
pub(super) fn schedule(pools: ArcBorrow<'_, Pools>) {
    if pools.growth_queued.xchg(true, Full) {
        return;
    }
    // The queue that C's `schedule_work()` uses.
    //
    // SAFETY: The system's work queues are there before any initcall runs and never go away.
    let queue = unsafe { Queue::from_raw(bindings::system_percpu_wq) };

    // It is not queued, as only who sets the mark does that. To drop the reference would be no
    // work for this context.
    if let Err(pools) = queue.enqueue(Arc::from(pools)) {
        forget(pools);
    }
}

/// Keeps the work item from running, and waits until it does not.
///
/// Process context; sleeps. Nobody may call [`schedule`] any more.
pub(crate) fn stop(pools: &Arc<Pools>) {
    // SAFETY: The work item is initialised and not moved.
    let cancelled = unsafe { bindings::cancel_work_sync(Work::raw_get(&raw const pools.growth)) };

    if cancelled {
        pools.growth_queued.store(false, Relaxed);
        // SAFETY: The reference that `enqueue` handed to the work queue, and that running the work
        // item would have taken over.
        drop(unsafe { Arc::from_raw(Arc::as_ptr(pools)) });
    }
}

#[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
#[kunit_tests(rust_dma_pool_growth)]
mod tests {
    use super::*;
    use crate::{
        memory::set_memory::fault_injection,
        plan::zones::{
            Zone,
            ZoneSet, //
        },
        pool::kunit::{
            alloc,
            dma32,
            free,
            never,
            pools_in,
            pools_with,
            request_with,
            SIZE, //
        },
        report::failure::Failure,
    };
    use kernel::{
        sync::rcu,
        time::{
            delay::fsleep,
            Delta, //
        },
    };

    #[test]
    fn is_low_once_something_is_taken() -> Result {
        let pools = pools_in(ZoneSet::EMPTY.with(Zone::Dma32), false)?;
        let pool = dma32(&pools)?;
        let before = pool.is_low();
        let block = alloc(&pools, Zone::Dma32, PAGE_SIZE).map_err(|_| ENOMEM)?;

        stop(&pools);
        let during = pool.is_low() || pool.size.load(Relaxed) > SIZE;
        let freed = free(&pools, &block, PAGE_SIZE);

        assert_eq!((before, during, freed), (false, true, true));
        assert!(!pool.is_low());
        Ok(())
    }

    /// Another pool of the search order is as full, and yet not the one that is too small.
    #[test]
    fn the_pool_that_was_asked_has_to_grow() -> Result {
        let pools = pools_in(ZoneSet::ALL, false)?;
        let result = alloc(&pools, Zone::Kernel, 4 * SIZE).err();

        stop(&pools);
        assert_eq!(result, Some(Failure::Exhausted));
        for (zone, pool) in pools.pools.iter() {
            let pool = pool.as_ref().ok_or(EINVAL)?;
            let failed_size = pool.failed_size.load(Relaxed);
            // The work item may have run.
            let asked = failed_size == 4 * SIZE || pool.size.load(Relaxed) > SIZE;

            assert_eq!(asked, zone == Zone::Kernel);
        }
        Ok(())
    }

    /// More memory of the same zone is no better.
    #[test]
    fn a_device_that_rejects_all_does_not_make_it_grow() -> Result {
        let pools = pools_in(ZoneSet::EMPTY.with(Zone::Dma32), false)?;
        let pool = dma32(&pools)?;
        let picky = request_with(Some(never), Zone::Dma32, SIZE, false);
        let result = pools.as_arc_borrow().alloc(&rcu::read_lock(), &picky).err();

        stop(&pools);
        assert_eq!(result, Some(Failure::Exhausted));
        assert_eq!(pool.failed_size.load(Relaxed), 0);
        assert_eq!(pool.size.load(Relaxed), SIZE);
        // What was rejected is free again.
        let all = alloc(&pools, Zone::Dma32, SIZE);
        let freed = all.map(|block| free(&pools, &block, SIZE));

        stop(&pools);
        assert_eq!(freed, Ok(true));
        Ok(())
    }

    /// All that a new chunk has may be out by the time that it is there.
    #[test]
    fn grows_until_it_is_not_low() -> Result {
        let pools = pools_in(ZoneSet::EMPTY.with(Zone::Dma32), false)?;
        let pool = dma32(&pools)?;

        pool.take(4 * SIZE);
        pools.grow(pool);
        let size = pool.size.load(Relaxed);

        pool.forget(4 * SIZE);
        assert!(size >= 5 * SIZE);
        assert!(!pool.is_low());
        Ok(())
    }

    /// A request that no chunk can hold does not stand in the way.
    #[test]
    fn grows_when_low_after_a_request_that_is_too_large() -> Result {
        let pools = pools_in(ZoneSet::EMPTY.with(Zone::Dma32), false)?;
        let pool = dma32(&pools)?;

        pool.take(SIZE);
        pool.record_failure(usize::MAX / 2);
        pools.grow(pool);
        let size = pool.size.load(Relaxed);

        pool.forget(SIZE);
        assert_eq!(size, 2 * SIZE);
        Ok(())
    }

    #[test]
    fn remembers_the_largest_request_that_failed() -> Result {
        let pools = pools_in(ZoneSet::EMPTY.with(Zone::Dma32), false)?;
        let pool = dma32(&pools)?;

        pool.record_failure(2 * SIZE);
        pool.record_failure(4 * SIZE);
        pool.record_failure(SIZE);
        assert_eq!(pool.failed_size.load(Relaxed), 4 * SIZE);
        pools.grow(pool);
        assert_eq!(pool.failed_size.load(Relaxed), 0);
        assert!(pool.size.load(Relaxed) >= 5 * SIZE);
        Ok(())
    }

    /// Nobody else gives back the reference of a work item that never ran.
    #[test]
    fn pools_go_although_they_were_about_to_grow() -> Result {
        let before = fault_injection::shared_pages();

        for _ in 0..8 {
            let pools = pools_with(ZoneSet::EMPTY.with(Zone::Dma32), false, true)?;

            schedule(pools.as_arc_borrow());
            stop(&pools);
        }
        assert_eq!(fault_injection::shared_pages(), before);
        Ok(())
    }

    /// Neither work that was waiting then, nor what it would add.
    #[test]
    fn nothing_grows_after_it_was_stopped() -> Result {
        for _ in 0..4 {
            let pools = pools_in(ZoneSet::EMPTY.with(Zone::Dma32), false)?;
            let pool = dma32(&pools)?;

            pool.record_failure(4 * SIZE);
            schedule(pools.as_arc_borrow());
            stop(&pools);
            let size = pool.size.load(Relaxed);

            fsleep(Delta::from_millis(5));
            assert_eq!(pool.size.load(Relaxed), size);
        }
        Ok(())
    }

    #[test]
    fn grows_to_fit_a_request_that_failed() -> Result {
        let pools = pools_in(ZoneSet::EMPTY.with(Zone::Dma32), false)?;
        let first = alloc(&pools, Zone::Dma32, 4 * SIZE).err();

        stop(&pools);
        pools.grow(dma32(&pools)?);
        let second = alloc(&pools, Zone::Dma32, 4 * SIZE);
        let freed = second.map(|block| free(&pools, &block, 4 * SIZE));

        stop(&pools);
        assert_eq!(first, Some(Failure::Exhausted));
        assert_eq!(freed, Ok(true));
        Ok(())
    }
}
