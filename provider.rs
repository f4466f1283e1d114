// SPDX-License-Identifier: GPL-2.0

//! What the DMA layer calls while the module provides the pools, and how it is told of that.
//!
//! `kernel/dma/pool.c` calls under RCU, which ends before it zeroes memory or has a failure reported.
//! The work is done in [`entry`]. When the module may go is the business of
//! [`module`](crate::module).

use core::ptr::NonNull;

use kernel::{
    bindings,
    error::to_result,
    page::PAGE_SIZE,
    prelude::*,
    sync::rcu, //
};

use crate::{
    entry,
    module::THIS,
    pool::{
        free::Free,
        request::PhysAddrOk,
        Block, //
    },
    report::{
        failure::{
            self,
            Failure, //
        },
        trace, //
    }, //
};

/// What the DMA layer calls while this module provides the pools.
struct Provider(bindings::dma_pool_provider);

// SAFETY: It is never written.
unsafe impl Sync for Provider {}

static PROVIDER: Provider = Provider(bindings::dma_pool_provider {
    owner: THIS.cast_mut(),
    alloc: Some(alloc),
    report: Some(report),
    free: Some(free),
    free_page: Some(free_page),
    bad_free: Some(bad_free),
});

/// The DMA layer calls us for as long as this object lives.
///
/// # Invariants
///
/// `PROVIDER` is registered.
pub(crate) struct Registration;

impl Registration {
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: The provider is a static, and its functions may be called from here on. They
        // are not called any more once `drop` has unregistered it, before which the module
        // cannot go.
        to_result(unsafe { bindings::dma_pool_register_provider(&raw const PROVIDER.0) })?;
        // INVARIANT: Just done.
        Ok(Self)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // Returns after a grace period, so that nobody is left inside.
        //
        // SAFETY: By the type invariants the provider is registered.
        unsafe { bindings::dma_pool_unregister_provider(&raw const PROVIDER.0) };
    }
}

/// The RCU read section in which the DMA layer calls.
///
/// # Safety
///
/// RCU's read side is locked for `'a`.
#[inline(always)]
unsafe fn rcu_of_caller<'a>() -> &'a rcu::Guard {
    const { assert!(size_of::<rcu::Guard>() == 0) };
    // SAFETY: It has no size, and its invariant holds, as promised by the caller.
    unsafe { NonNull::dangling().as_ref() }
}

