// SPDX-License-Identifier: GPL-2.0

//! The atomic DMA pools: memory that is ready for devices before anyone asks, for drivers that
//! allocate where they must not sleep.
//!
//! Here all pools are created, and requests find their pool and the way back. The files beside
//! this one do the parts:
//!
//! - [`request`]: what a caller wants;
//! - [`pool`]: one pool, what of it is out, and the pin on the module;
//! - [`table`] with [`index`]: the chunks of all pools, found without a lock;
//! - [`growth`]: the work item that adds chunks.
//!
//! What the memory is, is in [`memory`](crate::memory); which pools there shall be, in
//! [`plan`](crate::plan).

pub(crate) mod growth;
mod index;
#[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
mod kunit;
#[expect(clippy::module_inception, reason = "the pool of one zone")]
pub(crate) mod pool;
pub(crate) mod request;
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
        ArcBorrow, //
    },
    workqueue::{
        new_work,
        Work, //
    },
};

use self::{
    pool::{
        Going,
        Pool, //
    },
    request::{
        AllocRequest,
        Kind,
        WantedZone, //
    },
    table::{
        Chunks,
        List,
        Member,
        Table, //
    },
};
use crate::{
    memory::{
        bits::Run,
        chunk::Chunk, //
    },
    plan::{
        zones::{
            search_order,
            PerZone,
            Zone,
            ZoneSet, //
        },
        Plan, //
    },
    report::{
        failure::Failure,
        ratelimit::RateLimit, //
    },
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

/// What became of memory that was to be given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Free {
    /// It is not from these pools.
    Foreign,
    /// It is free.
    Done,
    /// It is from these pools, but is no block of that size that is out. Nothing was changed.
    Bad,
}

/// Why a pool did not serve a request.
enum AllocError {
    /// No piece of that size is free.
    NoSpace,
    /// The device can address none of the pieces that are free.
    NotAddressable,
}

/// All pools of the machine.
#[pin_data]
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
    #[pin]
    pub(crate) disabled_limit: RateLimit,
    /// Size of the pools that do not exist, for debugfs: 0.
    no_size: Atomic<usize>,
    #[pin]
    growth: Work<Self>,
    /// The work item is queued, and has not begun.
    growth_queued: AtomicFlag,
}

