// SPDX-License-Identifier: GPL-2.0

//! What the DMA layer asks for, from C's terms to ours.
//!
//! Requests come in two kinds: without a `phys_addr_ok` (dma-iommu.c), which need no call on
//! their way, and with one (direct.c, swiotlb.c).
//!
//! Each function reads the pools that serve, under RCU, and asks them. RCU begins in the caller, and
//! ends before memory is zeroed or a message printed: a block that is out keeps its chunk and, as a
//! module, the code. For the module that is done in `kernel/dma/pool.c`, otherwise in `builtin.rs`.
//! Both say how the DMA layer finds these functions; who serves is in [`pool`](crate::pool).

use core::ptr::NonNull;

use kernel::{
    bindings,
    prelude::*,
    sync::rcu, //
};

use crate::{
    pool::{
        free::Free,
        request::{
            AllocRequest,
            Kind,
            PhysAddrOk,
            WantedZone, //
        },
        Block, //
    },
    published,
    report::failure::Failure,
};

/// Takes a page for a request without `phys_addr_ok`, as
/// [`Pools::take_page`](crate::pool::Pools::take_page).
///
/// Apart from [`alloc`], so that it needs no room for what others do. Any context but NMI; takes no
/// lock.
#[inline(always)]
pub(crate) fn take_page(
    guard: &rcu::Guard,
    size: usize,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
) -> Option<(Block, usize)> {
    crate::pools(guard)?.take_page(guard, size, WantedZone::of(gfp), Kind::of(attrs))
}

/// As [`take_page`], for more than a page, and from more chunks.
#[inline(always)]
pub(crate) fn take_run(
    guard: &rcu::Guard,
    size: usize,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
) -> Option<(Block, usize)> {
    crate::pools(guard)?.take_run(guard, size, WantedZone::of(gfp), Kind::of(attrs))
}

/// As [`Pools::settle`](crate::pool::Pools::settle), for what [`take_page`] or [`take_run`] took.
///
/// # Safety
///
/// As [`published::latest`].
pub(crate) unsafe fn settle(
    guard: &rcu::Guard,
    virt: NonNull<u8>,
    size: usize,
    unsettled: usize,
) -> Result<(), Failure> {
    // Not those that serve: if they do no more, the module cannot be pinned, and has to have the
    // block back.
    //
    // SAFETY: As promised by the caller.
    let pools = unsafe { published::latest(guard) };

    pools.settle(guard, virt.as_ptr() as usize, size, unsettled)
}

/// Finds memory for a page, as [`Pools::alloc_page`](crate::pool::Pools::alloc_page).
///
/// # Safety
///
/// `phys_addr_ok` may be called with `dev` in this context.
#[inline(always)]
pub(crate) unsafe fn alloc_page(
    guard: &rcu::Guard,
    dev: *mut bindings::device,
    size: usize,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> Option<Block> {
    // SAFETY: As promised by the caller.
    let request = unsafe { AllocRequest::new(dev, size, gfp, attrs, phys_addr_ok) };

    crate::pools(guard)?.alloc_page(guard, &request)
}

/// Finds memory for any request. It is not zeroed. Any context but NMI; takes no lock. This is also
/// the way for those who trace.
///
/// # Safety
///
/// As for [`alloc_page`].
pub(crate) unsafe fn alloc(
    guard: &rcu::Guard,
    dev: *mut bindings::device,
    size: usize,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> Result<Block, Failure> {
    // SAFETY: As promised by the caller.
    let request = unsafe { AllocRequest::new(dev, size, gfp, attrs, phys_addr_ok) };

    crate::pools(guard).map_or(Err(Failure::NotServing), |pools| {
        pools.alloc(guard, &request)
    })
}

/// Gives a page back, as [`Pools::free_likely`](crate::pool::Pools::free_likely): most that come
/// back are done with this. Any context but NMI; takes no lock.
///
/// # Safety
///
/// As [`Pools::free`](crate::pool::Pools::free).
#[inline(always)]
pub(crate) unsafe fn free_likely(guard: &rcu::Guard, virt: *mut c_void, size: usize) -> bool {
    crate::pools(guard).is_some_and(|pools| {
        // SAFETY: As promised by the caller.
        unsafe { pools.free_likely(guard, virt as usize, size) }
    })
}

/// Gives memory back, if it is from the pools. Any context but NMI; takes no lock.
///
/// # Safety
///
/// As [`Pools::free`](crate::pool::Pools::free).
pub(crate) unsafe fn free(
    guard: &rcu::Guard,
    dev: *mut bindings::device,
    virt: *mut c_void,
    size: usize,
) -> Free {
    // SAFETY: As promised by the caller.
    crate::pools(guard).map_or(Free::Foreign, |pools| unsafe {
        pools.free(guard, dev, virt as usize, size)
    })
}

/// Gives a page back by its `struct page`. As [`free_likely`].
///
/// # Safety
///
/// As [`Pools::free_page`](crate::pool::Pools::free_page).
#[inline(always)]
pub(crate) unsafe fn free_page_likely(
    guard: &rcu::Guard,
    page: *mut bindings::page,
    size: usize,
) -> bool {
    crate::pools(guard).is_some_and(|pools| {
        // SAFETY: As promised by the caller.
        unsafe { pools.free_page_likely(guard, page, size) }
    })
}

/// Gives memory back by its first page, if it is from the pools. As [`free`].
///
/// # Safety
///
/// As [`Pools::free_page`](crate::pool::Pools::free_page).
pub(crate) unsafe fn free_page(
    guard: &rcu::Guard,
    dev: *mut bindings::device,
    page: *mut bindings::page,
    size: usize,
) -> Free {
    // SAFETY: As promised by the caller.
    crate::pools(guard).map_or(Free::Foreign, |pools| unsafe {
        pools.free_page(guard, dev, page, size)
    })
}
