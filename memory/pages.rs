// SPDX-License-Identifier: GPL-2.0

//! Pages for a chunk, from the page allocator or CMA; they go back to where they came from.
//!
//! How CPUs reach them is in [`mapping`](super::mapping), whether devices can read them in
//! [`chunk_memory`](super::chunk_memory).

use core::ptr::{
    null_mut,
    NonNull, //
};

use kernel::{
    bindings,
    io::PhysAddr,
    page::PAGE_SIZE,
    prelude::*, //
};

use crate::policy::zones::Zone;

/// Where pages came from, and thus go back to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    Buddy,
    #[cfg(CONFIG_DMA_CMA)]
    Cma,
}

/// Owner of `1 << order` physically contiguous pages.
///
/// # Invariants
///
/// `page` is the first of `1 << order` pages, which came from `origin` at once and belong to this
/// object.
pub(crate) struct Pages {
    page: NonNull<bindings::page>,
    pub(super) order: u32,
    origin: Origin,
}

impl Pages {
    /// Takes pages from the zone, from CMA first where the CMA area lies in it.
    ///
    /// Never warns, and never makes the OOM killer run: a pool that stays small is better than a
    /// crash kernel that kills the dump. Context: process; may sleep.
    pub(crate) fn new(zone: Zone, order: u32) -> Option<Self> {
        #[cfg(CONFIG_DMA_CMA)]
        if cma_in_zone(zone) {
            // SAFETY: A NULL device selects the default area, which exists. Sleeping is allowed.
            let page =
                unsafe { bindings::dma_alloc_from_contiguous(null_mut(), 1 << order, order, true) };

            if let Some(page) = NonNull::new(page) {
                // INVARIANT: Just allocated there.
                return Some(Self {
                    page,
                    order,
                    origin: Origin::Cma,
                });
            }
        }

        let gfp = gfp(zone) | bindings::__GFP_NOWARN | bindings::__GFP_RETRY_MAYFAIL;
        // SAFETY: An FFI call with no additional requirements. Sleeping is allowed.
        let page = unsafe { bindings::alloc_pages(gfp, order) };

        // INVARIANT: Just allocated there.
        Some(Self {
            page: NonNull::new(page)?,
            order,
            origin: Origin::Buddy,
        })
    }

    /// The first page.
    pub(super) fn first(&self) -> *mut bindings::page {
        self.page.as_ptr()
    }

    /// Size in bytes.
    pub(crate) fn size(&self) -> usize {
        PAGE_SIZE << self.order
    }

    /// Physical address of the first page.
    pub(super) fn phys(&self) -> PhysAddr {
        // SAFETY: `page` is valid by the type invariants.
        unsafe { bindings::page_to_phys(self.page.as_ptr()) }
    }

    /// Address of the pages in the kernel's linear map.
    pub(super) fn linear(&self) -> usize {
        // SAFETY: `page` is valid by the type invariants. It is in the linear map, as no allocation
        // here asks for high memory.
        unsafe { bindings::page_to_virt(self.page.as_ptr()) as usize }
    }

    /// Whether the page allocator still counts the pages as given out.
    #[cfg(CONFIG_KUNIT = "y")]
    pub(super) fn is_allocated(&self) -> bool {
        // SAFETY: Each page frame has a `struct page`, whoever owns the page.
        unsafe { (&raw const (*self.page.as_ptr())._refcount.counter).read_volatile() > 0 }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        match self.origin {
            // SAFETY: The pages are owned by this object and were allocated with this order.
            Origin::Buddy => unsafe { bindings::__free_pages(self.page.as_ptr(), self.order) },
            #[cfg(CONFIG_DMA_CMA)]
            Origin::Cma => {
                // SAFETY: The pages are owned by this object and came from the default area, this
                // many at once.
                let released = unsafe {
                    bindings::dma_release_from_contiguous(
                        null_mut(),
                        self.page.as_ptr(),
                        1 << self.order,
                    )
                };

                if !released {
                    pr_err!("DMA: CMA does not take back a pool chunk; leaking it\n");
                }
            }
        }
    }
}

/// The page allocator's flags for memory of a zone.
fn gfp(zone: Zone) -> bindings::gfp_t {
    match zone {
        Zone::Kernel => bindings::GFP_KERNEL,
        Zone::Dma => bindings::GFP_KERNEL | bindings::GFP_DMA,
        Zone::Dma32 => bindings::GFP_KERNEL | bindings::GFP_DMA32,
    }
}

/// Whether the default CMA area lies within what devices of a zone's pool can address.
#[cfg(CONFIG_DMA_CMA)]
fn cma_in_zone(zone: Zone) -> bool {
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