impl Pools {
    /// Creates the pools of a plan, as far as there is memory.
    ///
    /// # Context
    ///
    /// Process context; may sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if memory for the bookkeeping is missing. A pool whose zone is out of memory is
    /// left out.
    #[cfg_attr(
        not(any(MODULE, CONFIG_DMA_POOL_RUST_KUNIT_TEST)),
        link_section = ".init.text"
    )]
    pub(crate) fn new(plan: &Plan) -> Result<Arc<Self>> {
        let mut list = List::default();
        let mut present = ZoneSet::EMPTY;
        let mut pools = PerZone::default();

        for (zone, limits) in plan.pools.iter() {
            let Some(limits) = *limits else {
                continue;
            };

            if let Some(pool) = Pool::new(zone, limits.min, plan.cc_shared, &mut list)? {
                *pools.get_mut(zone) = Some(pool);
                present = present.with(zone);
            }
        }

        Arc::pin_init(
            try_pin_init!(Self {
                pools,
                table <- Table::new(list),
                present,
                disabled: plan.disabled,
                disabled_allocs: Atomic::new(0),
                disabled_limit <- RateLimit::new(),
                no_size: Atomic::new(0),
                growth <- new_work!("dma_pool_growth"),
                growth_queued: AtomicFlag::new(false),
            }),
            GFP_KERNEL,
        )
    }

    /// Logs what became of the plan that these pools were created from.
    #[cfg_attr(
        not(any(MODULE, CONFIG_DMA_POOL_RUST_KUNIT_TEST)),
        link_section = ".init.text"
    )]
    pub(crate) fn log(&self, plan: &Plan) {
        for (zone, limits) in plan.pools.iter() {
            let Some(size) = limits.map(|limits| limits.min) else {
                continue;
            };
            let Some(pool) = self.pools.get(zone) else {
                pr_err!(
                    "DMA: failed to allocate {} KiB {} pool for atomic allocation\n",
                    size >> 10,
                    zone.gfp_name()
                );
                continue;
            };

            pr_info!(
                "DMA: preallocated {} KiB {} pool for atomic allocations\n",
                pool.initial() >> 10,
                zone.gfp_name()
            );
            if pool.initial() < size {
                pr_warn!(
                    "DMA: memory is short, the {} pool lacks {} of {} KiB\n",
                    zone.name(),
                    (size - pool.initial()) >> 10,
                    size >> 10
                );
            }
        }
    }

    /// Bytes in the pool of a zone, as a value that changes; 0 if there is no such pool.
    pub(crate) fn size(&self, zone: Zone) -> &Atomic<usize> {
        match self.pools.get(zone) {
            Some(pool) => &pool.size,
            None => &self.no_size,
        }
    }

    /// Takes a page of the pool that is asked first, at the first attempt, for a request without
    /// `phys_addr_ok`.
    ///
    /// The page is counted as out. [`settle`](Self::settle) has to follow unless the second value
    /// returned is `true`. `None` for whatever is not that simple; [`alloc`](Self::alloc) serves it.
    ///
    /// # Context
    ///
    /// As [`alloc`](Self::alloc).
    #[inline(always)]
    pub(crate) fn take_page(
        &self,
        guard: &rcu::Guard,
        size: usize,
        zone: WantedZone,
        kind: Kind,
    ) -> Option<(Block, bool)> {
        if size.wrapping_sub(1) >= PAGE_SIZE {
            return None;
        }
        let member = self.table.read(guard).first_of(zone)?;

        if member.pool.kind != kind {
            return None;
        }
        let (page, was_last) = member.chunk.alloc_page()?;
        let is_settled = !(member.pool.take(PAGE_SIZE) | was_last);

        Some((member.chunk.block(page, 1), is_settled))
    }

    /// As [`take_page`](Self::take_page), for more than a page, and from the first chunk of the pool
    /// that is not full.
    #[inline(always)]
    pub(crate) fn take_run(
        &self,
        guard: &rcu::Guard,
        size: usize,
        zone: WantedZone,
        kind: Kind,
    ) -> Option<(Block, bool)> {
        let chunks = self.table.read(guard);
        let count = page_count(size);
        let run = Run::new(count)?;
        let pool = &chunks.first_of(zone)?.pool;

        if pool.kind != kind {
            return None;
        }
        let mut members = chunks.of(pool.zone).iter();
        let member = members.find(|member| !member.chunk.seems_full())?;
        let (page, was_last) = member.chunk.alloc_run(&run)?;
        let is_settled = !(pool.take(count << PAGE_SHIFT) | was_last);

        Some((member.chunk.block(page, count), is_settled))
    }

    /// Does what a few of the blocks that were taken ask for: notes that a word is full, pins the
    /// module, asks for growth.
    ///
    /// # Errors
    ///
    /// [`Failure::NotServing`] if the module is about to go; the block of `size` bytes at `virt` is
    /// free again then.
    pub(crate) fn settle(
        self: ArcBorrow<'_, Self>,
        guard: &rcu::Guard,
        virt: usize,
        size: usize,
    ) -> Result<(), Failure> {
        let Some((member, page)) = self.table.read(guard).at_virt(virt) else {
            // A chunk with a block that is out stays.
            return Ok(());
        };

        member.chunk.close_word(page);
        self.attend(member, page, page_count(size))
    }

    /// As [`take_page`](Self::take_page) and [`settle`](Self::settle), with a `phys_addr_ok`.
    #[inline(always)]
    pub(crate) fn alloc_page(
        self: ArcBorrow<'_, Self>,
        guard: &rcu::Guard,
        request: &AllocRequest,
    ) -> Option<Block> {
        if request.size.wrapping_sub(1) >= PAGE_SIZE {
            return None;
        }
        let member = self.table.read(guard).first_of(request.zone)?;

        if member.pool.kind != request.kind {
            return None;
        }
        let (page, was_last) = member.chunk.alloc_page()?;

        if was_last {
            member.chunk.close_word(page);
        }
        if !request.allows(member.chunk.phys_of(page)) {
            member.chunk.put_back(page, 1);
            return None;
        }
        self.hand_out(member, page, 1).ok()
    }

    /// Serves a request from the first pool that can, and has a pool grow that is low or full.
    ///
    /// The pools are searched in the order of C's `dma_guess_pool()`; those of the other kind of
    /// memory (`cc_shared`) are passed over. The memory is not zeroed.
    ///
    /// # Context
    ///
    /// Any context but NMI, under RCU; takes no lock.
    pub(crate) fn alloc(
        self: ArcBorrow<'_, Self>,
        guard: &rcu::Guard,
        request: &AllocRequest,
    ) -> Result<Block, Failure> {
        let chunks = self.table.read(guard);
        let count = page_count(request.size);
        // Most that come here are served by the pool that is asked first, too.
        if let Some(Ok((member, page))) = chunks
            .first_of(request.zone)
            .filter(|member| member.pool.kind == request.kind)
            .map(|first| take_from(chunks.of(first.pool.zone), request, count, Chunk::alloc))
        {
            return self.hand_out(member, page, count);
        }
        self.search(chunks, request, count)
    }

    /// Serves a request from whatever pool can, in order.
    #[cold]
    fn search(
        self: ArcBorrow<'_, Self>,
        chunks: &Chunks,
        request: &AllocRequest,
        count: usize,
    ) -> Result<Block, Failure> {
        let mut found = false;
        let mut full = None;

        // Once more without the hints of what is free, which lag behind for a moment.
        for take in [Chunk::alloc, Chunk::alloc_anywhere] {
            full = None;
            for zone in search_order(request.zone.zone(), self.present) {
                let Some(pool) = self.pools.get(zone) else {
                    continue;
                };

                if pool.kind != request.kind {
                    continue;
                }
                found = true;
                match take_from(chunks.of(zone), request, count, take) {
                    Ok((member, page)) => {
                        if full.is_some() {
                            // It may have filled up while it was not watched.
                            growth::schedule(self);
                        }
                        return self.hand_out(member, page, count);
                    }
                    Err(AllocError::NoSpace) => full = full.or(Some(pool)),
                    Err(AllocError::NotAddressable) => (),
                }
            }
            if full.is_none() {
                break;
            }
        }

        if let Some(pool) = full {
            pool.record_failure(count << PAGE_SHIFT);
            growth::schedule(self);
        }
        Err(match (found, self.disabled) {
            (true, _) => Failure::Exhausted,
            (false, true) => Failure::Disabled,
            (false, false) => Failure::Missing,
        })
    }

    /// Counts a block that was taken, after which it belongs to who asked.
    #[inline(always)]
    fn hand_out(
        self: ArcBorrow<'_, Self>,
        member: &Member,
        page: usize,
        count: usize,
    ) -> Result<Block, Failure> {
        if member.pool.take(count << PAGE_SHIFT) {
            self.attend(member, page, count)?;
        }
        Ok(member.chunk.block(page, count))
    }

    /// Does what a block that was taken asks for: pins the module, or asks for growth.
    #[cold]
    #[inline(never)]
    fn attend(
        self: ArcBorrow<'_, Self>,
        member: &Member,
        page: usize,
        count: usize,
    ) -> Result<(), Failure> {
        match member.pool.attend(count << PAGE_SHIFT) {
            Ok(false) => Ok(()),
            Ok(true) => {
                growth::schedule(self);
                Ok(())
            }
            Err(Going) => {
                member.chunk.put_back(page, count);
                Err(Failure::NotServing)
            }
        }
    }

    /// Takes back a page at the kernel address `virt`, at the first attempt; most are.
    ///
    /// Returns `false` if nothing was done; [`free`](Self::free) does it then, or knows why not.
    ///
    /// # Safety
    ///
    /// As for [`free`](Self::free).
    #[inline(always)]
    pub(crate) unsafe fn free_likely(&self, guard: &rcu::Guard, virt: usize, size: usize) -> bool {
        give_back_page(self.table.read(guard).likely_at_virt(virt), size)
    }

    /// Takes back `page`, as [`free_likely`](Self::free_likely) does.
    ///
    /// # Safety
    ///
    /// As for [`free_page`](Self::free_page).
    #[inline(always)]
    pub(crate) unsafe fn free_page_likely(
        &self,
        guard: &rcu::Guard,
        page: *mut bindings::page,
        size: usize,
    ) -> bool {
        let chunks = self.table.read(guard);
        #[cfg(CONFIG_DMA_DIRECT_REMAP)]
        // SAFETY: The page is valid, as promised by the caller.
        let found = chunks.likely_at_phys(unsafe { bindings::page_to_phys(page) });
        // Pools are where all memory is mapped.
        #[cfg(not(CONFIG_DMA_DIRECT_REMAP))]
        // SAFETY: The page is valid, as promised by the caller.
        let found = chunks.likely_at_virt(unsafe { bindings::page_to_virt(page) } as usize);

        give_back_page(found, size)
    }

    /// Takes back `size` bytes at the kernel address `virt`.
    ///
    /// # Context
    ///
    /// Any context but NMI, under RCU; takes no lock.
    ///
    /// # Safety
    ///
    /// If the address is from these pools, it is that of a block that [`alloc`](Self::alloc)
    /// returned for a `size` that rounds up to the same number of pages, and that is not in use any
    /// more. Anything else is found out where it can be, see [`Free::Bad`].
    pub(crate) unsafe fn free(&self, guard: &rcu::Guard, virt: usize, size: usize) -> Free {
        match self.table.read(guard).at_virt(virt) {
            None => Free::Foreign,
            Some((member, page)) => take_back(member, page, size),
        }
    }

    /// Takes back `size` bytes from `page`, as [`free`](Self::free) does.
    ///
    /// # Safety
    ///
    /// `page` is valid; otherwise as for [`free`](Self::free).
    pub(crate) unsafe fn free_page(
        &self,
        guard: &rcu::Guard,
        page: *mut bindings::page,
        size: usize,
    ) -> Free {
        let chunks = self.table.read(guard);
        #[cfg(CONFIG_DMA_DIRECT_REMAP)]
        // SAFETY: The page is valid, as promised by the caller.
        let found = chunks.at_phys(unsafe { bindings::page_to_phys(page) });
        // Pools are where all memory is mapped.
        #[cfg(not(CONFIG_DMA_DIRECT_REMAP))]
        // SAFETY: The page is valid, as promised by the caller.
        let found = chunks.at_virt(unsafe { bindings::page_to_virt(page) } as usize);

        match found {
            None => Free::Foreign,
            Some((member, page)) => take_back(member, page, size),
        }
    }
}

