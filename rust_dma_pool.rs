// SPDX-License-Identifier: GPL-2.0

//! The atomic DMA pools of Linux, `kernel/dma/pool.c`, in Rust.
//!
//! This file sets the pools up and takes them down, and translates the three functions that the DMA
//! layer calls. The pools are in [`pool`], the options in [`cmdline`]; [`linkage`] connects both to
//! the kernel, as a module or built in.

use core::ptr::null_mut;

use kernel::{
    bindings,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        rcu,
        Arc,
        ArcBorrow, //
    },
};

use crate::pool::{
    chunk::wanted_zone,
    failure::Failure,
    machine,
    param,
    policy,
    Block,
    PhysAddrOk,
    Pools,
    Request, //
};

mod cmdline;
mod linkage;
mod pool;

#[cfg(MODULE)]
module! {
    type: linkage::RustDmaPool,
    name: "rust_dma_pool",
    authors: ["rust_dma_pool developers"],
    description: "Atomic DMA pools in Rust",
    license: "GPL",
    imports_ns: ["DMA_POOL"],
}

/// What lines in the log begin with, which `module!` says otherwise.
#[cfg(not(MODULE))]
const __LOG_PREFIX: &[u8] = b"rust_dma_pool\0";

/// The pools that serve requests; NULL while there are none.
///
/// Whoever takes them away waits for an RCU grace period before they are dropped.
static POOLS: Atomic<*mut Pools> = Atomic::new(null_mut());

/// Creates the pools that `request` asks for on this machine, and logs what was decided.
///
/// Process context; may sleep. `ENOMEM` if memory for the bookkeeping is missing.
fn create(request: &param::Request) -> Result<Arc<Pools>> {
    let machine = machine::describe();
    let plan = policy::decide(request, &machine, &mut |note| {
        // The notes are free of the `kernel` crate and implement `core`'s `Display`.
        if note.is_warning() {
            pr_warn!("{}\n", core::format_args!("{note}"));
        } else {
            pr_info!("{}\n", core::format_args!("{note}"));
        }
    });

    let pools = Pools::new(&plan, machine.encryption != policy::Encryption::None)?;

    pools.log(&plan);
    Ok(pools)
}

/// Lets `pools` serve requests, until [`serve_no_more`].
fn serve_from(pools: &Arc<Pools>) {
    POOLS.store(Arc::as_ptr(pools).cast_mut(), Release);
}

/// Undoes [`serve_from`]. The pools may be dropped when this returns.
///
/// Process context; sleeps. No request may come in any more.
#[cfg_attr(not(MODULE), expect(dead_code, reason = "what is built in stays"))]
fn serve_no_more() {
    POOLS.store(null_mut(), Relaxed);
    rcu::synchronize_rcu();
}

/// The pools, if they are set up.
#[inline]
fn pools(_guard: &rcu::Guard) -> Option<ArcBorrow<'_, Pools>> {
    let pools = POOLS.load(Acquire);

    if pools.is_null() {
        return None;
    }
    // SAFETY: The pointer is that of an `Arc`, which is not dropped before a grace period has
    // passed since it was replaced; the guard holds that off.
    Some(unsafe { ArcBorrow::from_raw(pools) })
}

/// Serves a request; before the pools are set up, none is there for it.
#[inline]
fn serve(
    pools: Option<ArcBorrow<'_, Pools>>,
    guard: &rcu::Guard,
    request: &Request,
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
unsafe fn alloc(
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> *mut bindings::page {
    let guard = rcu::read_lock();
    let pools = pools(&guard);
    let request = Request {
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
unsafe fn free(start: *mut c_void, size: usize) -> bool {
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
unsafe fn free_page(page: *mut bindings::page, size: usize) -> bool {
    let guard = rcu::read_lock();
    // SAFETY: The page is valid, as promised by the caller.
    let phys = unsafe { bindings::page_to_phys(page) };

    // SAFETY: As promised by the caller.
    pools(&guard).is_some_and(|pools| unsafe { pools.free_phys(&guard, phys, size) })
}
