// SPDX-License-Identifier: GPL-2.0

//! The addresses that CPUs use the pages of a chunk by.
//!
//! Where the pages come from is in [`pages`](super::pages), whether devices can read them in
//! [`chunk_memory`](super::chunk_memory).

#[cfg(CONFIG_DMA_DIRECT_REMAP)]
use core::ptr::null;
use core::ptr::NonNull;

use kernel::{
    bindings,
    prelude::*, //
};

use super::pages::Pages;

/// The address range through which CPUs use pages.
///
/// With `DMA_DIRECT_REMAP` this is a non-cacheable alias in the vmalloc area, which devices that do
/// not snoop need, otherwise the linear map.
///
/// # Invariants
///
/// `virt` is the address of a mapping of all pages that outlives this object.
pub(super) struct Mapping {
    pub(super) virt: NonNull<u8>,
}

impl Mapping {
    /// Maps `pages`, which the caller keeps for longer than the mapping. May sleep.
    pub(super) fn new(pages: &Pages, cc_shared: bool) -> Result<Self> {
        // Written-back lines of the cacheable alias must not overwrite what a device wrote.
        //
        // SAFETY: The pages are owned by the caller and not in use yet.
        unsafe { bindings::arch_dma_prep_coherent(pages.first().as_ptr(), pages.size()) };

        #[cfg(CONFIG_DMA_DIRECT_REMAP)]
        {
            // SAFETY: The pages are there. Sleeping is allowed.
            let virt = unsafe {
                bindings::dma_common_contiguous_remap(
                    pages.first().as_ptr(),
                    pages.size(),
                    bindings::dma_pool_pgprot(cc_shared),
                    null(),
                )
            };

            // INVARIANT: Just mapped.
            Ok(Self {
                virt: NonNull::new(virt.cast()).ok_or(ENOMEM)?,
            })
        }
        #[cfg(not(CONFIG_DMA_DIRECT_REMAP))]
        {
            let _ = cc_shared;
            // INVARIANT: The linear map is always there.
            Ok(Self {
                virt: pages.linear(),
            })
        }
    }
}

#[cfg(CONFIG_DMA_DIRECT_REMAP)]
impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `virt` is the start of a mapping that `dma_common_contiguous_remap` made. The size
        // argument is not used by C.
        unsafe { bindings::dma_common_free_remap(self.virt.as_ptr().cast(), 0) };
    }
}

#[cfg(all(CONFIG_DMA_DIRECT_REMAP, CONFIG_DMA_POOL_RUST_KUNIT_TEST))]
#[kunit_tests(rust_dma_pool_mapping)]
mod tests {
    use super::*;
    use crate::plan::zones::Zone;
    use kernel::page::PAGE_SIZE;

    /// The page at an address in the vmalloc area, NULL if there is none.
    fn page_at(virt: usize) -> *mut bindings::page {
        // SAFETY: Looks into the page tables of the kernel, which are always there.
        unsafe { bindings::vmalloc_to_page(virt as *const c_void) }
    }

    #[test]
    fn is_mapped_until_the_mapping_is_dropped() -> Result {
        let pages = Pages::new(Zone::Dma32, 2).ok_or(ENOMEM)?;
        let mapping = Mapping::new(&pages, false)?;
        let virt = mapping.virt.as_ptr() as usize;
        let first = page_at(virt);
        let second = page_at(virt + PAGE_SIZE);

        drop(mapping);
        assert_eq!(first, pages.first().as_ptr());
        assert_eq!(second, first.wrapping_add(1));
        assert!(page_at(virt).is_null());
        Ok(())
    }
}
