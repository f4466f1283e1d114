// SPDX-License-Identifier: GPL-2.0

//! Growth in the background: a work item that adds chunks to pools that are low or were too full.
//!
//! How much is tried is [`policy::growth`]'s decision. A failure is not logged: the pool works as
//! before. It is tried again when half of what is free now is gone, or a request fails: a zone that
//! is out of memory is not searched anew for every allocation.

use kernel::{
    bindings, impl_has_work,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        atomic::Relaxed,
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
    chunk::Chunk,
    policy::{
        self,
        Growth, //
    },
    zone_pool::Pool,
    Pools,
    MAX_ORDER, //
};

impl_has_work! {
    impl HasWork<Self> for Pools { self.growth }
}

impl WorkItem for Pools {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        for (_, pool) in this.pools.iter() {
            if let Some(pool) = pool {
                this.grow(pool);
            }
        }
    }
}

impl Pool {
    /// Remembers a request of `size` bytes that found no free piece. Any context.
    pub(super) fn want(&self, size: usize) {
        // Two requests at once may lose the larger; it will ask again.
        if size > self.wanted.load(Relaxed) {
            self.wanted.store(size, Relaxed);
        }
    }
}

impl Pools {
    /// Adds a chunk to a pool that is low, or full to a request that failed since the last time.
    ///
    /// Process context; may sleep.
    pub(super) fn grow(&self, pool: &Pool) {
        let wanted = pool.wanted.xchg(0, Relaxed);

        if wanted == 0 && !pool.is_low() {
            return;
        }
        // A request that no block can hold is not a reason to do, or to give up, anything.
        let size = pool.size.load(Relaxed);
        let Some(orders) = policy::growth(size, wanted, PAGE_SIZE, MAX_ORDER) else {
            return;
        };

        if self.add_chunk(pool, orders).is_ok() {
            pool.low.store(pool.initial, Relaxed);
        } else {
            pool.low.store(pool.avail() / 2, Relaxed);
        }
    }

    /// Adds a chunk, if there is memory for one that is of use.
    fn add_chunk(&self, pool: &Pool, orders: Growth) -> Result {
        let chunk = Chunk::new(pool.zone, orders.first, orders.last, pool.cc_shared)?;
        let size = chunk.size();

        // First, as requests are served from the chunk before `add` returns.
        pool.size.add(size, Relaxed);
        self.table.add(chunk).inspect_err(|_| {
            pool.size.fetch_sub(size, Relaxed);
        })
    }
}

/// Has the work item run soon. Any context but NMI.
pub(super) fn schedule(pools: ArcBorrow<'_, Pools>) {
    // The queue that C's `schedule_work()` uses.
    //
    // SAFETY: The system's work queues are there before any initcall runs and never go away.
    let queue = unsafe { Queue::from_raw(bindings::system_percpu_wq) };

    // An error says that it is queued already. The reference that comes back is not the last, as
    // the caller borrows another.
    let _ = queue.enqueue(Arc::from(pools));
}

/// Keeps the work item from running, and waits until it does not.
///
/// Process context; sleeps. Nobody may call [`schedule`] any more.
pub(crate) fn stop(pools: &Arc<Pools>) {
    // SAFETY: The work item is initialised and not moved.
    let cancelled = unsafe { bindings::cancel_work_sync(Work::raw_get(&raw const pools.growth)) };

    if cancelled {
        // SAFETY: The reference that `enqueue` handed to the work queue, and that running the work
        // item would have taken over.
        drop(unsafe { Arc::from_raw(Arc::as_ptr(pools)) });
    }
}
