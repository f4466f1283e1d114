// SPDX-License-Identifier: GPL-2.0

//! The pools as a module: its parameters, its registration with the DMA layer, init and exit.
//!
//! What it hands to the DMA layer does its work in [`entry`]. Its counterpart, for pools that are
//! part of the kernel image, is `builtin.rs`.

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
    module_params,
    platform::{
        self,
        cmdline::RawOptions, //
    },
    pool::{
        free::Free,
        request::PhysAddrOk,
        Block,
        Pools, //
    },
    published::Published,
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

/// This module.
const THIS: *const bindings::module = &raw const bindings::__this_module;

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
struct Registration;

impl Registration {
    fn new() -> Result<Self> {
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

/// The module while it is loaded: it provides the pools.
///
/// No block is out when it goes, as blocks pin the module.
pub(crate) struct RustDmaPool {
    // First, so that nobody reads sizes of pools that are going away.
    #[cfg(CONFIG_DEBUG_FS)]
    _debugfs: crate::report::debugfs::Debugfs,
    // Then their memory, before the C pools ask for theirs: a zone may not have room for both.
    _pools: Published,
    _registration: Registration,
}

impl kernel::Module for RustDmaPool {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let mut raw = module_params::given();

        // Any parameter of its own makes the module ignore the kernel command line.
        if raw.pool.is_none() && raw.size.is_none() {
            raw = RawOptions::of_kernel_command_line();
        }

        let (options, valid) = raw.parse();

        // Nobody boots through insmod, so that a value that is not understood may be an error.
        valid?;

        let plan = platform::plan(&options);
        let pools = Pools::new(&plan)?;
        let published = Published::new(pools.clone());
        // The last that can fail: blocks may be out from here on.
        let registration = Registration::new()?;

        // Only now has the memory of the C pools gone back, without which a zone may be too tight.
        pools.fill(&plan);
        pools.log(&plan);

        Ok(Self {
            #[cfg(CONFIG_DEBUG_FS)]
            _debugfs: crate::report::debugfs::Debugfs::new(&pools),
            _pools: published,
            _registration: registration,
        })
    }
}

/// Takes a reference on the module, unless it is about to go.
pub(crate) fn pin() -> bool {
    // SAFETY: The module's code runs, so that it is there.
    unsafe { bindings::try_module_get(THIS.cast_mut()) }
}

/// Drops a reference that [`pin`] took. The module may go when RCU allows it.
pub(crate) fn unpin() {
    // SAFETY: The caller has a reference.
    unsafe { bindings::module_put(THIS.cast_mut()) };
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
    if trace::traces_allocs() {
        // SAFETY: As promised by the caller.
        return unsafe { alloc_or_error(dev, size, cpu_addr, gfp, attrs, phys_addr_ok) };
    }
    if phys_addr_ok.is_some() {
        // SAFETY: As promised by the caller.
        return unsafe { alloc_page_or_more(dev, size, cpu_addr, gfp, attrs, phys_addr_ok) };
    }
    if size > PAGE_SIZE {
        // SAFETY: As promised by the caller.
        return unsafe { alloc_run_or_more(dev, size, cpu_addr, gfp, attrs) };
    }
    let taken = entry::take_page(&rcu::read_lock(), size, gfp, attrs);

    match taken {
        // SAFETY: As promised by the caller.
        Some((block, 0)) => unsafe { stored(block, cpu_addr) },
        // SAFETY: As promised by the caller.
        Some((block, unsettled)) => unsafe {
            settle(block.virt, block.page, block.size, cpu_addr, unsettled)
        },
        // SAFETY: As promised by the caller.
        None => unsafe { alloc_run_or_more(dev, size, cpu_addr, gfp, attrs) },
    }
}

/// Serves what is more than a page, or not in the first chunk.
///
/// # Safety
///
/// As [`alloc`].
#[inline(never)]
unsafe fn alloc_run_or_more(
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
) -> *mut bindings::page {
    let taken = entry::take_run(&rcu::read_lock(), size, gfp, attrs);

    match taken {
        // SAFETY: As promised by the caller.
        Some((block, 0)) => unsafe { stored(block, cpu_addr) },
        // SAFETY: As promised by the caller.
        Some((block, unsettled)) => unsafe {
            settle(block.virt, block.page, block.size, cpu_addr, unsettled)
        },
        // SAFETY: As promised by the caller.
        None => unsafe { alloc_or_error(dev, size, cpu_addr, gfp, attrs, None) },
    }
}

/// Does what is left to do for a block that was taken.
///
/// # Safety
///
/// `cpu_addr` is valid for writes. Under RCU, which has not ended since the block was taken.
#[cold]
unsafe fn settle(
    virt: NonNull<u8>,
    page: NonNull<bindings::page>,
    size: usize,
    cpu_addr: *mut *mut c_void,
    unsettled: usize,
) -> *mut bindings::page {
    // SAFETY: As promised by the caller.
    match unsafe { entry::settle(virt, size, unsettled) } {
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
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> *mut bindings::page {
    // SAFETY: As promised by the caller.
    let block =
        unsafe { entry::alloc_page(&rcu::read_lock(), dev, size, gfp, attrs, phys_addr_ok) };

    match block {
        // SAFETY: As promised by the caller.
        Some(block) => unsafe { stored(block, cpu_addr) },
        // SAFETY: As promised by the caller.
        None => unsafe { alloc_or_error(dev, size, cpu_addr, gfp, attrs, phys_addr_ok) },
    }
}

/// Serves all that is not served at once.
///
/// # Safety
///
/// As [`alloc`].
#[inline(never)]
unsafe fn alloc_or_error(
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> *mut bindings::page {
    let guard = rcu::read_lock();

    // SAFETY: As promised by the caller.
    match unsafe { entry::alloc(&guard, dev, size, gfp, attrs, phys_addr_ok) } {
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
    if !trace::traces_frees() && unsafe { entry::free_likely(start, size) } {
        return 1;
    }
    // SAFETY: As promised by the caller.
    unsafe { free_or_tell(dev, start, size) }
}

/// Frees all that is not freed at once. Apart from [`free`], which so needs no registers for it.
///
/// # Safety
///
/// As [`free`].
#[inline(never)]
unsafe extern "C" fn free_or_tell(
    dev: *mut bindings::device,
    start: *mut c_void,
    size: usize,
) -> c_int {
    // SAFETY: As promised by the caller.
    freed(unsafe { entry::free(dev, start, size) })
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
    if !trace::traces_frees() && unsafe { entry::free_page_likely(page, size) } {
        return 1;
    }
    // SAFETY: As promised by the caller.
    unsafe { free_page_or_tell(dev, page, size) }
}

/// As [`free_or_tell`], of a page.
///
/// # Safety
///
/// As [`free_page`].
#[inline(never)]
unsafe extern "C" fn free_page_or_tell(
    dev: *mut bindings::device,
    page: *mut bindings::page,
    size: usize,
) -> c_int {
    // SAFETY: As promised by the caller.
    freed(unsafe { entry::free_page(dev, page, size) })
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
