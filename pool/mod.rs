// SPDX-License-Identifier: GPL-2.0

//! The atomic DMA pools: memory that is ready for devices before anyone asks, for drivers that
//! allocate where they must not sleep.
//!
//! Here all pools are created, requests find their pool, and blocks find the way back. The files
//! beside this one do the parts:
//!
//! - [`pool`]: one pool, and how it serves a request;
//! - [`table`]: the chunks of all pools, walked without a lock;
//! - [`growth`]: the work item that adds chunks.
//!
//! What a chunk is made of is in [`memory`](crate::memory), which pools there shall be in
//! [`policy`](crate::policy), and what is said about a request that fails in
//! [`report`](crate::report).

mod growth;
#[cfg(CONFIG_KUNIT = "y")]
mod kunit;
#[expect(clippy::module_inception, reason = "one pool among the pools")]
mod pool;
mod table;

use kernel::{
    bindings,
    io::PhysAddr,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
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
        AllocError,
        Pool, //
    },
    table::{
        Chunks,
        Table, //
    },
};

use crate::{
    memory::chunk::Chunk,
    policy::{
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

/// Asks whether a device can address a block, as `phys_addr_ok` of `dma_alloc_from_pool()`.
pub(crate) type PhysAddrOk =
    Option<unsafe extern "C" fn(*mut bindings::device, PhysAddr, usize) -> bool>;

/// What a caller of `dma_alloc_from_pool()` wants.
pub(crate) struct AllocRequest {
    /// The device; may be NULL. Only passed on and named in messages.
    pub(crate) dev: *mut bindings::device,
    /// Bytes.
    pub(crate) size: usize,
    /// The pool that is searched first.
    pub(crate) zone: Zone,
    /// Whether the memory has to be decrypted.
    pub(crate) cc_shared: bool,
    /// Rejects memory that the device cannot address.
    pub(crate) phys_addr_ok: PhysAddrOk,
}

/// Memory for a device: whole pages, zeroed.
pub(crate) struct Block {
    /// Kernel address.
    pub(crate) virt: *mut u8,
    /// Physical address.
    pub(crate) phys: PhysAddr,
}

/// All pools of the machine.
#[pin_data]
pub(crate) struct Pools {
    pub(crate) pools: PerZone<Option<Pool>>,
    /// The zones whose pool exists.
    present: ZoneSet,
    /// Whether the user wants no pools.
    disabled: bool,
    /// Size of the pools that do not exist, for debugfs: 0.
    pub(crate) no_size: Atomic<usize>,
    /// Requests that failed because the user wants no pools.
    pub(crate) disabled_allocs: Atomic<usize>,
    #[pin]
    pub(crate) disabled_limit: RateLimit,
    #[pin]
    table: Table,
    #[pin]
    growth: Work<Self>,
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
    pub(crate) fn new(plan: &Plan, cc_shared: bool) -> Result<Arc<Self>> {
        let mut chunks = Chunks::new();
        let mut present = ZoneSet::EMPTY;
        let pools = plan.pools.map(|zone, size| {
            let pool = Pool::new(zone, size?, cc_shared, &mut chunks)?;

            present = present.with(zone);
            Some(pool)
        });

        Arc::pin_init(
            try_pin_init!(Self {
                pools,
                present,
                disabled: plan.disabled,
                no_size: Atomic::new(0),
                disabled_allocs: Atomic::new(0),
                disabled_limit <- RateLimit::new(),
                table <- Table::new(chunks),
                growth <- new_work!("dma_pool_growth"),
            }),
            GFP_KERNEL,
        )
    }

    /// Logs what became of the plan that these pools were created from.
    pub(crate) fn log(&self, plan: &Plan) {
        for (zone, size) in plan.pools.iter() {
            let Some(size) = *size else {
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
                pool.initial >> 10,
                zone.gfp_name()
            );
            if pool.initial < size {
                pr_warn!(
                    "DMA: memory is short, the {} pool lacks {} of {} KiB\n",
                    zone.name(),
                    (size - pool.initial) >> 10,
                    size >> 10
                );
            }
        }
    }

    /// Gives all memory back, before the pools themselves go.
    ///
    /// No block is out, and [`alloc`](Self::alloc) is not called any more; [`free`](Self::free) may
    /// still be asked about addresses that are from elsewhere.
    ///
    /// # Context
    ///
    /// Process context; sleeps.
    #[cfg_attr(
        not(any(MODULE, CONFIG_KUNIT = "y")),
        expect(dead_code, reason = "what is built in stays")
    )]
    pub(crate) fn release_memory(self: &Arc<Self>) {
        growth::stop(self);
        // Without memory for an empty table, the last reference gives all back.
        let _ = self.table.clear();
    }

    /// Serves a request from the first pool that can. A pool that is low or full grows soon after.
    ///
    /// The pools are searched in the order of C's `dma_guess_pool()`; those of the other kind of
    /// memory (`cc_shared`) are passed over.
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
        let size = whole_pages(request.size);
        let mut found = false;
        let mut full = None;

        for zone in search_order(request.zone, self.present) {
            let Some(pool) = self.pools.get(zone) else {
                continue;
            };

            if pool.cc_shared != request.cc_shared {
                continue;
            }
            found = true;
            match pool.alloc(chunks, request, size) {
                Ok(block) => {
                    if pool.is_low() {
                        growth::schedule(self);
                    }
                    // Here and not at free: until then the device may still write. All of the last
                    // page, as a driver may map it to user space.
                    //
                    // SAFETY: The block has `size` bytes and belongs to this request alone.
                    unsafe { block.virt.write_bytes(0, size) };
                    return Ok(block);
                }
                Err(AllocError::NoSpace) => full = full.or(Some(pool)),
                Err(AllocError::NotAddressable) => (),
            }
        }

        if let Some(pool) = full {
            pool.record_failure(size);
            growth::schedule(self);
        }
        Err(match (found, self.disabled) {
            (true, _) => Failure::Exhausted,
            (false, true) => Failure::Disabled,
            (false, false) => Failure::Missing,
        })
    }

    /// Takes back the block at the kernel address `virt`; whether it is from these pools.
    ///
    /// # Context
    ///
    /// Any context but NMI, under RCU; takes no lock.
    ///
    /// # Safety
    ///
    /// If the address is from these pools, it is that of a block that [`alloc`](Self::alloc)
    /// returned for a `size` that rounds up to the same number of pages, and that is not in use any
    /// more.
    pub(crate) unsafe fn free(&self, guard: &rcu::Guard, virt: usize, size: usize) -> bool {
        // SAFETY: As promised by the caller.
        unsafe { self.free_if(guard, size, |chunk| chunk.offset_of_virt(virt, size)) }
    }

    /// Takes back the block at the physical address `phys`, as [`free`](Self::free) does.
    ///
    /// # Safety
    ///
    /// As for [`free`](Self::free).
    pub(crate) unsafe fn free_phys(&self, guard: &rcu::Guard, phys: PhysAddr, size: usize) -> bool {
        // SAFETY: As promised by the caller.
        unsafe { self.free_if(guard, size, |chunk| chunk.offset_of_phys(phys, size)) }
    }

    /// Takes back the block at the offset that `find` returns for one of the chunks.
    ///
    /// # Safety
    ///
    /// The offset is that of a block of that chunk as described at [`free`](Self::free).
    unsafe fn free_if(
        &self,
        guard: &rcu::Guard,
        size: usize,
        find: impl Fn(&Chunk) -> Option<usize>,
    ) -> bool {
        let chunks = self.table.read(guard);
        let Some((chunk, offset)) = chunks.iter().find_map(|chunk| Some((chunk, find(chunk)?)))
        else {
            return false;
        };

        // SAFETY: As promised by the caller.
        unsafe { chunk.free(offset, size) };
        if let Some(pool) = self.pools.get(chunk.zone()) {
            pool.in_use.fetch_sub(whole_pages(size), Relaxed);
        }
        true
    }
}

/// Rounds up to whole pages; to the largest number, more than any chunk has, if there is none.
fn whole_pages(size: usize) -> usize {
    size.checked_next_multiple_of(PAGE_SIZE)
        .unwrap_or(usize::MAX)
}
