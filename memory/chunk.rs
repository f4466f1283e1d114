// SPDX-License-Identifier: GPL-2.0

//! One chunk of a pool: memory that devices may use, and the allocator of its pages.
//!
//! How memory gets there and back is in [`chunk_memory`](super::chunk_memory), when chunks are made
//! in [`growth`](crate::pool::growth).

use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use kernel::{
    bindings,
    io::PhysAddr,
    page::PAGE_SHIFT,
    prelude::*, //
};

pub(crate) use super::chunk_memory::NewError;
use super::{
    allocator::Allocator,
    bits::Run,
    chunk_memory::{
        count_leaked,
        ChunkMemory, //
    },
    filter::Filtered,
    free::NotOut,
    pages::Pages, //
};
use crate::{
    plan::zones::Zone,
    pool::Block, //
};

/// One contiguous piece of a pool, with the allocator of its pages.
///
/// In this order, so that a free loads `virt` and the number of pages before it at once.
///
/// # Invariants
///
/// `allocator` has the pages at `virt`, which is where `memory` is mapped;
/// `phys` is their physical address, and `page` the first page. All of that is in the filter.
#[repr(C)]
pub(crate) struct Chunk {
    allocator: Allocator,
    virt: NonNull<u8>,
    page: NonNull<bindings::page>,
    phys: PhysAddr,
    _virt_filter: Filtered,
    #[cfg(CONFIG_DMA_DIRECT_REMAP)]
    _phys_filter: Filtered,
    /// Dropped by hand, and only if nothing is allocated from it.
    memory: ManuallyDrop<ChunkMemory>,
}

// SAFETY: `virt` and `page` are addresses of what `memory` owns, which is not tied to a thread.
unsafe impl Send for Chunk {}

// SAFETY: As above; with a shared reference the allocator is used, which is `Sync`.
unsafe impl Sync for Chunk {}

impl Chunk {
    /// Makes a chunk of the largest of `sizes`, in pages, that `zone` has in one piece.
    ///
    /// # Context
    ///
    /// Process context; may sleep.
    ///
    /// # Errors
    ///
    /// [`NewError`].
    pub(crate) fn new(
        zone: Zone,
        mut sizes: impl Iterator<Item = usize>,
        cc_shared: bool,
    ) -> Result<Self, NewError> {
        let pages = sizes
            .find_map(|count| Pages::new(zone, count))
            .ok_or(NewError::NoMemory)?;
        let (page, phys, count) = (pages.first(), pages.phys(), pages.count());
        let memory = ChunkMemory::new(pages, cc_shared)?;
        let virt = memory.virt();
        let allocator =
            Allocator::new(virt.as_ptr() as usize, phys, count).map_err(|_| NewError::NoMemory)?;
        let size = count << PAGE_SHIFT;

        // INVARIANT: As just made.
        Ok(Self {
            allocator,
            virt,
            page,
            phys,
            _virt_filter: Filtered::new(virt.as_ptr() as usize, size),
            #[cfg(CONFIG_DMA_DIRECT_REMAP)]
            // CAST: 64-bit machines only.
            _phys_filter: Filtered::new(phys as usize, size),
            memory: ManuallyDrop::new(memory),
        })
    }

    /// Makes a chunk of `count` pages.
    #[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
    pub(crate) fn of_pages(zone: Zone, count: usize) -> Result<Self> {
        Ok(Self::new(zone, core::iter::once(count), false)?)
    }

    /// Size in bytes; whole pages.
    pub(crate) fn size(&self) -> usize {
        self.allocator.pages() << PAGE_SHIFT
    }

    /// Kernel address of the first byte.
    pub(crate) fn virt(&self) -> usize {
        self.virt.as_ptr() as usize
    }

    /// Physical address of the first byte.
    #[cfg(CONFIG_DMA_DIRECT_REMAP)]
    pub(crate) fn phys(&self) -> PhysAddr {
        self.phys
    }

    /// The number of the page with the kernel address `virt`, if it is in this chunk.
    #[inline(always)]
    pub(crate) fn page_at(&self, virt: usize) -> Option<usize> {
        self.page_of_offset(virt.wrapping_sub(self.virt()))
    }

    /// The number of the page with the physical address `phys`, if it is in this chunk.
    #[cfg(CONFIG_DMA_DIRECT_REMAP)]
    pub(crate) fn page_at_phys(&self, phys: PhysAddr) -> Option<usize> {
        // CAST: 64-bit machines only.
        self.page_of_offset(phys.wrapping_sub(self.phys) as usize)
    }

