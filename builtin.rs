// SPDX-License-Identifier: GPL-2.0

//! The pools as part of the kernel image, in the place of `kernel/dma/pool.c`: they are created for
//! good, and serve by the names that the DMA layer calls.
//!
//! The initcall is in the crate of `setup.rs`. What runs only once is in the init sections here, too.
//! Finding memory is [`entry`]'s work. The counterparts of this file are `module.rs` and
//! `provider.rs`.

use core::{
    mem::forget,
    ptr::null_mut, //
};

use kernel::{
    bindings,
    prelude::*,
    sync::rcu, //
};

use crate::{
    entry::{
        self,
        Call, //
    },
    plan::{
        zones::PerZone,
        Limits,
        Plan, //
    },
    pool::{
        free::{
            first_page,
            Virt, //
        },
        request::PhysAddrOk,
        Block,
        Pools, //
    },
    published::Published,
    report::failure::{
        bad_free,
        Failure, //
    },
};

/// Creates the pools of a plan, which `setup.rs` has made, and lets them serve.
///
/// # Safety
///
/// Called once, at boot; `plan` is valid.
#[cfg_attr(not(CONFIG_DMA_POOL_RUST_KUNIT_TEST), link_section = ".init.text")]
#[export]
unsafe extern "C" fn rust_dma_pool_create(plan: *const bindings::dma_pool_plan) -> c_int {
    // SAFETY: Valid, as promised by the caller.
    let plan = unsafe { &*plan };
    let max_sizes = PerZone(plan.max_sizes);
    let plan = Plan {
        pools: PerZone(plan.sizes).map(|zone, min| {
            (min != 0).then_some(Limits {
                min,
                max: *max_sizes.get(zone),
            })
        }),
        disabled: plan.disabled,
        cc_shared: plan.cc_shared,
    };

    match Pools::new(&plan) {
        Ok(pools) => {
            pools.log(&plan);
            // What is built in stays.
            #[cfg(CONFIG_DEBUG_FS)]
            // SAFETY: This runs once.
            forget(unsafe { crate::report::debugfs::Debugfs::new(&pools) });
            forget(Published::new(pools));
            0
        }
        Err(error) => error.to_errno(),
    }
}

/// What a module needs to stay; built-in code stays anyway.
#[inline(always)]
pub(crate) fn pin() -> bool {
    true
}

/// Undoes [`pin`].
#[inline(always)]
pub(crate) fn unpin() {}

/// A call of the DMA layer by name: under no RCU but this, and for memory that is zeroed.
struct ByName(rcu::Guard);

impl ByName {
    #[inline(always)]
    fn new() -> Self {
        Self(rcu::read_lock())
    }
}

impl Call for ByName {
    type Freed = bool;

    #[inline(always)]
    fn guard(&self) -> &rcu::Guard {
        &self.0
    }

    /// Zeroes the block, too.
    ///
    /// Here and not at free: until then the device may still write. All of the last page, as a
    /// driver may map it to user space.
    #[inline(always)]
    unsafe fn served(self, block: Block, cpu_addr: *mut *mut c_void) -> *mut bindings::page {
        drop(self);
        // SAFETY: As promised by the caller.
        unsafe {
            cpu_addr.write(block.virt.as_ptr().cast());
            block.virt.write_bytes(0, block.size);
        }
        block.page.as_ptr()
    }

    unsafe fn failed(
        self,
        failure: Failure,
        dev: *mut bindings::device,
        size: usize,
        gfp: bindings::gfp_t,
    ) -> *mut bindings::page {
        drop(self);
        // SAFETY: As promised by the caller.
        unsafe { failure.report(dev, size, gfp) };
        null_mut()
    }

    fn not_serving(self) -> *mut bindings::page {
        null_mut()
    }

    #[inline(always)]
    fn freed(self, is_ours: bool) -> bool {
        is_ours
    }

    unsafe fn bad_free(self, dev: *mut bindings::device, addr: u64, size: usize) -> bool {
        drop(self);
        // SAFETY: As promised by the caller.
        unsafe { bad_free(dev, addr, size) };
        true
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
    unsafe { entry::alloc(ByName::new(), dev, size, cpu_addr, gfp, attrs, phys_addr_ok) }
}

/// See `include/linux/dma-map-ops.h`.
///
/// # Safety
///
/// As [`entry::free`].
#[export]
unsafe extern "C" fn __dma_free_from_pool(
    dev: *mut bindings::device,
    start: *mut c_void,
    size: usize,
) -> bool {
    // SAFETY: As promised by the caller.
    unsafe { entry::free(ByName::new(), dev, Virt(start as usize), size) }
}

/// See `include/linux/dma-map-ops.h`.
///
/// # Safety
///
/// As [`entry::free`].
#[export]
unsafe extern "C" fn __dma_free_from_pool_page(
    dev: *mut bindings::device,
    page: *mut bindings::page,
    size: usize,
) -> bool {
    // SAFETY: As promised by the caller.
    unsafe { entry::free(ByName::new(), dev, first_page(page), size) }
}