/// `dma_pool_provider.alloc`.
///
/// # Safety
///
/// As [`entry::alloc`]; `cpu_addr` is valid for writes. Under RCU until it returns.
unsafe extern "C" fn alloc(
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> *mut bindings::page {
    // SAFETY: As promised by the caller.
    let guard = unsafe { rcu_of_caller() };

    if trace::traces_allocs() {
        // SAFETY: As promised by the caller.
        return unsafe { alloc_or_error(guard, dev, size, cpu_addr, gfp, attrs, phys_addr_ok) };
    }
    if phys_addr_ok.is_some() {
        // SAFETY: As promised by the caller.
        return unsafe { alloc_page_or_more(guard, dev, size, cpu_addr, gfp, attrs, phys_addr_ok) };
    }
    if size > PAGE_SIZE {
        // SAFETY: As promised by the caller.
        return unsafe { alloc_run_or_more(guard, dev, size, cpu_addr, gfp, attrs) };
    }
    let taken = entry::take_page(guard, size, gfp, attrs);

    match taken {
        // SAFETY: As promised by the caller.
        Some((block, 0)) => unsafe { stored(block, cpu_addr) },
        // SAFETY: As promised by the caller.
        Some((block, unsettled)) => unsafe {
            settle(
                guard, block.virt, block.page, block.size, cpu_addr, unsettled,
            )
        },
        // SAFETY: As promised by the caller.
        None => unsafe { alloc_run_or_more(guard, dev, size, cpu_addr, gfp, attrs) },
    }
}

/// Serves what is more than a page, or not in the first chunk.
///
/// # Safety
///
/// As [`alloc`].
#[inline(never)]
unsafe fn alloc_run_or_more(
    guard: &rcu::Guard,
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
) -> *mut bindings::page {
    let taken = entry::take_run(guard, size, gfp, attrs);

    match taken {
        // SAFETY: As promised by the caller.
        Some((block, 0)) => unsafe { stored(block, cpu_addr) },
        // SAFETY: As promised by the caller.
        Some((block, unsettled)) => unsafe {
            settle(
                guard, block.virt, block.page, block.size, cpu_addr, unsettled,
            )
        },
        // SAFETY: As promised by the caller.
        None => unsafe { alloc_or_error(guard, dev, size, cpu_addr, gfp, attrs, None) },
    }
}

/// Does what is left to do for a block that was taken.
///
/// # Safety
///
/// `cpu_addr` is valid for writes. RCU has not ended since the block was taken.
#[cold]
#[inline(never)]
unsafe fn settle(
    guard: &rcu::Guard,
    virt: NonNull<u8>,
    page: NonNull<bindings::page>,
    size: usize,
    cpu_addr: *mut *mut c_void,
    unsettled: usize,
) -> *mut bindings::page {
    // SAFETY: As promised by the caller.
    match unsafe { entry::settle(guard, virt, size, unsettled) } {
        Ok(()) => {
            // SAFETY: As promised by the caller.
            unsafe { cpu_addr.write(virt.as_ptr().cast()) };
            page.as_ptr()
        }
        Err(failure) => errno(failure).to_ptr(),
    }
}

/// Serves requests with a `phys_addr_ok`.
///
/// # Safety
///
/// As [`alloc`].
#[inline(never)]
unsafe fn alloc_page_or_more(
    guard: &rcu::Guard,
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> *mut bindings::page {
    // SAFETY: As promised by the caller.
    let block = unsafe { entry::alloc_page(guard, dev, size, gfp, attrs, phys_addr_ok) };

    match block {
        // SAFETY: As promised by the caller.
        Some(block) => unsafe { stored(block, cpu_addr) },
        // SAFETY: As promised by the caller.
        None => unsafe { alloc_or_error(guard, dev, size, cpu_addr, gfp, attrs, phys_addr_ok) },
    }
}

/// Serves all that is not served at once.
///
/// # Safety
///
/// As [`alloc`].
#[inline(never)]
unsafe fn alloc_or_error(
    guard: &rcu::Guard,
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> *mut bindings::page {
    // SAFETY: As promised by the caller.
    match unsafe { entry::alloc(guard, dev, size, gfp, attrs, phys_addr_ok) } {
        // SAFETY: As promised by the caller.
        Ok(block) => unsafe { stored(block, cpu_addr) },
        Err(failure) => errno(failure).to_ptr(),
    }
}

/// Stores the address of a block, and returns its page.
///
/// # Safety
///
/// `cpu_addr` is valid for writes.
#[inline(always)]
unsafe fn stored(block: Block, cpu_addr: *mut *mut c_void) -> *mut bindings::page {
    // SAFETY: As promised by the caller.
    unsafe { cpu_addr.write(block.virt.as_ptr().cast()) };
    block.page.as_ptr()
}

/// `dma_pool_provider.report`.
///
/// # Safety
///
/// As [`Failure::report`].
unsafe extern "C" fn report(
    dev: *mut bindings::device,
    size: usize,
    gfp: bindings::gfp_t,
    error: c_int,
) {
    let failures = [
        Failure::Exhausted,
        Failure::Growing,
        Failure::NotAddressable,
        Failure::Missing,
        Failure::Disabled,
    ];

    if let Some(failure) = failures
        .into_iter()
        .find(|failure| errno(*failure).to_errno() == error)
    {
        // SAFETY: As promised by the caller.
        unsafe { failure.report(dev, size, gfp) };
    }
}

/// What [`alloc`] returns, for [`report`] to understand; `EAGAIN` has the kernel's own pools serve.
fn errno(failure: Failure) -> Error {
    match failure {
        Failure::Exhausted => ENOMEM,
        Failure::Growing => EBUSY,
        Failure::NotAddressable => EFAULT,
        Failure::Missing => ENODEV,
        Failure::Disabled => EPERM,
        Failure::NotServing => EAGAIN,
    }
}

/// `dma_pool_provider.free`: whether the memory is from our pools; an error if it is, but cannot be
/// taken back.
///
/// # Safety
///
/// As [`entry::free`]. Under RCU.
unsafe extern "C" fn free(dev: *mut bindings::device, start: *mut c_void, size: usize) -> c_int {
    // SAFETY: As promised by the caller.
    let guard = unsafe { rcu_of_caller() };

    // SAFETY: As promised by the caller.
    if !trace::traces_frees() && unsafe { entry::free_likely(guard, start, size) } {
        return 1;
    }
    // SAFETY: As promised by the caller.
    unsafe { free_or_tell(guard, dev, start, size) }
}

/// Frees all that is not freed at once. Apart from [`free`], which so needs no registers for it.
///
/// # Safety
///
/// As [`free`].
#[inline(never)]
unsafe fn free_or_tell(
    guard: &rcu::Guard,
    dev: *mut bindings::device,
    start: *mut c_void,
    size: usize,
) -> c_int {
    // SAFETY: As promised by the caller.
    freed(unsafe { entry::free(guard, dev, start, size) })
}

/// `dma_pool_provider.free_page`, as [`free`].
///
/// # Safety
///
/// As [`entry::free_page`]. Under RCU.
unsafe extern "C" fn free_page(
    dev: *mut bindings::device,
    page: *mut bindings::page,
    size: usize,
) -> c_int {
    // SAFETY: As promised by the caller.
    let guard = unsafe { rcu_of_caller() };

    // SAFETY: As promised by the caller.
    if !trace::traces_frees() && unsafe { entry::free_page_likely(guard, page, size) } {
        return 1;
    }
    // SAFETY: As promised by the caller.
    unsafe { free_page_or_tell(guard, dev, page, size) }
}

/// As [`free_or_tell`], of a page.
///
/// # Safety
///
/// As [`free_page`].
#[inline(never)]
unsafe fn free_page_or_tell(
    guard: &rcu::Guard,
    dev: *mut bindings::device,
    page: *mut bindings::page,
    size: usize,
) -> c_int {
    // SAFETY: As promised by the caller.
    freed(unsafe { entry::free_page(guard, dev, page, size) })
}

fn freed(free: Free) -> c_int {
    match free {
        Free::Foreign => 0,
        Free::Done => 1,
        Free::Bad => EINVAL.to_errno(),
    }
}

/// `dma_pool_provider.bad_free`.
///
/// # Safety
///
/// As [`failure::bad_free`].
unsafe extern "C" fn bad_free(dev: *mut bindings::device, addr: u64, size: usize) {
    // SAFETY: As promised by the caller.
    unsafe { failure::bad_free(dev, addr, size) };
}