    #[inline(always)]
    fn page_of_offset(&self, offset: usize) -> Option<usize> {
        let page = offset >> PAGE_SHIFT;

        (page < self.allocator.pages()).then_some(page)
    }

    /// Physical address of a page.
    #[inline(always)]
    pub(crate) fn phys_of(&self, page: usize) -> PhysAddr {
        // CAST: An offset into the chunk.
        self.phys.wrapping_add((page << PAGE_SHIFT) as PhysAddr)
    }

    /// The block of `count` pages that begins with this page.
    ///
    /// # Safety
    ///
    /// The page is one of the chunk.
    #[inline(always)]
    pub(crate) unsafe fn block(&self, page: usize, count: usize) -> Block {
        Block {
            // SAFETY: As promised by the caller.
            virt: unsafe { self.virt.add(page << PAGE_SHIFT) },
            // SAFETY: As above; the array of all pages has those of the chunk in a row.
            page: unsafe { self.page.add(page) },
            size: count << PAGE_SHIFT,
        }
    }

    /// As [`Allocator::alloc_page`].
    #[inline(always)]
    pub(crate) fn alloc_page(&self) -> Option<(usize, bool)> {
        self.allocator.alloc_page()
    }

    /// As [`Allocator::seems_full`].
    #[inline(always)]
    pub(crate) fn seems_full(&self) -> bool {
        self.allocator.seems_full()
    }

    /// As [`Allocator::alloc_run`].
    #[inline(always)]
    pub(crate) fn alloc_run(&self, run: &Run) -> Option<(usize, bool)> {
        self.allocator.alloc_run(run)
    }

    /// As [`Allocator::free_page`].
    ///
    /// # Safety
    ///
    /// The page is one of the chunk.
    #[inline(always)]
    pub(crate) unsafe fn free_page(&self, page: usize) -> bool {
        // SAFETY: As promised by the caller.
        unsafe { self.allocator.free_page(page) }
    }

    /// As [`Allocator::close_word`].
    pub(crate) fn close_word(&self, page: usize) {
        self.allocator.close_word(page);
    }

    /// As [`Allocator::alloc`].
    pub(crate) fn alloc(&self, count: usize) -> Option<usize> {
        self.allocator.alloc(count)
    }

    /// As [`Allocator::alloc_anywhere`].
    pub(crate) fn alloc_anywhere(&self, count: usize) -> Option<usize> {
        self.allocator.alloc_anywhere(count)
    }

    /// As [`Allocator::free`].
    #[inline(always)]
    pub(crate) fn free(&self, page: usize, count: usize) -> Result<(), NotOut> {
        self.allocator.free(page, count)
    }

    /// As [`Allocator::is_out`].
    pub(crate) fn is_out(&self, page: usize, count: usize) -> bool {
        self.allocator.is_out(page, count)
    }

    /// Gives back what was allocated, and not handed out.
    #[inline(never)]
    pub(crate) fn put_back(&self, page: usize, count: usize) {
        // It is out: only who takes it gives it back.
        let _ = self.free(page, count);
    }

    /// As [`Allocator::claim`].
    pub(crate) fn claim(&self) -> bool {
        self.allocator.claim()
    }

    /// As [`Allocator::unclaim`].
    pub(crate) fn unclaim(&self) {
        self.allocator.unclaim();
    }

    /// Bytes of the largest free piece, as [`Allocator::largest_free`].
    pub(crate) fn largest_free(&self) -> usize {
        self.allocator.largest_free() << PAGE_SHIFT
    }

    /// Bytes that are out, as far as can be told.
    #[cfg(CONFIG_DEBUG_FS)]
    pub(crate) fn used(&self) -> usize {
        let free = self.allocator.free_pages() << PAGE_SHIFT;

        self.size().saturating_sub(free)
    }

    /// Where the memory is from.
    #[cfg(CONFIG_DEBUG_FS)]
    pub(crate) fn origin(&self) -> &'static str {
        self.memory.origin()
    }

    /// Whether nothing is allocated.
    pub(crate) fn is_idle(&self) -> bool {
        self.allocator.is_idle()
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if self.is_idle() {
            // SAFETY: Not used again.
            unsafe { ManuallyDrop::drop(&mut self.memory) };
        } else {
            // A device may still write there.
            count_leaked(self.memory.zone(), self.size());
            pr_err!(
                "DMA: leaking {} KiB of pool memory that is in use\n",
                self.size() >> 10
            );
        }
    }
}

