// SPDX-License-Identifier: GPL-2.0

//! Pages of the default CMA area, and back to it.
//!
//! Pools are made of them where the area lies in their zone. Where the others come from is in
//! [`pages`](super::pages). Process context; may sleep.

use core::ptr::{
    null_mut,
    NonNull, //
};

use kernel::{
    bindings,
    io::PhysAddr,
    page::PAGE_SHIFT,
    prelude::*, //
};

use super::chunk_memory::count_leaked;
use crate::plan::zones::Zone;

/// Takes `count` pages, if the area lies in the zone and has them. They begin at a multiple of a block
/// of this order, or of `CONFIG_CMA_ALIGNMENT`, if that is less. Never warns.
pub(super) fn alloc(zone: Zone, count: usize, order: u32) -> Option<NonNull<bindings::page>> {
    if !is_in_zone(zone) {
        return None;
    }
    // SAFETY: A NULL device selects the default area, which exists. Sleeping is allowed.
    NonNull::new(unsafe { bindings::dma_alloc_from_contiguous(null_mut(), count, order, true) })
}

/// Gives `count` pages from `page` back. What the area does not take is leaked, and counted.
///
/// # Safety
///
/// They are what [`alloc`] returned for this zone, and belong to the caller.
pub(super) unsafe fn release(zone: Zone, page: NonNull<bindings::page>, count: usize) {
    // SAFETY: As promised by the caller.
    let released =
        unsafe { bindings::dma_release_from_contiguous(null_mut(), page.as_ptr(), count as c_int) };

    if !released {
        count_leaked(zone, count << PAGE_SHIFT);
        pr_err!("DMA: CMA does not take back a pool chunk; leaking it\n");
    }
}

/// Whether the default CMA area lies within what devices of a zone's pool can address.
fn is_in_zone(zone: Zone) -> bool {
    // SAFETY: NULL selects the default area.
    let cma = unsafe { bindings::dev_get_cma_area(null_mut()) };

    if cma.is_null() {
        return false;
    }
    // SAFETY: The area exists, and areas are never destroyed.
    let (base, size) = unsafe { (bindings::cma_get_base(cma), bindings::cma_get_size(cma)) };
    // An area does not cross zones, see `cma_activate_area()`. One that was not activated is empty.
    let Some(last) = size.checked_sub(1) else {
        return false;
    };
    let end = base.saturating_add(last as PhysAddr);
    // SAFETY: The limit is set once, while the memory is set up at boot.
    let dma_limit = unsafe { bindings::zone_dma_limit };

    match zone {
        Zone::Dma if cfg!(CONFIG_ZONE_DMA) => end <= dma_limit,
        Zone::Dma32 if cfg!(CONFIG_ZONE_DMA32) => end <= dma_limit.max(u64::from(u32::MAX)),
        _ => true,
    }
}
