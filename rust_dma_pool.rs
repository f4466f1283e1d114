// SPDX-License-Identifier: GPL-2.0

//! The atomic DMA pools of Linux, `kernel/dma/pool.c`, in Rust.
//!
//! This file is the module as the kernel sees it: it sets the pools up, hands them to the DMA layer
//! and takes them down, and has the three functions that the DMA layer calls. The pools are in
//! [`pool`], the options in [`cmdline`].
//!
//! C header: [`include/linux/dma-pool-provider.h`](srctree/include/linux/dma-pool-provider.h)

use core::ptr::null_mut;

use kernel::{
    bindings,
    error::to_result,
    page::PAGE_SIZE,
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
    debugfs::Debugfs,
    failure::Failure,
    growth,
    machine,
    policy,
    PhysAddrOk,
    Pools,
    Request, //
};

mod cmdline;
mod pool;

module! {
    type: RustDmaPool,
    name: "rust_dma_pool",
    authors: ["rust_dma_pool developers"],
    description: "Atomic DMA pools in Rust",
    license: "GPL",
    imports_ns: ["DMA_POOL"],
}

/// The pools that serve requests; NULL while there are none.
///
/// Whoever changes it waits for an RCU grace period before the old pools go away.
static POOLS: Atomic<*mut Pools> = Atomic::new(null_mut());

/// What the DMA layer calls while this module provides the pools.
struct Provider(bindings::dma_pool_provider);

// SAFETY: It is never written.
unsafe impl Sync for Provider {}

static PROVIDER: Provider = Provider(bindings::dma_pool_provider {
    owner: (&raw const bindings::__this_module).cast_mut(),
    alloc: Some(alloc_from_pool),
    free: Some(free_from_pool),
    free_page: Some(free_from_pool_page),
});

/// The module while it is loaded: it provides the pools.
struct RustDmaPool {
    // First, so that nobody reads sizes of pools that are going away.
    _debugfs: Debugfs,
    _registration: Registration,
}

impl kernel::Module for RustDmaPool {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let request = cmdline::read(PAGE_SIZE)?;
        let machine = machine::describe();
        let plan = policy::decide(&request, &machine, &mut log);
        let pools = Pools::new(&plan, machine.encryption != policy::Encryption::None)?;
        let registration = Registration::new(pools.clone())?;

        Ok(Self {
            _debugfs: Debugfs::new(pools),
            _registration: registration,
        })
    }
}

/// Logs what was decided.
fn log(note: policy::Note) {
    // The notes are free of the `kernel` crate, and implement `core`'s `Display`.
    if note.is_warning() {
        pr_warn!("{}\n", core::format_args!("{note}"));
    } else {
        pr_info!("{}\n", core::format_args!("{note}"));
    }
}

/// The DMA layer calls us for as long as this object lives.
///
/// # Invariants
///
/// `POOLS` is the pointer of `pools`, and `PROVIDER` is registered.
struct Registration {
    pools: Arc<Pools>,
}

impl Registration {
    fn new(pools: Arc<Pools>) -> Result<Self> {
        POOLS.store(Arc::as_ptr(&pools).cast_mut(), Release);
        // SAFETY: The provider is a static, and its functions may be called from here on. They are
        // not called any more once `drop` has unregistered it, before which the module cannot go.
        to_result(unsafe { bindings::dma_pool_register_provider(&raw const PROVIDER.0) })
            .inspect_err(|_| POOLS.store(null_mut(), Relaxed))?;
        // INVARIANT: Both were just done.
        Ok(Self { pools })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // Returns after a grace period, so that no reader is left inside. No block is out either:
        // each holds a reference on the module.
        //
        // SAFETY: By the type invariants the provider is registered.
        unsafe { bindings::dma_pool_unregister_provider(&raw const PROVIDER.0) };
        POOLS.store(null_mut(), Relaxed);
        growth::stop(&self.pools);
    }
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

/// See `dma_alloc_from_pool()`.
///
/// # Safety
///
/// `dev` is NULL or a device, `cpu_addr` is valid for writes, and `phys_addr_ok` may be called for
/// this device in this context.
unsafe extern "C" fn alloc_from_pool(
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

    match pools.map_or(Err(Failure::Missing), |pools| pools.alloc(&guard, &request)) {
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

/// See `dma_free_from_pool()`.
///
/// # Safety
///
/// If `start` is from the pools, it is a block that is not in use any more.
unsafe extern "C" fn free_from_pool(
    _dev: *mut bindings::device,
    start: *mut c_void,
    size: usize,
) -> bool {
    let guard = rcu::read_lock();

    // SAFETY: As promised by the caller.
    pools(&guard).is_some_and(|pools| unsafe { pools.free(&guard, start as usize, size) })
}

/// See `dma_free_from_pool_page()`.
///
/// # Safety
///
/// `page` is valid; if it is from the pools, it is the first of a block that is not in use any more.
unsafe extern "C" fn free_from_pool_page(
    _dev: *mut bindings::device,
    page: *mut bindings::page,
    size: usize,
) -> bool {
    let guard = rcu::read_lock();
    // SAFETY: The page is valid, as promised by the caller.
    let phys = unsafe { bindings::page_to_phys(page) };

    // SAFETY: As promised by the caller.
    pools(&guard).is_some_and(|pools| unsafe { pools.free_phys(&guard, phys, size) })
}
