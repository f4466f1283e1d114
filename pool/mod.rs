// SPDX-License-Identifier: GPL-2.0

//! The atomic DMA pools: memory that is ready for devices before anyone asks, for drivers that
//! allocate where they must not sleep.
//!
//! Here is what all pools have in common. The files beside this one do the parts:
//!
//! - [`create`]: all pools of a plan;
//! - [`alloc`] and [`free`]: the way of a request, and the way back;
//! - [`request`]: what a caller wants;
//! - [`pool`] with [`count`]: one pool, what of it is out, and the pin on the module;
//! - [`table`] with [`list`] and [`index`]: the chunks of all pools, found without a lock;
//! - [`growth`] with [`shrinker`]: the work item that adds chunks and gives them back;
//! - [`figures`]: what is counted besides.
//!
//! What the memory is, is in [`memory`](crate::memory); which pools there shall be, in
//! [`plan`](crate::plan).

mod alloc;
mod count;
mod create;
pub(crate) mod figures;
pub(crate) mod free;
pub(crate) mod growth;
mod index;
#[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
mod kunit;
#[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
mod kunit_growth;
#[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
mod kunit_shrink;
mod list;
#[expect(clippy::module_inception, reason = "the pool of one zone")]
pub(crate) mod pool;
pub(crate) mod request;
pub(crate) mod shrinker;
pub(crate) mod table;

use core::ptr::NonNull;

use kernel::{
    bindings,
    page::{
        PAGE_SHIFT,
        PAGE_SIZE, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            AtomicFlag, //
        },
        rcu,
        Arc,
        Mutex, //
    },
    workqueue::DelayedWork, //
};

use self::{
    pool::Pool,
    request::WantedZone,
    table::Table, //
};
#[cfg(CONFIG_DEBUG_FS)]
use crate::memory::chunk::Chunk;
use crate::{
    plan::{
        control::Control,
        zones::{
            search_order,
            PerZone,
            Zone,
            ZoneSet, //
        },
    },
    report::ratelimit::RateLimit, //
};

/// Memory for a device: whole pages, which belong to who has this.
pub(crate) struct Block {
    /// Kernel address.
    pub(crate) virt: NonNull<u8>,
    /// The first page.
    pub(crate) page: NonNull<bindings::page>,
    /// Bytes.
    pub(crate) size: usize,
}

/// All pools of the machine.
#[pin_data(PinnedDrop)]
pub(crate) struct Pools {
    pools: PerZone<Option<Arc<Pool>>>,
    #[pin]
    table: Table,
    /// The zones whose pool exists.
    present: ZoneSet,
    /// Whether the user wants no pools.
    pub(crate) disabled: bool,
    /// Requests that failed because the user wants no pools.
    pub(crate) disabled_allocs: Atomic<usize>,
    /// Requests that failed because there is no pool for them.
    pub(crate) missing_allocs: Atomic<usize>,
    /// For messages about failures, and for those of which the device is the reason.
    #[pin]
    pub(crate) limit: RateLimit,
    #[pin]
    pub(crate) mask_limit: RateLimit,
    /// A request that no pool can serve was named.
    pub(crate) named_impossible: AtomicFlag,
    /// Size of the pools that do not exist, for debugfs: 0.
    no_size: Atomic<usize>,
    /// How the size of each pool follows the load. Held while it does.
    #[pin]
    controls: Mutex<PerZone<Option<Control>>>,
    #[pin]
    growth: DelayedWork<Self>,
    /// The work item was asked for, and has not begun.
    growth_queued: AtomicFlag,
    /// The page allocator is short of memory.
    pressure: AtomicFlag,
    /// When these pools were created, in nanoseconds of [`growth::clock`].
    since: u64,
    /// Milliseconds that tests did not wait.
    #[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
    skipped: Atomic<usize>,
}

impl Pools {
    /// Has requests be served by these pools at the first attempt, until [`retract`](Self::retract).
    /// May sleep.
    ///
    /// # Safety
    ///
    /// No others are. After [`retract`](Self::retract) a grace period passes before these are dropped.
    pub(crate) unsafe fn publish(&self) {
        // SAFETY: As promised by the caller, as the table is part of the pools.
        unsafe { self.table.publish() };
    }

    /// Ends that. Who has found them may still use them.
    pub(crate) fn retract(&self) {
        table::retract();
    }

    /// The pool of a zone.
    pub(crate) fn pool(&self, zone: Zone) -> Option<&Arc<Pool>> {
        self.pools.get(zone).as_ref()
    }

    /// The first pool that a request is sent to, whatever it is full of.
    pub(crate) fn first_pool(&self, wanted: WantedZone) -> Option<&Arc<Pool>> {
        self.pool(search_order(wanted.zone(), self.present).next()?)
    }

    /// Bytes of the largest free piece of a pool, as [`Chunk::largest_free`].
    pub(crate) fn largest_free(&self, guard: &rcu::Guard, zone: Zone) -> usize {
        let members = self.table.read(guard).of(zone).iter();

        members
            .map(|member| member.chunk.largest_free())
            .fold(0, usize::max)
    }

    /// The chunks of a pool, in the order in which they were added.
    #[cfg(CONFIG_DEBUG_FS)]
    pub(crate) fn chunks<'a>(
        &'a self,
        guard: &'a rcu::Guard,
        zone: Zone,
    ) -> impl Iterator<Item = &'a Chunk> {
        let members = self.table.read(guard).of(zone).iter();

        members.map(|member| &member.chunk)
    }

    /// Bytes in the pool of a zone, as a value that changes; 0 if there is no such pool.
    #[cfg_attr(
        not(CONFIG_DEBUG_FS),
        allow(dead_code, reason = "for debugfs, and tests")
    )]
    pub(crate) fn size(&self, zone: Zone) -> &Atomic<usize> {
        match self.pools.get(zone) {
            Some(pool) => &pool.size,
            None => &self.no_size,
        }
    }
}

#[pinned_drop]
impl PinnedDrop for Pools {
    fn drop(self: Pin<&mut Self>) {
        growth::stop(&self);
    }
}

/// Whole pages that `size` bytes take.
#[inline(always)]
fn page_count(size: usize) -> usize {
    (size >> PAGE_SHIFT).wrapping_add(usize::from(size % PAGE_SIZE != 0))
}
