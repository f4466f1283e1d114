// SPDX-License-Identifier: GPL-2.0

//! The atomic DMA pools: memory that is ready for devices before anyone asks, for drivers that
//! allocate where they must not sleep.
//!
//! Here all pools are created, and requests find their pool and the way back. The files beside
//! this one do the parts:
//!
//! - [`request`]: what a caller wants;
//! - [`pool`] with [`count`]: one pool, what of it is out, and the pin on the module;
//! - [`table`] with [`index`]: the chunks of all pools, found without a lock;
//! - [`growth`] with [`shrinker`]: the work item that adds chunks and gives them back;
//! - [`figures`]: what is counted besides.
//!
//! What the memory is, is in [`memory`](crate::memory); which pools there shall be, in
//! [`plan`](crate::plan).

mod count;
pub(crate) mod figures;
pub(crate) mod growth;
mod index;
#[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
mod kunit;
#[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
mod kunit_growth;
#[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
mod kunit_shrink;
#[expect(clippy::module_inception, reason = "the pool of one zone")]
pub(crate) mod pool;
pub(crate) mod request;
pub(crate) mod shrinker;
pub(crate) mod table;

use core::ptr::NonNull;

use kernel::{
    bindings::{
        self,
        MAX_PAGE_ORDER, //
    },
    new_mutex,
    page::{
        PAGE_SHIFT,
        PAGE_SIZE, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            AtomicFlag,
            Relaxed, //
        },
        rcu,
        Arc,
        Mutex, //
    },
    time::{
        Instant,
        Monotonic, //
    },
    workqueue::{
        new_delayed_work,
        DelayedWork, //
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
        control::Control,
        zones::{
            search_order,
            PerZone,
            Zone,
            ZoneSet, //
        },
        Limits,
        Plan, //
    },
    report::{
        failure::Failure,
        ratelimit::RateLimit,
        trace, //
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
    /// When these pools were created.
    since: Instant<Monotonic>,
    /// Milliseconds that tests did not wait.
    #[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
    skipped: Atomic<usize>,
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
        let mut controls = PerZone::default();

        for (zone, limits) in plan.pools.iter() {
            let Some(limits) = *limits else {
                continue;
            };

            if let Some(pool) = Pool::new(zone, limits.min, plan.cc_shared, &mut list)? {
                *controls.get_mut(zone) = Some(control(&pool, limits.max));
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
                missing_allocs: Atomic::new(0),
                limit <- RateLimit::new(),
                mask_limit <- RateLimit::new(),
                named_impossible: AtomicFlag::new(false),
                no_size: Atomic::new(0),
                controls <- new_mutex!(controls, "dma_pool_controls"),
                growth <- new_delayed_work!("dma_pool_growth"),
                growth_queued: AtomicFlag::new(false),
                pressure: AtomicFlag::new(false),
                since: Instant::now(),
                #[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
                skipped: Atomic::new(0),
            }),
            GFP_KERNEL,
        )
    }

    /// Gives pools the memory that was not there when they were created.
    ///
    /// Process context; may sleep.
    #[cfg(MODULE)]
    pub(crate) fn fill(&self, plan: &Plan) {
        let mut controls = self.controls.lock();

        for (zone, limits) in plan.pools.iter() {
            let (Some(Limits { min, max }), Some(pool)) = (*limits, self.pool(zone)) else {
                continue;
            };

            if pool.initial() >= min {
                continue;
            }
            while let Some(missing) = min
                .checked_sub(crate::sync::read_once(&pool.size))
                .filter(|missing| *missing != 0)
            {
                let sizes = crate::plan::sizes::creation(missing, false, PAGE_SIZE, MAX_PAGE_ORDER);
                let added = Chunk::new(zone, sizes, pool.kind.is_shared())
                    .is_ok_and(|chunk| self.table.add(pool, chunk, false).is_ok());

                if !added {
                    break;
                }
            }
            pool.set_initial(crate::sync::read_once(&pool.size).min(min));
            *controls.get_mut(zone) = Some(control(pool, max));
        }
    }

    /// Logs what became of the plan that these pools were created from.
    #[cfg_attr(
        not(any(MODULE, CONFIG_DMA_POOL_RUST_KUNIT_TEST)),
        link_section = ".init.text"
    )]
    pub(crate) fn log(&self, plan: &Plan) {
        for (zone, limits) in plan.pools.iter() {
            let Some(Limits { min: size, .. }) = *limits else {
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
    pub(crate) fn size(&self, zone: Zone) -> &Atomic<usize> {
        match self.pools.get(zone) {
            Some(pool) => &pool.size,
            None => &self.no_size,
        }
    }

    /// Takes a page of the pool that is asked first, at the first attempt, for a request without
    /// `phys_addr_ok`.
    ///
    /// The page is counted as out. [`settle`](Self::settle) has to follow, with the second value
    /// returned, unless that is 0. `None` for whatever is not that simple; [`alloc`](Self::alloc) serves it.
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
    ) -> Option<(Block, usize)> {
        if size.wrapping_sub(1) >= PAGE_SIZE {
            return None;
        }
        let member = self.table.read(guard).first_of(zone)?;

        if member.pool.kind != kind {
            return None;
        }
        let (page, was_last) = member.chunk.alloc_page()?;
        let unsettled = member.pool.take(1) | usize::from(was_last);

        Some((member.chunk.block(page, 1), unsettled))
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
    ) -> Option<(Block, usize)> {
        let chunks = self.table.read(guard);
        let count = page_count(size);
        let pool = &chunks.first_of(zone)?.pool;

        if pool.kind != kind {
            return None;
        }
        let mut members = chunks.of(pool.zone).iter();
        let member = members.find(|member| !member.chunk.seems_full())?;
        let (page, was_last) = if count == 1 {
            member.chunk.alloc_page()
        } else {
            member.chunk.alloc_run(&Run::new(count)?)
        }?;
        let unsettled = pool.take(count) | usize::from(was_last);

        Some((member.chunk.block(page, count), unsettled))
    }

    /// Does what a few of the blocks that were taken ask for, as `unsettled` says: notes that a word
    /// is full or a new peak, pins the module, asks for growth.
    ///
    /// # Errors
    ///
    /// [`Failure::NotServing`] if the module is about to go; the block of `size` bytes at `virt` is
    /// free again then.
    pub(crate) fn settle(
        &self,
        guard: &rcu::Guard,
        virt: usize,
        size: usize,
        unsettled: usize,
    ) -> Result<(), Failure> {
        let Some((member, page)) = self.table.read(guard).at_virt(virt) else {
            // A chunk with a block that is out stays.
            return Ok(());
        };

        member.chunk.close_word(page);
        self.attend(member, page, page_count(size), unsettled)
    }

    /// As [`take_page`](Self::take_page) and [`settle`](Self::settle), with a `phys_addr_ok`.
    #[inline(always)]
    pub(crate) fn alloc_page(&self, guard: &rcu::Guard, request: &AllocRequest) -> Option<Block> {
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
        &self,
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
            return self.hand_out_traced(request, member, page, count);
        }
        self.search(chunks, request, count)
    }

    /// Serves a request from whatever pool can, in order.
    #[cold]
    fn search(
        &self,
        chunks: &Chunks,
        request: &AllocRequest,
        count: usize,
    ) -> Result<Block, Failure> {
        // The pool that was asked first, and the first that was full.
        let (mut asked, mut full) = (None, None);

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
                asked = asked.or(Some(pool));
                match take_from(chunks.of(zone), request, count, take) {
                    Ok((member, page)) => {
                        if full.is_some() {
                            // It may have filled up while it was not watched.
                            growth::schedule(self);
                        }
                        return self.hand_out_traced(request, member, page, count);
                    }
                    Err(AllocError::NoSpace) => full = full.or(Some(pool)),
                    Err(AllocError::NotAddressable) => (),
                }
            }
            if full.is_none() {
                break;
            }
        }

        let Some(asked) = asked else {
            let (failure, counter) = if self.disabled {
                (Failure::Disabled, &self.disabled_allocs)
            } else {
                (Failure::Missing, &self.missing_allocs)
            };

            counter.add(1, Relaxed);
            return Err(failure);
        };
        let Some(full) = full else {
            asked.figures.failed_mask.add(1, Relaxed);
            return Err(Failure::NotAddressable);
        };

        asked.figures.failed_full.add(1, Relaxed);
        if count == 0 || count > 1 << MAX_PAGE_ORDER {
            return Err(Failure::Exhausted);
        }
        // Before the worker has a chance: what it finds out is for the next request.
        let grows = full.can_grow_by(count << PAGE_SHIFT);

        full.record_failure(count << PAGE_SHIFT);
        growth::schedule(self);
        Err(if grows {
            Failure::Growing
        } else {
            Failure::Exhausted
        })
    }

    /// Counts a block that was taken, after which it belongs to who asked.
    #[inline(always)]
    fn hand_out(&self, member: &Member, page: usize, count: usize) -> Result<Block, Failure> {
        let unsettled = member.pool.take(count);

        if unsettled != 0 {
            self.attend(member, page, count, unsettled)?;
        }
        Ok(member.chunk.block(page, count))
    }

    /// As [`hand_out`](Self::hand_out), for who traces that.
    fn hand_out_traced(
        &self,
        request: &AllocRequest,
        member: &Member,
        page: usize,
        count: usize,
    ) -> Result<Block, Failure> {
        let block = self.hand_out(member, page, count)?;

        if trace::traces_allocs() {
            request.trace(member.pool.zone, block.size, member.chunk.phys_of(page));
        }
        Ok(block)
    }

    /// Does what a block that was taken asks for: pins the module, notes a peak, or asks for growth.
    #[cold]
    #[inline(never)]
    fn attend(
        &self,
        member: &Member,
        page: usize,
        count: usize,
        unsettled: usize,
    ) -> Result<(), Failure> {
        match member.pool.attend(unsettled, count) {
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
    /// more. Anything else is found out where it can be, see [`Free::Bad`]. `dev` is NULL or a device.
    pub(crate) unsafe fn free(
        &self,
        guard: &rcu::Guard,
        dev: *mut bindings::device,
        virt: usize,
        size: usize,
    ) -> Free {
        match self.table.read(guard).at_virt(virt) {
            None => Free::Foreign,
            // SAFETY: As promised by the caller.
            Some((member, page)) => unsafe { take_back(dev, member, page, size) },
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
        dev: *mut bindings::device,
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
            // SAFETY: As promised by the caller.
            Some((member, page)) => unsafe { take_back(dev, member, page, size) },
        }
    }
}

#[pinned_drop]
impl PinnedDrop for Pools {
    fn drop(self: Pin<&mut Self>) {
        growth::stop(&self);
    }
}

/// How the size of a new pool follows the load, up to `max` bytes.
fn control(pool: &Pool, max: usize) -> Control {
    let min = pool.initial();
    let limits = Limits {
        min,
        max: max.max(min),
    };

    pool.set_max(limits.max);
    Control::new(limits, PAGE_SIZE, MAX_PAGE_ORDER)
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

    if member.pool.give_back(1) | was_full {
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
///
/// # Safety
///
/// `dev` is NULL or a device.
unsafe fn take_back(dev: *mut bindings::device, member: &Member, page: usize, size: usize) -> Free {
    let count = page_count(size);

    if member.chunk.free(page, count).is_err() {
        return Free::Bad;
    }
    if trace::traces_frees() {
        let phys = member.chunk.phys_of(page);

        // SAFETY: As promised by the caller.
        unsafe { trace::free(dev, member.pool.zone, count << PAGE_SHIFT, phys) };
    }
    if member.pool.give_back(count) {
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
