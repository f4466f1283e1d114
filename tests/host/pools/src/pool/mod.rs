// SPDX-License-Identifier: GPL-2.0

//! Tests of the pools, at the place where their own parts see each other.
//!
//! - `counts.rs`: explorations of what one pool counts, and of the pin on the module;
//! - `tables.rs`: explorations of the table, beside readers;
//! - `names.rs`: explorations of the name of the device that failed;
//! - `serving.rs`: explorations of pools that begin to serve and cease to;
//! - `interrupts.rs`: requests in the middle of requests;
//! - `sequences.rs` with `model.rs`: random sequences of all that happens to pools;
//! - `failures.rs`: each allocation fails once.
//!
//! Here is what they share.

mod counts;
mod failures;
mod interrupts;
mod model;
mod names;
mod sequences;
mod serving;
mod tables;

use kernel::{
    bindings,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        rcu,
        Arc, //
    },
};

use crate::{
    plan::{
        zones::{
            PerZone,
            Zone,
            ZoneSet, //
        },
        Limits,
        Plan, //
    },
    report::failure::Failure,
};

use super::{
    free::{
        first_page,
        Free,
        Place,
        Virt, //
    },
    request::{
        AllocRequest,
        PhysAddrOk, //
    },
    Block,
    Pools, //
};

/// Pools of so many pages, which may grow to so many.
fn plan(zones: ZoneSet, pages: usize, max: usize, cc_shared: bool) -> Plan {
    let limits = Limits {
        min: pages * PAGE_SIZE,
        max: max * PAGE_SIZE,
    };

    Plan {
        pools: PerZone::default().map(|zone, (): ()| zones.contains(zone).then_some(limits)),
        disabled: false,
        cc_shared,
    }
}

/// One pool, in DMA32.
const ONE: ZoneSet = ZoneSet::EMPTY.with(Zone::Dma32);

fn request(phys_addr_ok: PhysAddrOk, zone: Zone, size: usize, cc_shared: bool) -> AllocRequest {
    let gfp = match zone {
        Zone::Kernel => bindings::GFP_ATOMIC,
        Zone::Dma => bindings::GFP_ATOMIC | bindings::GFP_DMA,
        Zone::Dma32 => bindings::GFP_ATOMIC | bindings::GFP_DMA32,
    };
    let attrs = if cc_shared {
        bindings::__DMA_ATTR_ALLOC_CC_SHARED as c_ulong
    } else {
        0
    };

    // SAFETY: The functions of these tests do not look at the device.
    unsafe { AllocRequest::new(core::ptr::null_mut(), size, gfp, attrs, phys_addr_ok) }
}

/// A request, as the module goes about it; `asks` if it has a `phys_addr_ok`.
fn alloc(pools: &Pools, request: &AllocRequest, asks: bool) -> Result<Block, Failure> {
    let guard = rcu::read_lock();
    let (size, zone, kind) = (request.size, request.zone, request.kind);

    if !asks {
        let chunks = pools.table.read(&guard);
        let taken = match size {
            1..=PAGE_SIZE => chunks.take_page(zone, kind),
            _ => None,
        }
        .or_else(|| chunks.take_run(size, zone, kind));

        match taken {
            Some((block, 0)) => return Ok(block),
            Some((block, unsettled)) => {
                let virt = block.virt.as_ptr() as usize;

                return pools.settle(&guard, virt, size, unsettled).map(|()| block);
            }
            None => (),
        }
    } else if let Some(block) = pools.alloc_page(&guard, request) {
        return Ok(block);
    }
    pools.alloc(&guard, request)
}

/// A free, as the module goes about it: by the address, or by the page.
fn free(pools: &Pools, block: &Block, size: usize, by_page: bool) -> Free {
    if by_page {
        // SAFETY: That of a block is valid.
        free_at(pools, unsafe { first_page(block.page.as_ptr()) }, size)
    } else {
        free_at(pools, Virt(block.virt.as_ptr() as usize), size)
    }
}

fn free_at(pools: &Pools, at: impl Place, size: usize) -> Free {
    let (guard, dev) = (rcu::read_lock(), core::ptr::null_mut());

    // SAFETY: What is no block that is out is noticed.
    unsafe {
        if pools.table.read(&guard).free_likely(at, size) {
            return Free::Done;
        }
        pools.free(&guard, dev, at, size)
    }
}

/// Has the worker run, if it was asked for.
fn work(pools: &Arc<Pools>) -> bool {
    let asked = kernel::machine::take_work().is_some();

    if asked {
        let lent = Arc::as_ptr(pools);

        // SAFETY: It gives the reference back that it is lent.
        <Pools as kernel::workqueue::WorkItem>::run(unsafe { Arc::from_raw(lent) });
    }
    asked
}