/// Takes back one page that was found, and returns whether that was done.
#[inline(always)]
fn give_back_page(found: Option<(&Member, usize)>, size: usize) -> bool {
    let Some((member, page)) = found else {
        return false;
    };

    if size.wrapping_sub(1) >= PAGE_SIZE {
        return false;
    }
    let Some(was_full) = member.chunk.free_page(page) else {
        return false;
    };

    if member.pool.give_back(PAGE_SIZE) | was_full {
        settle_free(member, page);
    }
    true
}

/// Does what a few of the pages that came back ask for.
#[cold]
fn settle_free(member: &Member, page: usize) {
    member.chunk.open_word(page);
    member.pool.unpin();
}

/// Takes back `size` bytes from `page` of a chunk.
fn take_back(member: &Member, page: usize, size: usize) -> Free {
    let count = page_count(size);

    if member.chunk.free(page, count).is_err() {
        return Free::Bad;
    }
    if member.pool.give_back(count << PAGE_SHIFT) {
        member.pool.unpin();
    }
    Free::Done
}

/// Takes `count` pages, by `take`, from the first chunk that has some the device can address.
fn take_from<'a>(
    members: &'a [Arc<Member>],
    request: &AllocRequest,
    count: usize,
    take: fn(&Chunk, usize) -> Option<usize>,
) -> Result<(&'a Member, usize), AllocError> {
    let mut error = AllocError::NoSpace;

    for member in members {
        let Some(page) = take(&member.chunk, count) else {
            continue;
        };

        if request.allows(member.chunk.phys_of(page)) {
            return Ok((member, page));
        }
        member.chunk.put_back(page, count);
        error = AllocError::NotAddressable;
    }
    Err(error)
}

/// Whole pages that `size` bytes take.
#[inline(always)]
fn page_count(size: usize) -> usize {
    (size >> PAGE_SHIFT).wrapping_add(usize::from(size % PAGE_SIZE != 0))
}
