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
    prelude::*,
    sync::rcu, //
};

use crate::{
    entry::{
        self,
        Call, //
    },
    module::THIS,
    pool::{
        free::{
            first_page,
            Virt, //
        },
        request::PhysAddrOk,
        Block, //
    },
    report::failure::{
        self,
        Failure, //
    },
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

/// A call of `kernel/dma/pool.c`, which zeroes memory and reports failures itself.
///
/// # Invariants
///
/// RCU's read side is locked for as long as this exists.
struct UnderRcu(());

impl UnderRcu {
    /// Makes a proof that RCU is held.
    ///
    /// # Safety
    ///
    /// RCU's read side is locked until this is gone.
    #[inline(always)]
    unsafe fn new() -> Self {
        // INVARIANT: As promised by the caller.
        Self(())
    }
}

impl Call for UnderRcu {
    /// 1 or 0; an error if the memory is from our pools, but cannot be taken back.
    type Freed = c_int;

    #[inline(always)]
    fn guard(&self) -> &rcu::Guard {
        const { assert!(size_of::<rcu::Guard>() == 0) };
        // SAFETY: It has no size, and its own invariant is that of this type.
        unsafe { NonNull::dangling().as_ref() }
    }

    #[inline(always)]
    unsafe fn served(self, block: Block, cpu_addr: *mut *mut c_void) -> *mut bindings::page {
        // SAFETY: As promised by the caller.
        unsafe { cpu_addr.write(block.virt.as_ptr().cast()) };
        block.page.as_ptr()
    }

    unsafe fn failed(
        self,
        failure: Failure,
        _dev: *mut bindings::device,
        _size: usize,
        _gfp: bindings::gfp_t,
    ) -> *mut bindings::page {
        errno(failure).to_ptr()
    }

    fn not_serving(self) -> *mut bindings::page {
        errno(Failure::NotServing).to_ptr()
    }

    #[inline(always)]
    fn freed(self, is_ours: bool) -> c_int {
        c_int::from(is_ours)
    }

    /// `kernel/dma/pool.c` has people told, by [`bad_free`].
    unsafe fn bad_free(self, _dev: *mut bindings::device, _addr: u64, _size: usize) -> c_int {
        EINVAL.to_errno()
    }
}

/// `dma_pool_provider.alloc`.
///
/// # Safety
///
/// As [`entry::alloc`]. Under RCU until it returns.
unsafe extern "C" fn alloc(
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> *mut bindings::page {
    // SAFETY: As promised by the caller.
    let call = unsafe { UnderRcu::new() };

    // SAFETY: As promised by the caller.
    unsafe { entry::alloc(call, dev, size, cpu_addr, gfp, attrs, phys_addr_ok) }
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

/// `dma_pool_provider.free`.
///
/// # Safety
///
/// As [`entry::free`]. Under RCU until it returns.
unsafe extern "C" fn free(dev: *mut bindings::device, start: *mut c_void, size: usize) -> c_int {
    // SAFETY: As promised by the caller.
    let call = unsafe { UnderRcu::new() };

    // SAFETY: As promised by the caller.
    unsafe { entry::free(call, dev, Virt(start as usize), size) }
}

/// `dma_pool_provider.free_page`.
///
/// # Safety
///
/// As [`entry::free`]. Under RCU until it returns.
unsafe extern "C" fn free_page(
    dev: *mut bindings::device,
    page: *mut bindings::page,
    size: usize,
) -> c_int {
    // SAFETY: As promised by the caller.
    let call = unsafe { UnderRcu::new() };

    // SAFETY: As promised by the caller.
    unsafe { entry::free(call, dev, first_page(page), size) }
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
