// SPDX-License-Identifier: GPL-2.0

//! Who holds what: how much of each pool each device has, while somebody wants to know.
//!
//! The trace events of the pools say who takes a block and who gives one back. Whoever wants to know
//! has them call a function that notes it in a table. Otherwise there is neither, and a request costs
//! what it costs while nobody traces.
//!
//! The table is in [`holdings`](super::holdings), the file in [`debugfs`](super::debugfs).
//!
//! C header: [`include/linux/tracepoint.h`](srctree/include/linux/tracepoint.h)

use kernel::{
    bindings,
    error::to_result,
    io::PhysAddr,
    page::PAGE_SHIFT,
    prelude::*,
    sync::rcu, //
};

use super::{
    failure::Name,
    holdings::Holdings,
    text::Text, //
};
use crate::{
    c_str,
    plan::zones::{
        PerZone,
        Zone, //
    },
};

kernel::sync::global_lock! {
    // SAFETY: `init` is called before there are files, and nobody else comes here.
    unsafe(uninit) static HOLDERS: Mutex<Option<Holders>> = None;
}

/// Makes it possible to [`switch`].
///
/// # Safety
///
/// Called once, first of all.
#[cfg_attr(
    not(any(MODULE, CONFIG_DMA_POOL_RUST_KUNIT_TEST)),
    link_section = ".init.text"
)]
pub(super) unsafe fn init() {
    // SAFETY: As promised by the caller.
    unsafe { HOLDERS.init() };
    if crate::debug_wanted() && switch(true).is_err() {
        pr_warn!("DMA: coherent_pool_debug ignored, there is no memory for it\n");
    }
}

/// Lets blocks be noted from here on, or no longer. Process context; may sleep.
pub(super) fn switch(on: bool) -> Result {
    let mut holders = HOLDERS.lock();

    if on != holders.is_some() {
        // Who switches it on again begins anew.
        *holders = on.then(Holders::new).transpose()?;
    }
    Ok(())
}

/// Writes who holds what. Process context; may sleep.
pub(super) fn show(text: &mut Text) {
    let holders = HOLDERS.lock();
    let Some(holders) = &*holders else {
        text.push(b"off, writing 1 switches it on\n");
        return;
    };

    holders.table.show(text, out());
}

/// Blocks and pages that are out of each pool.
fn out() -> PerZone<(usize, usize)> {
    let guard = rcu::read_lock();
    let pools = crate::pools(&guard);

    PerZone::<()>::default().map(|zone, ()| {
        pools
            .as_ref()
            .and_then(|pools| pools.pool(zone))
            .map_or((0, 0), |pool| (pool.blocks(), pool.used() >> PAGE_SHIFT))
    })
}

/// The table, and what fills it.
struct Holders {
    // In this order: no free may be missed of a block that was noted.
    _takes: Probe,
    _frees: Probe,
    table: KBox<Holdings>,
}

impl Holders {
    fn new() -> Result<Self> {
        let table = KBox::new(Holdings::new()?, GFP_KERNEL)?;
        let data = core::ptr::from_ref(&*table).cast_mut().cast();
        // SAFETY: The functions have the type that these events ask for, and the table is dropped
        // after the probes.
        let frees = unsafe {
            Probe::new(
                &raw mut bindings::__tracepoint_dma_pool_free,
                freed as *mut c_void,
                data,
            )
        }?;
        // SAFETY: As above.
        let takes = unsafe {
            Probe::new(
                &raw mut bindings::__tracepoint_dma_pool_alloc,
                taken as *mut c_void,
                data,
            )
        }?;

        Ok(Self {
            _takes: takes,
            _frees: frees,
            table,
        })
    }
}

/// A function that the kernel calls at a trace event, for as long as this object lives.
///
/// # Invariants
///
/// It is registered.
struct Probe {
    event: *mut bindings::tracepoint,
    function: *mut c_void,
    data: *mut c_void,
}

impl Probe {
    /// # Safety
    ///
    /// The function has the type that the event asks for, and may be called with `data` for as long
    /// as the result lives.
    unsafe fn new(
        event: *mut bindings::tracepoint,
        function: *mut c_void,
        data: *mut c_void,
    ) -> Result<Self> {
        // SAFETY: As promised by the caller.
        to_result(unsafe { bindings::tracepoint_probe_register(event, function, data) })?;
        // INVARIANT: Just done.
        Ok(Self {
            event,
            function,
            data,
        })
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // Then nobody is inside any more: as `tracepoint_synchronize_unregister()`, for an event that
        // does not sleep.
        //
        // SAFETY: Registered by the type invariants; process context, as for `new`.
        unsafe {
            bindings::tracepoint_probe_unregister(self.event, self.function, self.data);
            bindings::synchronize_srcu(&raw mut bindings::tracepoint_srcu);
        }
    }
}

// SAFETY: Nothing of it is tied to a thread.
unsafe impl Send for Probe {}

/// `dma_pool_alloc`: a block was taken.
///
/// # Safety
///
/// `data` is the [`Holdings`], `dev` is NULL or a device, `pool` a C string.
unsafe extern "C" fn taken(
    data: *mut c_void,
    dev: *mut bindings::device,
    pool: *const c_char,
    bytes: usize,
    phys: PhysAddr,
) {
    // SAFETY: As promised by the caller.
    let (table, device, pool) =
        unsafe { (&*data.cast::<Holdings>(), Name::of(dev), c_str::bytes(pool)) };

    if let Some(zone) = Zone::ALL
        .into_iter()
        .find(|zone| zone.name().as_bytes() == pool)
    {
        table.note(device.bytes(), zone, bytes >> PAGE_SHIFT, phys);
    }
}

/// `dma_pool_free`: a block is about to be free.
///
/// # Safety
///
/// As [`taken`].
unsafe extern "C" fn freed(
    data: *mut c_void,
    _dev: *mut bindings::device,
    _pool: *const c_char,
    _bytes: usize,
    phys: PhysAddr,
) {
    // SAFETY: As promised by the caller.
    unsafe { &*data.cast::<Holdings>() }.forget(phys);
}
