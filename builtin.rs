// SPDX-License-Identifier: GPL-2.0

//! The pools as part of the kernel image, in the place of `kernel/dma/pool.c`: they are created for
//! good, and serve by the names that the DMA layer calls.
//!
//! The initcall is in the crate of `setup.rs`. What runs only once is in the init sections here, too.
//! Finding memory is [`entry`]'s work. Here RCU ends before memory is zeroed or a message printed.
//! The counterpart of this file is `module.rs`.

use core::{
    mem::forget,
    ptr::{
        null_mut,
        NonNull, //
    },
};

use kernel::{
    bindings,
    page::PAGE_SIZE,
    prelude::*,
    sync::rcu, //
};

use crate::{
    entry,
    plan::{
        zones::PerZone,
        Limits,
        Plan, //
    },
    pool::{
        free::Free,
        request::PhysAddrOk,
        Block,
        Pools, //
    },
    published::Published,
    report::{
        failure::bad_free,
        trace, //
    }, //
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
            forget(crate::report::debugfs::Debugfs::new(&pools));
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

/// See `include/linux/dma-map-ops.h`.
///
/// # Safety
///
/// `dev` is NULL or a device, `cpu_addr` is valid for writes, and `phys_addr_ok` may be called for
/// this device in this context.
#[export]
unsafe extern "C" fn dma_alloc_from_pool(
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> *mut bindings::page {
    if trace::traces_allocs() {
        // SAFETY: As promised by the caller.
        return unsafe { alloc_or_report(dev, size, cpu_addr, gfp, attrs, phys_addr_ok) };
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
        Some((block, 0)) => unsafe { zeroed(block, cpu_addr) },
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
/// As [`dma_alloc_from_pool`].
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
        Some((block, 0)) => unsafe { zeroed(block, cpu_addr) },
        // SAFETY: As promised by the caller.
        Some((block, unsettled)) => unsafe {
            settle(block.virt, block.page, block.size, cpu_addr, unsettled)
        },
        // SAFETY: As promised by the caller.
        None => unsafe { alloc_or_report(dev, size, cpu_addr, gfp, attrs, None) },
    }
}

/// Does what is left to do for a block that was taken.
///
/// # Safety
///
/// `cpu_addr` is valid for writes; the block belongs to the caller.
#[cold]
unsafe fn settle(
    virt: NonNull<u8>,
    page: NonNull<bindings::page>,
    size: usize,
    cpu_addr: *mut *mut c_void,
    unsettled: usize,
) -> *mut bindings::page {
    // It fails for modules alone.
    //
    // SAFETY: The block is of pools that never go.
    let _ = unsafe { entry::settle(&rcu::read_lock(), virt, size, unsettled) };

    // SAFETY: As promised by the caller.
    unsafe { zeroed(Block { virt, page, size }, cpu_addr) }
}

/// Serves requests with a `phys_addr_ok`.
///
/// # Safety
///
/// As [`dma_alloc_from_pool`].
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
        Some(block) => unsafe { zeroed(block, cpu_addr) },
        // SAFETY: As promised by the caller.
        None => unsafe { alloc_or_report(dev, size, cpu_addr, gfp, attrs, phys_addr_ok) },
    }
}

/// Serves all that is not served at once.
///
/// # Safety
///
/// As [`dma_alloc_from_pool`].
#[inline(never)]
unsafe fn alloc_or_report(
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> *mut bindings::page {
    // SAFETY: As promised by the caller.
    let result = unsafe { entry::alloc(&rcu::read_lock(), dev, size, gfp, attrs, phys_addr_ok) };

    match result {
        // SAFETY: As promised by the caller.
        Ok(block) => unsafe { zeroed(block, cpu_addr) },
        Err(failure) => {
            // SAFETY: As promised by the caller.
            unsafe { failure.report(dev, size, gfp) };
            null_mut()
        }
    }
}

/// Zeroes a block, stores its address, and returns its page.
///
/// Here and not at free: until then the device may still write. All of the last page, as a driver
/// may map it to user space.
///
/// # Safety
///
/// The block belongs to the caller; `cpu_addr` is valid for writes.
#[inline(always)]
unsafe fn zeroed(block: Block, cpu_addr: *mut *mut c_void) -> *mut bindings::page {
    // SAFETY: As promised by the caller.
    unsafe {
        cpu_addr.write(block.virt.as_ptr().cast());
        block.virt.write_bytes(0, block.size);
    }
    block.page.as_ptr()
}

/// See `include/linux/dma-map-ops.h`.
///
/// # Safety
///
/// As [`entry::free`]; `dev` is NULL or a device.
#[export]
unsafe extern "C" fn __dma_free_from_pool(
    dev: *mut bindings::device,
    start: *mut c_void,
    size: usize,
) -> bool {
    let guard = rcu::read_lock();

    // SAFETY: As promised by the caller.
    if !trace::traces_frees() && unsafe { entry::free_likely(&guard, start, size) } {
        return true;
    }
    // SAFETY: As promised by the caller.
    unsafe { free_or_warn(guard, dev, start, size) }
}

/// Frees all that is not freed at once, and ends RCU: [`__dma_free_from_pool`], to which nothing
/// comes back then, needs no registers for it.
///
/// # Safety
///
/// As [`__dma_free_from_pool`].
#[inline(never)]
unsafe fn free_or_warn(
    guard: rcu::Guard,
    dev: *mut bindings::device,
    start: *mut c_void,
    size: usize,
) -> bool {
    // SAFETY: As promised by the caller.
    let free = unsafe { entry::free(&guard, dev, start, size) };

    drop(guard);
    // CAST: An address.
    // SAFETY: As promised by the caller.
    unsafe { freed(free, dev, start as u64, size) }
}

/// See `include/linux/dma-map-ops.h`.
///
/// # Safety
///
/// As [`entry::free_page`]; `dev` is NULL or a device.
#[export]
unsafe extern "C" fn __dma_free_from_pool_page(
    dev: *mut bindings::device,
    page: *mut bindings::page,
    size: usize,
) -> bool {
    let guard = rcu::read_lock();

    // SAFETY: As promised by the caller.
    if !trace::traces_frees() && unsafe { entry::free_page_likely(&guard, page, size) } {
        return true;
    }
    // SAFETY: As promised by the caller.
    unsafe { free_page_or_warn(guard, dev, page, size) }
}

/// As [`free_or_warn`], of a page.
///
/// # Safety
///
/// As [`__dma_free_from_pool_page`].
#[inline(never)]
unsafe fn free_page_or_warn(
    guard: rcu::Guard,
    dev: *mut bindings::device,
    page: *mut bindings::page,
    size: usize,
) -> bool {
    // SAFETY: As promised by the caller.
    let free = unsafe { entry::free_page(&guard, dev, page, size) };

    drop(guard);
    // SAFETY: As promised by the caller.
    unsafe { freed(free, dev, bindings::page_to_phys(page), size) }
}

/// Warns of a bad free, and returns whether the memory was from the pools.
///
/// # Safety
///
/// `dev` is NULL or a device.
unsafe fn freed(free: Free, dev: *mut bindings::device, addr: u64, size: usize) -> bool {
    if free == Free::Bad {
        // SAFETY: As promised by the caller.
        unsafe { bad_free(dev, addr, size) };
    }
    free != Free::Foreign
}
