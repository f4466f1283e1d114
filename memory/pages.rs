// SPDX-License-Identifier: GPL-2.0

//! Contiguous pages for a chunk, from the page allocator or CMA, and back to where they came from.
//!
//! What is special about CMA is in `cma.rs`. By which address CPUs use them is in [`mapping`](super::mapping); whether devices may read them,
//! in [`chunk_memory`](super::chunk_memory).

use core::ptr::NonNull;

use kernel::{
    bindings,
    io::PhysAddr,
    page::PAGE_SHIFT, //
};

#[cfg(CONFIG_DMA_CMA)]
use super::cma;
use crate::plan::zones::Zone;

/// Where pages came from, and thus go back to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    Buddy,
    #[cfg(CONFIG_DMA_CMA)]
    Cma,
}

/// Owner of physically contiguous pages.
///
/// # Invariants
///
/// `page` is the first of `count` pages that came from `origin` and belong to this object: from the
/// page allocator as one block of that order if `count` is a power of two, otherwise as single
/// pages.
pub(crate) struct Pages {
    page: NonNull<bindings::page>,
    count: usize,
    zone: Zone,
    origin: Origin,
}

impl Pages {
    /// Takes `count` pages from the zone, from CMA first where the CMA area lies in it.
    ///
    /// Never warns, and never makes the OOM killer run: a pool that stays small is better than a
    /// crash kernel that kills the dump.
    ///
    /// # Context
    ///
    /// Process context; may sleep.
    pub(crate) fn new(zone: Zone, count: usize) -> Option<Self> {
        let block = count.checked_next_power_of_two()?;
        let order = block.trailing_zeros();

        if order > bindings::MAX_PAGE_ORDER {
            return None;
        }

        #[cfg(CONFIG_DMA_CMA)]
        if let Some(page) = cma::alloc(zone, count, order) {
            // INVARIANT: Just allocated there.
            return Some(Self {
                page,
                count,
                zone,
                origin: Origin::Cma,
            });
        }

        let mut gfp = gfp(zone) | bindings::__GFP_NOWARN;

        // For a large block nobody is killed anyway, and the flag would have it reclaim hard, though
        // smaller ones do: see `__alloc_pages_slowpath()`.
        if order <= bindings::PAGE_ALLOC_COSTLY_ORDER {
            gfp |= bindings::__GFP_RETRY_MAYFAIL;
        }
        // SAFETY: An FFI call with no additional requirements. Sleeping is allowed.
        let page = NonNull::new(unsafe { bindings::alloc_pages(gfp, order) })?;

        if count != block {
            // SAFETY: The block was just allocated with this order, and belongs to us.
            unsafe { bindings::split_page(page.as_ptr(), order) };
            // SAFETY: What is beyond the pages that are kept belongs to us, as single pages.
            unsafe { free_single(page, count..block) };
        }
        // INVARIANT: Just allocated there.
        Some(Self {
            page,
            count,
            zone,
            origin: Origin::Buddy,
        })
    }

    /// The zone that was asked.
    pub(crate) fn zone(&self) -> Zone {
        self.zone
    }

    /// Where they are from, for people.
    #[cfg(CONFIG_DEBUG_FS)]
    pub(crate) fn origin(&self) -> &'static str {
        match self.origin {
            Origin::Buddy => "buddy",
            #[cfg(CONFIG_DMA_CMA)]
            Origin::Cma => "cma",
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Bytes.
    pub(crate) fn size(&self) -> usize {
        self.count << PAGE_SHIFT
    }

    /// The first page.
    pub(crate) fn first(&self) -> NonNull<bindings::page> {
        self.page
    }

    pub(crate) fn phys(&self) -> PhysAddr {
        // SAFETY: `page` is valid by the type invariants.
        unsafe { bindings::page_to_phys(self.page.as_ptr()) }
    }

    /// Address in the kernel's linear map.
    pub(crate) fn linear(&self) -> NonNull<u8> {
        // SAFETY: `page` is valid by the type invariants. It is in the linear map, as no allocation
        // here asks for high memory, and never at address 0.
        unsafe { NonNull::new_unchecked(bindings::page_to_virt(self.page.as_ptr()).cast()) }
    }

    /// Whether the page allocator still counts the pages as given out.
    #[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
    pub(crate) fn is_allocated(&self) -> bool {
        // SAFETY: Each page frame has a `struct page`, whoever owns the page.
        unsafe { (&raw const (*self.page.as_ptr())._refcount.counter).read_volatile() > 0 }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        match self.origin {
            Origin::Buddy if self.count.is_power_of_two() => {
                // SAFETY: By the type invariants a block of this order, which is ours.
                unsafe { bindings::__free_pages(self.page.as_ptr(), self.count.trailing_zeros()) };
            }
            // SAFETY: By the type invariants single pages, which are ours.
            Origin::Buddy => unsafe { free_single(self.page, 0..self.count) },
            #[cfg(CONFIG_DMA_CMA)]
            // SAFETY: By the type invariants the pages are from there, and ours.
            Origin::Cma => unsafe { cma::release(self.zone, self.page, self.count) },
        }
    }
}

/// Gives single pages back to the page allocator: those of these numbers from `first`.
///
/// # Safety
///
/// The pages belong to the caller, each by itself.
unsafe fn free_single(first: NonNull<bindings::page>, numbers: core::ops::Range<usize>) {
    for number in numbers {
        // SAFETY: As promised by the caller.
        unsafe { bindings::__free_pages(first.as_ptr().add(number), 0) };
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
