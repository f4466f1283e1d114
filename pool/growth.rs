// SPDX-License-Identifier: GPL-2.0

//! The worker that lets the size of the pools follow the load: it adds chunks to pools that are low
//! or were too full, and gives idle ones back.
//!
//! When that is and how much is [`control`](crate::plan::control)'s decision. Here it is done, and
//! what cannot be mended is said, once.
//!
//! - Requests ask for the worker with [`schedule`], from any context; otherwise it comes when the
//!   control wants to look again. There is one, and it holds the mutex of the controls.
//! - The work item holds no reference on the pools: they [`stop`] it before they go.

use kernel::{
    bindings, impl_has_delayed_work,
    prelude::*,
    sync::{
        atomic::{
            Full,
            Relaxed, //
        },
        Arc, //
    },
    time::{
        msecs_to_jiffies,
        ClockSource,
        Monotonic,
        NSEC_PER_MSEC, //
    },
    workqueue::{
        DelayedWork,
        WorkItem, //
    },
};

use super::{
    pool::Pool,
    Pools, //
};

use crate::{
    memory::chunk::{
        Chunk,
        NewError, //
    },
    plan::{
        control::{
            Action,
            Control,
            Load, //
        },
        sizes::Sizes, //
    },
    report::trace,
    sync::{
        raise,
        read_once, //
    },
};

impl_has_delayed_work! {
    impl HasDelayedWork<Self> for Pools { self.growth }
}

impl WorkItem for Pools {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        // First: what happens from here on is seen by the next run.
        this.growth_queued.store(false, Relaxed);
        if let Some(ms) = this.follow_load() {
            look_again(&this, ms);
        }
        // It was lent.
        let _ = Arc::into_raw(this);
    }
}

impl Pool {
    /// Remembers a request of `size` bytes that found no free block. Any context.
    pub(super) fn record_failure(&self, size: usize) {
        raise(&self.failed_size, size);
    }
}

impl Pools {
    /// Lets the size of all pools follow the load. Returns after how many milliseconds it wants to
    /// be called again.
    ///
    /// Process context; may sleep.
    pub(super) fn follow_load(&self) -> Option<u64> {
        let mut controls = self.controls.lock();
        let pressure = self.pressure.xchg(false, Full);
        let mut next = None;

        for (zone, pool) in self.pools.iter() {
            let (Some(pool), Some(control)) = (pool, controls.get_mut(zone)) else {
                continue;
            };
            let wait = self.follow_load_of(pool, control, pressure);

            next = match (next, wait) {
                (Some(next), Some(wait)) => Some(wait.min(next)),
                (next, wait) => next.or(wait),
            };
        }
        next
    }

    fn follow_load_of(
        &self,
        pool: &Arc<Pool>,
        control: &mut Control,
        pressure: bool,
    ) -> Option<u64> {
        loop {
            let load = Load {
                now: self.now(),
                size: read_once(&pool.size),
                used: pool.used(),
                peak: pool.take_peak(),
                failed: pool.failed_size.xchg(0, Relaxed),
                pressure,
            };
            let goes_on = match control.look(&load) {
                Action::Rest => false,
                // A failure is followed by a back-off.
                Action::Grow(sizes) => {
                    self.grow(pool, control, sizes);
                    true
                }
                Action::Shrink { keep } => self.shrink(pool, control, &load, keep),
            };

            if control.reached_ceiling() {
                say_ceiling(pool);
            }
            pool.reach.store(control.reach(load.size), Relaxed);
            // If it has become low meanwhile, nobody asked.
            let goes_on = goes_on || !pool.watch() && !control.is_low(&load);

            if !goes_on {
                return control.next_look(&load);
            }
        }
    }

    /// Adds a chunk, if there is memory for one that is of use.
    fn grow(&self, pool: &Arc<Pool>, control: &mut Control, sizes: Sizes) {
        let start = clock();
        let result = Chunk::new(pool.zone, sizes, pool.kind.is_shared()).and_then(|chunk| {
            let added = (chunk.size(), chunk.phys_of(0));

            self.table
                .add(pool, chunk, true)
                .map_err(|_| NewError::NoMemory)?;
            Ok(added)
        });
        let (size, phys) = result.unwrap_or((0, 0));

        trace::grow(pool.zone, size, phys, clock().wrapping_sub(start));
        match result {
            Ok(_) => {
                pool.figures.growths.add(1, Relaxed);
                control.grew(self.now(), Some(read_once(&pool.size)));
            }
            Err(error) => {
                pool.figures.failed_growths.add(1, Relaxed);
                control.grew(self.now(), None);
                if error == NewError::Decryption {
                    control.stop();
                    pr_warn!(
                        "DMA: the {} pool does not grow any more, as its memory cannot be decrypted\n",
                        pool.zone.name()
                    );
                }
            }
        }
    }

