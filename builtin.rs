// SPDX-License-Identifier: GPL-2.0

//! The pools as part of the kernel image, in the place of `kernel/dma/pool.c`: an initcall that sets
//! them up for good, and the three functions by the names that the DMA layer calls.
//!
//! The functions do their work in [`entry`]. The counterpart of this file is `module.rs`.

use core::mem::forget;

use kernel::{
    bindings,
    prelude::*, //
};

use crate::{
    entry,
    platform::cmdline::RawOptions,
    pool::PhysAddrOk,
    report::debugfs::Debugfs, //
};

/// Sets the pools up, before any driver needs them.
///
/// # Safety
///
/// Called once, as a `postcore_initcall()`.
#[export]
unsafe extern "C" fn rust_dma_pool_init() -> c_int {
    // A machine has to boot, so that a value that is not understood counts as absent.
    let (options, _) = RawOptions::of_kernel_command_line().parse();

    match crate::create(&options) {
        Ok(pools) => {
            crate::publish(&pools);
            // What is built in stays.
            forget(Debugfs::new(pools));
            0
        }
        Err(error) => error.to_errno(),
    }
}

/// See `include/linux/dma-map-ops.h`.
///
/// # Safety
///
/// As [`entry::alloc`].
#[export]
unsafe extern "C" fn dma_alloc_from_pool(
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> *mut bindings::page {
    // SAFETY: As promised by the caller.
    unsafe { entry::alloc(dev, size, cpu_addr, gfp, attrs, phys_addr_ok) }
}

/// See `include/linux/dma-map-ops.h`.
///
/// # Safety
///
/// As [`entry::free`].
#[export]
unsafe extern "C" fn dma_free_from_pool(
    _dev: *mut bindings::device,
    start: *mut c_void,
    size: usize,
) -> bool {
    // SAFETY: As promised by the caller.
    unsafe { entry::free(start, size) }
}

/// See `include/linux/dma-map-ops.h`.
///
/// # Safety
///
/// As [`entry::free_page`].
#[export]
unsafe extern "C" fn dma_free_from_pool_page(
    _dev: *mut bindings::device,
    page: *mut bindings::page,
    size: usize,
) -> bool {
    // SAFETY: As promised by the caller.
    unsafe { entry::free_page(page, size) }
}
