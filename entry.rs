// SPDX-License-Identifier: GPL-2.0

//! The three functions that the DMA layer calls, from C's terms to ours and back.
//!
//! How the DMA layer finds them is in `module.rs` and `builtin.rs`; who serves is in
//! [`pool`](crate::pool).

use core::ptr::null_mut;

use kernel::{
    bindings,
    prelude::*,
    sync::{
        rcu,
        ArcBorrow, //
    },
};

use crate::{
    policy::zones::Zone,
    pool::{
        AllocRequest,
        Block,
        PhysAddrOk,
        Pools, //
    },
    pools,
    report::failure::Failure,
};

/// Serves a request; before the pools are set up, none is there for it.
#[inline]
pub(crate) fn serve(
    pools: Option<ArcBorrow<'_, Pools>>,
    guard: &rcu::Guard,
    request: &AllocRequest,
) -> Result<Block, Failure> {
    pools.map_or(Err(Failure::Missing), |pools| pools.alloc(guard, request))
}

/// Implements `dma_alloc_from_pool()`.
///
/// # Safety
///
/// `dev` is NULL or a device, `cpu_addr` is valid for writes, and `phys_addr_ok` may be called for
/// this device in this context.
#[inline]
pub(crate) unsafe fn alloc(
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> *mut bindings::page {
    let guard = rcu::read_lock();
    let pools = pools(&guard);
    let request = AllocRequest {
        dev,
        size,
        zone: wanted_zone(gfp),
        cc_shared: attrs & bindings::__DMA_ATTR_ALLOC_CC_SHARED as c_ulong != 0,
        phys_addr_ok,
    };

    match serve(pools, &guard, &request) {
        Ok(block) => {
            // SAFETY: Valid for writes, as promised by the caller.
            unsafe { cpu_addr.write(block.virt.cast()) };
            // SAFETY: The memory of a block has a `struct page`.
            unsafe { bindings::phys_to_page(block.phys) }
        }
        Err(failure) => {
            // SAFETY: `dev` is NULL or a device, as promised by the caller.
            unsafe { failure.report(pools.as_deref(), dev, gfp & bindings::__GFP_NOWARN != 0) };
            null_mut()
        }
    }
}

/// Implements `dma_free_from_pool()`.
///
/// # Safety
///
/// If `start` is from the pools, it is a block of `size` bytes that is not in use any more.
#[inline]
pub(crate) unsafe fn free(start: *mut c_void, size: usize) -> bool {
    let guard = rcu::read_lock();

    // SAFETY: As promised by the caller.
    pools(&guard).is_some_and(|pools| unsafe { pools.free(&guard, start as usize, size) })
}

/// Implements `dma_free_from_pool_page()`.
///
/// # Safety
///
/// `page` is valid. If it is from the pools, it is the first of a block of `size` bytes that is not
/// in use any more.
#[inline]
pub(crate) unsafe fn free_page(page: *mut bindings::page, size: usize) -> bool {
    let guard = rcu::read_lock();
    // SAFETY: The page is valid, as promised by the caller.
    let phys = unsafe { bindings::page_to_phys(page) };

    // SAFETY: As promised by the caller.
    pools(&guard).is_some_and(|pools| unsafe { pools.free_phys(&guard, phys, size) })
}

/// The zone that the flags of a request ask for, as `dma_guess_pool()` reads them.
fn wanted_zone(gfp: bindings::gfp_t) -> Zone {
    if gfp & bindings::GFP_DMA != 0 {
        Zone::Dma
    } else if gfp & bindings::GFP_DMA32 != 0 {
        Zone::Dma32
    } else {
        Zone::Kernel
    }
}

#[kunit_tests(rust_dma_pool_entry)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_those_of_the_flags() {
        use bindings::{
            GFP_ATOMIC,
            GFP_DMA,
            GFP_DMA32, //
        };

        assert_eq!(wanted_zone(GFP_ATOMIC), Zone::Kernel);
        assert_eq!(wanted_zone(GFP_ATOMIC | GFP_DMA), Zone::Dma);
        assert_eq!(wanted_zone(GFP_ATOMIC | GFP_DMA32), Zone::Dma32);
        assert_eq!(wanted_zone(GFP_ATOMIC | GFP_DMA | GFP_DMA32), Zone::Dma);
    }
}
