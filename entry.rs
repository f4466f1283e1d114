// SPDX-License-Identifier: GPL-2.0

//! What the DMA layer asks for, each by the shortest way that can do it.
//!
//! Requests come in two kinds: without a `phys_addr_ok` (dma-iommu.c), which need no call on
//! their way, and with one (direct.c, swiotlb.c). Each begins at the first attempt that may serve it,
//! and goes on with what can do more. That is a function of its own and called last, so that what
//! is rare costs the others neither registers nor a stack frame.
//!
//! A request is a [`Call`], of `builtin.rs` or `provider.rs`. All of this is monomorphised for one of
//! them. Each attempt finds the pools that serve, and asks them, all in one section of RCU; who serves
//! is in [`pool`](crate::pool). RCU ends before memory is zeroed or a message printed: a block that is
//! out keeps its chunk and, as a module, the code. Any context but NMI; nothing here takes a lock.

use core::ptr::NonNull;

use kernel::{
    bindings,
    page::PAGE_SIZE,
    prelude::*,
    sync::rcu, //
};

use crate::{
    pool::{
        free::{
            Free,
            Place, //
        },
        request::{
            AllocRequest,
            Kind,
            PhysAddrOk,
            WantedZone, //
        },
        table::serving,
        Block, //
    },
    published,
    report::{
        failure::Failure,
        trace, //
    },
};

/// A call of the DMA layer, in a section of RCU that ends when it is answered: before memory is zeroed
/// or people are told.
pub(crate) trait Call: Sized {
    /// Whether memory was from the pools.
    type Freed;

    /// The section.
    fn guard(&self) -> &rcu::Guard;

    /// Hands out a block: stores its address, and returns its page.
    ///
    /// # Safety
    ///
    /// The block belongs to who asked; `cpu_addr` is valid for writes.
    unsafe fn served(self, block: Block, cpu_addr: *mut *mut c_void) -> *mut bindings::page;

    /// Answers that there is no block, and has people told why.
    ///
    /// # Safety
    ///
    /// As [`Failure::report`].
    unsafe fn failed(
        self,
        failure: Failure,
        dev: *mut bindings::device,
        size: usize,
        gfp: bindings::gfp_t,
    ) -> *mut bindings::page;

    /// Answers that the pools are about to go, [`Failure::NotServing`].
    fn not_serving(self) -> *mut bindings::page;

    /// Answers whether memory was from the pools and has been taken back.
    fn freed(self, is_ours: bool) -> Self::Freed;

    /// Answers that `size` bytes at `addr` cannot be taken back, and has people told.
    ///
    /// # Safety
    ///
    /// `dev` is NULL or a device.
    unsafe fn bad_free(self, dev: *mut bindings::device, addr: u64, size: usize) -> Self::Freed;
}