    /// Gives an idle chunk back so that `keep` bytes stay, and returns whether there was one.
    fn shrink(&self, pool: &Pool, control: &mut Control, load: &Load, keep: usize) -> bool {
        let start = clock();
        let Ok(Some((size, phys))) = self.table.remove(pool, keep) else {
            return false;
        };

        trace::shrink(pool.zone, size, phys, clock().wrapping_sub(start));
        pool.figures.shrinks.add(1, Relaxed);
        control.shrunk(load);
        true
    }

    /// Milliseconds since the pools exist.
    fn now(&self) -> u64 {
        // CAST: A positive constant.
        let now = clock().wrapping_sub(self.since) / NSEC_PER_MSEC as u64;
        #[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
        let now = now.wrapping_add(self.skipped.load(Relaxed) as u64);

        now
    }

    /// How many pages may be idle: what is neither out nor has to be free. Any context but NMI.
    pub(super) fn idle_pages(&self) -> usize {
        let idle = |pool: &Arc<Pool>| {
            let needed = pool.used().saturating_add(pool.initial());

            read_once(&pool.size).saturating_sub(needed)
        };
        let bytes: usize = self
            .pools
            .iter()
            .map(|(_, pool)| pool.as_ref().map_or(0, idle))
            .fold(0, usize::wrapping_add);

        bytes >> kernel::page::PAGE_SHIFT
    }

    /// Has the worker give back at once what is idle. Any context but NMI.
    pub(super) fn press(&self) {
        self.pressure.store(true, Relaxed);
        schedule(self);
    }
}

/// Nanoseconds of the kernel's monotonic clock. Any context but NMI.
///
/// The difference of two `Instant`s would be checked, and could panic as far as the compiler knows.
pub(super) fn clock() -> u64 {
    // CAST: Never negative, as the trait promises.
    Monotonic::ktime_get() as u64
}

/// Says that a pool cannot grow as far as it should. Process context.
fn say_ceiling(pool: &Pool) {
    pr_warn!(
        "DMA: the {} pool may not grow above {} KiB; a range such as coherent_pool={}K-{}K lets it\n",
        pool.zone.name(),
        pool.max() >> 10,
        pool.initial() >> 10,
        pool.max().saturating_mul(2) >> 10,
    );
}

/// Has the worker run soon. Any context but NMI.
#[cold]
pub(super) fn schedule(pools: &Pools) {
    if pools.growth_queued.xchg(true, Full) {
        return;
    }
    // Now, and not when the worker wanted to look again. On the queue that C's `schedule_work()`
    // uses.
    //
    // SAFETY: The system's work queues are there before any initcall runs and never go away. The
    // work item is initialised, is part of what `Pools::new()` makes, which is in an `Arc`, and is
    // stopped before it goes.
    unsafe {
        bindings::mod_delayed_work_on(
            bindings::wq_misc_consts_WORK_CPU_UNBOUND as c_int,
            bindings::system_percpu_wq,
            work(pools),
            0,
        )
    };
}

/// Has the worker run after so many milliseconds, unless somebody asked for it meanwhile.
pub(super) fn look_again(pools: &Pools, ms: u64) {
    // CAST: An hour at most.
    let delay = msecs_to_jiffies(ms as u32);

    // SAFETY: As in `schedule`.
    unsafe {
        bindings::queue_delayed_work_on(
            bindings::wq_misc_consts_WORK_CPU_UNBOUND as c_int,
            bindings::system_percpu_wq,
            work(pools),
            delay,
        )
    };
}

/// Keeps the worker from running, and waits until it does not.
///
/// Process context; sleeps. It can be started again.
pub(crate) fn stop(pools: &Pools) {
    // SAFETY: The work item is initialised and not moved.
    unsafe { bindings::cancel_delayed_work_sync(work(pools)) };
    pools.growth_queued.store(false, Relaxed);
}

fn work(pools: &Pools) -> *mut bindings::delayed_work {
    // `struct delayed_work` begins with its `struct work_struct`.
    const _: () = assert!(core::mem::offset_of!(bindings::delayed_work, work) == 0);

    // SAFETY: The pointer is that of a reference.
    unsafe { DelayedWork::raw_as_work(&raw const pools.growth).cast() }
}
