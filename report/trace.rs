// SPDX-License-Identifier: GPL-2.0

//! The trace events of the pools, `dma_pool:*`.
//!
//! They are part of the kernel, include/trace/events/dma_pool.h of the patch series, also where the
//! pools are a module. While nobody traces, each costs one jump that is not taken, or nothing where
//! the kernel has no trace events.

use kernel::{
    bindings,
    io::PhysAddr,
    prelude::*, //
};

use super::c_name;
use crate::plan::zones::Zone;

/// Calls into the kernel.
mod raw {
    use kernel::{
        bindings,
        io::PhysAddr,
        prelude::*,
        tracepoint::declare_trace, //
    };

    declare_trace! {
        /// # Safety
        ///
        /// `dev` is NULL or a device, `pool` a C string.
        pub(super) unsafe fn dma_pool_alloc(
            dev: *mut bindings::device,
            pool: *const c_char,
            bytes: usize,
            phys: PhysAddr,
        );

        /// # Safety
        ///
        /// `dev` is NULL or a device, `pool` a C string.
        pub(super) unsafe fn dma_pool_free(
            dev: *mut bindings::device,
            pool: *const c_char,
            bytes: usize,
            phys: PhysAddr,
        );

        /// # Safety
        ///
        /// `dev` is NULL or a device, `pool` a C string.
        pub(super) unsafe fn dma_pool_fail(
            dev: *mut bindings::device,
            pool: *const c_char,
            bytes: usize,
            reason: c_int,
        );

        /// # Safety
        ///
        /// `pool` is a C string.
        pub(super) unsafe fn dma_pool_grow(
            pool: *const c_char,
            bytes: usize,
            phys: PhysAddr,
            ns: u64,
        );

        /// # Safety
        ///
        /// `pool` is a C string.
        pub(super) unsafe fn dma_pool_shrink(
            pool: *const c_char,
            bytes: usize,
            phys: PhysAddr,
            ns: u64,
        );
    }
}

/// Whether someone traces an event.
macro_rules! enabled {
    ($tracepoint:ident) => {{
        #[cfg(CONFIG_TRACEPOINTS)]
        // SAFETY: The key of a tracepoint may always be looked at.
        let enabled = unsafe {
            kernel::jump_label::static_branch_unlikely!(
                bindings::$tracepoint,
                bindings::tracepoint,
                key
            )
        };
        #[cfg(not(CONFIG_TRACEPOINTS))]
        let enabled = false;

        enabled
    }};
}

/// Whether someone traces blocks that are handed out.
#[inline(always)]
pub(crate) fn traces_allocs() -> bool {
    enabled!(__tracepoint_dma_pool_alloc)
}

/// Whether someone traces blocks that come back.
#[inline(always)]
pub(crate) fn traces_frees() -> bool {
    enabled!(__tracepoint_dma_pool_free)
}

/// A block of `bytes` bytes at `phys` was handed out to `dev`. Any context but NMI.
///
/// # Safety
///
/// `dev` is NULL or a device that exists.
pub(crate) unsafe fn alloc(dev: *mut bindings::device, zone: Zone, bytes: usize, phys: PhysAddr) {
    // SAFETY: As promised by the caller.
    unsafe { raw::dma_pool_alloc(dev, c_name(zone).as_char_ptr(), bytes, phys) };
}

/// A block came back, as [`alloc`].
///
/// # Safety
///
/// As [`alloc`].
pub(crate) unsafe fn free(dev: *mut bindings::device, zone: Zone, bytes: usize, phys: PhysAddr) {
    // SAFETY: As promised by the caller.
    unsafe { raw::dma_pool_free(dev, c_name(zone).as_char_ptr(), bytes, phys) };
}

/// A request of `dev` for `bytes` bytes, first of the pool of a zone, was not served. Any context but
/// NMI.
///
/// # Safety
///
/// `dev` is NULL or a device that exists.
pub(crate) unsafe fn fail(
    dev: *mut bindings::device,
    zone: Zone,
    bytes: usize,
    reason: bindings::dma_pool_fail_reason,
) {
    // CAST: A small constant.
    // SAFETY: As promised by the caller.
    unsafe { raw::dma_pool_fail(dev, c_name(zone).as_char_ptr(), bytes, reason as c_int) };
}

/// A chunk of `bytes` bytes at `phys` was added to a pool, which took `ns` nanoseconds; 0 bytes: there
/// was no memory.
pub(crate) fn grow(zone: Zone, bytes: usize, phys: PhysAddr, ns: u64) {
    // SAFETY: The name is a C string.
    unsafe { raw::dma_pool_grow(c_name(zone).as_char_ptr(), bytes, phys, ns) };
}

/// A chunk went back, as [`grow`].
pub(crate) fn shrink(zone: Zone, bytes: usize, phys: PhysAddr, ns: u64) {
    // SAFETY: The name is a C string.
    unsafe { raw::dma_pool_shrink(c_name(zone).as_char_ptr(), bytes, phys, ns) };
}