/// Serves a request of `dma_alloc_from_pool()`.
///
/// # Safety
///
/// `dev` is NULL or a device, `cpu_addr` is valid for writes, and `phys_addr_ok` may be called for
/// this device in this context.
#[inline(always)]
pub(crate) unsafe fn alloc(
    call: impl Call,
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> *mut bindings::page {
    if trace::traces_allocs() {
        // SAFETY: As promised by the caller.
        return unsafe { alloc_any(call, dev, size, cpu_addr, gfp, attrs, phys_addr_ok) };
    }
    if phys_addr_ok.is_some() {
        // SAFETY: As promised by the caller.
        return unsafe { alloc_checked(call, dev, size, cpu_addr, gfp, attrs, phys_addr_ok) };
    }
    let guard = call.guard();
    let taken = match size {
        1..=PAGE_SIZE => {
            serving(guard).and_then(|chunks| chunks.take_page(WantedZone::of(gfp), Kind::of(attrs)))
        }
        _ => None,
    };

    if let Some((block, unsettled)) = taken {
        // SAFETY: As promised by the caller; it was taken in this call.
        return unsafe { hand_over(call, block, cpu_addr, unsettled) };
    }
    // SAFETY: As promised by the caller.
    unsafe { alloc_run(call, dev, size, cpu_addr, gfp, attrs) }
}

/// Serves what is more than a page, or not in the first chunk.
///
/// # Safety
///
/// As [`alloc`].
#[inline(never)]
unsafe fn alloc_run(
    call: impl Call,
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
) -> *mut bindings::page {
    let guard = call.guard();
    let taken = serving(guard)
        .and_then(|chunks| chunks.take_run(size, WantedZone::of(gfp), Kind::of(attrs)));

    if let Some((block, unsettled)) = taken {
        // SAFETY: As promised by the caller; it was taken in this call.
        return unsafe { hand_over(call, block, cpu_addr, unsettled) };
    }
    // SAFETY: As promised by the caller.
    unsafe { alloc_any(call, dev, size, cpu_addr, gfp, attrs, None) }
}

/// Answers with a block that was taken in this call. For most nothing is left to do.
///
/// # Safety
///
/// As [`settle`].
#[inline(always)]
unsafe fn hand_over(
    call: impl Call,
    block: Block,
    cpu_addr: *mut *mut c_void,
    unsettled: usize,
) -> *mut bindings::page {
    let Block { virt, page, size } = block;

    // SAFETY: As promised by the caller.
    unsafe {
        if unsettled == 0 {
            call.served(block, cpu_addr)
        } else {
            settle(call, virt, page, size, cpu_addr, unsettled)
        }
    }
}

/// Does what is left to do for a block, see [`Pools::settle`], and answers with it.
///
/// # Safety
///
/// The block was taken in this call; `cpu_addr` is valid for writes.
#[cold]
#[inline(never)]
unsafe fn settle(
    call: impl Call,
    virt: NonNull<u8>,
    page: NonNull<bindings::page>,
    size: usize,
    cpu_addr: *mut *mut c_void,
    unsettled: usize,
) -> *mut bindings::page {
    let guard = call.guard();
    // Not those that serve: if they do no more, the module cannot be pinned, and has to have the
    // block back.
    //
    // SAFETY: The block was taken in this call, as promised by the caller, and so in this section.
    let pools = unsafe { published::latest(guard) };

    match pools.settle(guard, virt.as_ptr() as usize, size, unsettled) {
        // SAFETY: As promised by the caller.
        Ok(()) => unsafe { call.served(Block { virt, page, size }, cpu_addr) },
        Err(_) => call.not_serving(),
    }
}

/// Serves requests with a `phys_addr_ok`.
///
/// # Safety
///
/// As [`alloc`].
#[inline(never)]
unsafe fn alloc_checked(
    call: impl Call,
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> *mut bindings::page {
    // SAFETY: As promised by the caller.
    let request = unsafe { AllocRequest::new(dev, size, gfp, attrs, phys_addr_ok) };
    let guard = call.guard();
    let block = crate::pools(guard).and_then(|pools| pools.alloc_page(guard, &request));

    if let Some(block) = block {
        // SAFETY: As promised by the caller.
        return unsafe { call.served(block, cpu_addr) };
    }
    // SAFETY: As promised by the caller.
    unsafe { alloc_any(call, dev, size, cpu_addr, gfp, attrs, phys_addr_ok) }
}

/// Serves any request. This is also the way for those who trace.
///
/// # Safety
///
/// As [`alloc`].
#[inline(never)]
unsafe fn alloc_any(
    call: impl Call,
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> *mut bindings::page {
    // SAFETY: As promised by the caller.
    let request = unsafe { AllocRequest::new(dev, size, gfp, attrs, phys_addr_ok) };
    let guard = call.guard();
    let result = crate::pools(guard).map_or(Err(Failure::NotServing), |pools| {
        pools.alloc(guard, &request)
    });

    match result {
        // SAFETY: As promised by the caller.
        Ok(block) => unsafe { call.served(block, cpu_addr) },
        // SAFETY: As promised by the caller.
        Err(failure) => unsafe { call.failed(failure, dev, size, gfp) },
    }
}

/// Gives memory back, if it is from the pools. Most is a page that is done with at the first attempt.
///
/// # Safety
///
/// As [`Pools::free`].
#[inline(always)]
pub(crate) unsafe fn free<C: Call>(
    call: C,
    dev: *mut bindings::device,
    at: impl Place,
    size: usize,
) -> C::Freed {
    let guard = call.guard();
    let done = match serving(guard) {
        // SAFETY: As promised by the caller.
        Some(chunks) if !trace::traces_frees() => unsafe { chunks.free_likely(at, size) },
        _ => false,
    };

    if done {
        return call.freed(true);
    }
    // SAFETY: As promised by the caller.
    unsafe { free_any(call, dev, at, size) }
}

/// Gives back what is not done with at once. [`free`], to which nothing comes back then, needs no
/// registers for it.
///
/// # Safety
///
/// As [`Pools::free`].
#[inline(never)]
unsafe fn free_any<C: Call>(
    call: C,
    dev: *mut bindings::device,
    at: impl Place,
    size: usize,
) -> C::Freed {
    let guard = call.guard();
    // SAFETY: As promised by the caller.
    let free = crate::pools(guard).map_or(Free::Foreign, |pools| unsafe {
        pools.free(guard, dev, at, size)
    });

    if free == Free::Bad {
        // SAFETY: As promised by the caller.
        return unsafe { call.bad_free(dev, at.addr(), size) };
    }
    call.freed(free == Free::Done)
}