#[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
#[kunit_tests(rust_dma_pool_chunk)]
mod tests {
    use super::*;
    use kernel::page::PAGE_SIZE;

    #[test]
    fn knows_its_own_addresses_only() -> Result {
        let chunk = Chunk::of_pages(Zone::Dma32, 3)?;
        let (virt, size) = (chunk.virt(), chunk.size());

        assert_eq!(size, 3 * PAGE_SIZE);
        assert_eq!(chunk.page_at(virt), Some(0));
        assert_eq!(chunk.page_at(virt + PAGE_SIZE - 1), Some(0));
        assert_eq!(chunk.page_at(virt + PAGE_SIZE), Some(1));
        assert_eq!(chunk.page_at(virt + size - 1), Some(2));
        assert_eq!(chunk.page_at(virt - 1), None);
        assert_eq!(chunk.page_at(virt + size), None);
        assert_eq!(chunk.page_at(0), None);
        Ok(())
    }

    #[test]
    fn all_names_of_a_page_are_of_the_same() -> Result {
        let chunk = Chunk::of_pages(Zone::Dma32, 4)?;
        // SAFETY: It has four.
        let block = unsafe { chunk.block(2, 1) };

        assert_eq!(chunk.page_at(block.virt.as_ptr() as usize), Some(2));
        // SAFETY: The page is part of the chunk.
        assert_eq!(chunk.phys_of(2), unsafe {
            bindings::page_to_phys(block.page.as_ptr())
        });
        Ok(())
    }

    #[test]
    fn is_below_the_limit_of_its_zone() -> Result {
        // SAFETY: Set once at boot.
        let dma = unsafe { bindings::zone_dma_limit };
        let end = |zone| Chunk::of_pages(zone, 1).map(|chunk| chunk.phys_of(1) - 1);

        assert!(end(Zone::Dma32)? <= dma.max(u64::from(u32::MAX)));
        // Without such a zone its requests are served from all memory.
        assert!(!cfg!(CONFIG_ZONE_DMA) || end(Zone::Dma)? <= dma);
        Ok(())
    }

    #[test]
    fn leaks_memory_that_is_in_use() -> Result {
        let chunk = Chunk::of_pages(Zone::Dma32, 1)?;
        let page = chunk.alloc(1).ok_or(ENOMEM)?;
        // SAFETY: Second owners, of which only those are dropped that the first one has leaked.
        let (mut memory, allocator) = unsafe {
            (
                core::ptr::read(&chunk.memory),
                ManuallyDrop::new(core::ptr::read(&chunk.allocator)),
            )
        };

        drop(chunk);
        assert!(memory.is_allocated());
        assert_eq!(allocator.free(page, 1), Ok(()));
        drop(ManuallyDrop::into_inner(allocator));
        // SAFETY: Not used again.
        unsafe { ManuallyDrop::drop(&mut memory) };
        Ok(())
    }

    #[test]
    fn takes_fewer_pages_than_asked_for_when_it_must() -> Result {
        // Nothing is this large, not even in CMA.
        let sizes = [1 << 30, 3, 2, 1];
        let smaller = Chunk::new(Zone::Dma32, sizes.into_iter(), false)?;

        assert_eq!(smaller.size(), 3 * PAGE_SIZE);
        assert!(Chunk::of_pages(Zone::Dma32, 1 << 30).is_err());
        Ok(())
    }
}

/// Apart, as a test that is not built counts as skipped.
#[cfg(all(CONFIG_DMA_DIRECT_REMAP, CONFIG_DMA_POOL_RUST_KUNIT_TEST))]
#[kunit_tests(rust_dma_pool_chunk_phys)]
mod phys_tests {
    use super::*;

    #[test]
    fn knows_its_own_physical_addresses_only() -> Result {
        let chunk = Chunk::of_pages(Zone::Dma32, 3)?;
        let (phys, size) = (chunk.phys(), chunk.size() as PhysAddr);

        assert_eq!(chunk.page_at_phys(phys), Some(0));
        assert_eq!(chunk.page_at_phys(phys + size - 1), Some(2));
        assert_eq!(chunk.page_at_phys(phys - 1), None);
        assert_eq!(chunk.page_at_phys(phys + size), None);
        assert_eq!(chunk.page_at_phys(PhysAddr::MAX), None);
        Ok(())
    }
}
