// SPDX-License-Identifier: GPL-2.0

//! Pages for a chunk, from the page allocator or CMA, and the addresses that CPUs use them by.
//!
//! Each is a type whose `Drop` gives back what was taken, to where it was taken from. Whether
//! devices may read the pages is in [`shared`](super::shared).

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

use super::zone::Zone;

/// Where the pages of a block came from, and thus go back to.
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
/// `page` is the first page of a block of that order which came from `origin` and belongs to this
/// object.
pub(super) struct PageBlock {
    page: NonNull<bindings::page>,
    pub(super) order: u32,
    origin: Origin,
}

impl PageBlock {
    /// Takes a block from the zone, from CMA first where the CMA area lies in it.
    ///
    /// Never warns, and never makes the OOM killer run: a pool that stays small is better than a
    /// crash kernel that kills the dump. Context: process; may sleep.
    pub(super) fn new(zone: Zone, order: u32) -> Option<Self> {
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

    pub(super) fn size(&self) -> usize {
        PAGE_SIZE << self.order
    }

    pub(super) fn phys(&self) -> PhysAddr {
        // SAFETY: `page` is valid by the type invariants.
        unsafe { bindings::page_to_phys(self.page.as_ptr()) }
    }

    /// Address of the block in the kernel's linear map.
    pub(super) fn linear(&self) -> usize {
        // SAFETY: `page` is valid by the type invariants. It is in the linear map, as no allocation
        // here asks for high memory.
        unsafe { bindings::page_to_virt(self.page.as_ptr()) as usize }
    }

    /// Whether the page allocator still counts the block as given out.
    #[cfg(CONFIG_KUNIT = "y")]
    pub(super) fn is_allocated(&self) -> bool {
        // SAFETY: Each page frame has a `struct page`, whoever owns the page.
        unsafe { (&raw const (*self.page.as_ptr())._refcount.counter).read_volatile() > 0 }
    }
}

impl Drop for PageBlock {
    fn drop(&mut self) {
        match self.origin {
            // SAFETY: The block is owned by this object and was allocated with this order.
            Origin::Buddy => unsafe { bindings::__free_pages(self.page.as_ptr(), self.order) },
            #[cfg(CONFIG_DMA_CMA)]
            Origin::Cma => {
                // SAFETY: The block is owned by this object and came from the default area with
                // this many pages.
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

/// The address range through which CPUs use a block.
///
/// With `DMA_DIRECT_REMAP` this is a non-cacheable alias in the vmalloc area, which devices that do
/// not snoop need, otherwise the linear map.
///
/// # Invariants
///
/// `virt` is the address of a mapping of a whole block that outlives this object.
pub(super) struct Mapping {
    pub(super) virt: usize,
}

impl Mapping {
    pub(super) fn new(block: &PageBlock, cc_shared: bool) -> Result<Self> {
        // Written-back lines of the cacheable alias must not overwrite what a device wrote.
        //
        // SAFETY: The block is owned by the caller and not in use yet.
        unsafe { bindings::arch_dma_prep_coherent(block.page.as_ptr(), block.size()) };

        #[cfg(CONFIG_DMA_DIRECT_REMAP)]
        {
            // SAFETY: The block is valid for its size. Sleeping is allowed.
            let virt = unsafe {
                bindings::dma_pool_remap(block.page.as_ptr(), block.size(), cc_shared) as usize
            };

            if virt == 0 {
                return Err(ENOMEM);
            }
            // INVARIANT: Just mapped.
            Ok(Self { virt })
        }
        #[cfg(not(CONFIG_DMA_DIRECT_REMAP))]
        {
            let _ = cc_shared;
            // INVARIANT: The linear map is always there.
            Ok(Self {
                virt: block.linear(),
            })
        }
    }
}

#[cfg(CONFIG_DMA_DIRECT_REMAP)]
impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `virt` is the start of a mapping that `dma_pool_remap` made. The size argument is
        // not used by C.
        unsafe { bindings::dma_common_free_remap(self.virt as *mut c_void, 0) };
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

#[cfg(CONFIG_DMA_DIRECT_REMAP)]
#[kunit_tests(rust_dma_pool_block)]
mod tests {
    use super::*;

    /// The page at an address in the vmalloc area, NULL if there is none.
    fn page_at(virt: usize) -> *mut bindings::page {
        // SAFETY: Looks into the page tables of the kernel, which are always there.
        unsafe { bindings::vmalloc_to_page(virt as *const c_void) }
    }

    #[test]
    fn is_mapped_until_the_mapping_is_dropped() -> Result {
        let block = PageBlock::new(Zone::Dma32, 1).ok_or(ENOMEM)?;
        let mapping = Mapping::new(&block, false)?;
        let virt = mapping.virt;
        let first = page_at(virt);
        let second = page_at(virt + PAGE_SIZE);

        drop(mapping);
        assert_eq!(first, block.page.as_ptr());
        assert_eq!(second, first.wrapping_add(1));
        assert!(page_at(virt).is_null());
        Ok(())
    }
}
