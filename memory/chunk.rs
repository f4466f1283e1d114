// SPDX-License-Identifier: GPL-2.0

//! One chunk of a pool: memory that devices may use, and the allocator of its pages.
//!
//! How memory gets there and back is in [`chunk_memory`](super::chunk_memory), when chunks are made
//! in [`pool`](crate::pool).

use core::mem::ManuallyDrop;

use kernel::{
    io::PhysAddr,
    prelude::*, //
};

use super::{
    allocator::GenPool,
    chunk_memory::ChunkMemory,
    pages::Pages, //
};

use crate::policy::{
    zones::Zone,
    OrderRange, //
};

/// One contiguous piece of a pool, with the allocator of its pages.
///
/// # Invariants
///
/// `allocator` manages exactly the `size` bytes at `virt`, which is where `memory` is mapped;
/// `phys` is their physical address.
pub(crate) struct Chunk {
    /// Dropped by hand, and only if nothing is allocated from it.
    memory: ManuallyDrop<ChunkMemory>,
    allocator: GenPool,
    zone: Zone,
    virt: usize,
    phys: PhysAddr,
    size: usize,
}

impl Chunk {
    /// Makes a chunk from `zone`, of the largest of `orders` that there is memory for.
    ///
    /// # Context
    ///
    /// Process context; may sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if the zone has no such pages, or memory for the bookkeeping is missing; whatever
    /// `set_memory_decrypted()` returns.
    pub(crate) fn new(zone: Zone, orders: OrderRange, cc_shared: bool) -> Result<Self> {
        let pages = (orders.smallest..=orders.largest)
            .rev()
            .find_map(|order| Pages::new(zone, order))
            .ok_or(ENOMEM)?;
        let (phys, size) = (pages.phys(), pages.size());
        let memory = ChunkMemory::new(pages, cc_shared)?;
        let virt = memory.virt();
        let allocator = GenPool::new(virt, phys, size)?;

        // INVARIANT: As just made.
        Ok(Self {
            memory: ManuallyDrop::new(memory),
            allocator,
            zone,
            virt,
            phys,
            size,
        })
    }

    /// Makes a chunk of just this order, for tests.
    #[cfg(CONFIG_KUNIT = "y")]
    pub(crate) fn of_order(zone: Zone, order: u32) -> Result<Self> {
        let orders = OrderRange {
            largest: order,
            smallest: order,
        };

        Self::new(zone, orders, false)
    }

    /// The zone whose pool this chunk is part of.
    pub(crate) fn zone(&self) -> Zone {
        self.zone
    }

    /// Size in bytes; a power of two of pages.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Offset of the kernel address `virt`, if all `size` bytes from there lie in this chunk.
    pub(crate) fn offset_of_virt(&self, virt: usize, size: usize) -> Option<usize> {
        self.contains(virt.wrapping_sub(self.virt), size)
    }

    /// Offset of the physical address `phys`, if all `size` bytes from there lie in this chunk.
    pub(crate) fn offset_of_phys(&self, phys: PhysAddr, size: usize) -> Option<usize> {
        let offset = usize::try_from(phys.wrapping_sub(self.phys)).ok()?;

        self.contains(offset, size)
    }

    fn contains(&self, offset: usize, size: usize) -> Option<usize> {
        (offset < self.size && size <= self.size - offset).then_some(offset)
    }

    /// Takes `size` bytes, rounded up to pages, and returns their offset.
    ///
    /// The memory is not zeroed. Context: that of [`GenPool::alloc`].
    pub(crate) fn alloc(&self, size: usize) -> Option<usize> {
        Some(self.allocator.alloc(size)?.wrapping_sub(self.virt))
    }

    /// Gives back what [`alloc`](Self::alloc) returned. Context: that of [`GenPool::free`].
    ///
    /// # Safety
    ///
    /// As for [`GenPool::free`], with an offset in the place of the address.
    pub(crate) unsafe fn free(&self, offset: usize, size: usize) {
        // SAFETY: The caller promises that the range is allocated.
        unsafe { self.allocator.free(self.virt.wrapping_add(offset), size) };
    }

    /// Kernel address of the byte at `offset`.
    pub(crate) fn virt_at(&self, offset: usize) -> *mut u8 {
        self.virt.wrapping_add(offset) as *mut u8
    }

    /// Physical address of the byte at `offset`.
    pub(crate) fn phys_at(&self, offset: usize) -> PhysAddr {
        self.phys.wrapping_add(offset as PhysAddr)
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
            pr_err!(
                "DMA: leaking {} KiB of pool memory that is in use\n",
                self.size >> 10
            );
        }
    }
}

#[kunit_tests(rust_dma_pool_chunk)]
mod tests {
    use super::*;
    use kernel::{
        bindings,
        page::PAGE_SIZE, //
    };

    #[test]
    fn knows_its_own_addresses_only() -> Result {
        let chunk = Chunk::of_order(Zone::Dma32, 2)?;
        let size = chunk.size();
        let (virt, phys) = (chunk.virt_at(0) as usize, chunk.phys_at(0));

        assert_eq!(chunk.offset_of_virt(virt, size), Some(0));
        assert_eq!(chunk.offset_of_virt(virt + 1, size - 1), Some(1));
        assert_eq!(chunk.offset_of_virt(virt + size - 1, 1), Some(size - 1));
        assert_eq!(chunk.offset_of_virt(virt, size + 1), None);
        assert_eq!(chunk.offset_of_virt(virt + 1, size), None);
        assert_eq!(chunk.offset_of_virt(virt - 1, 1), None);
        assert_eq!(chunk.offset_of_virt(virt + size, 1), None);
        assert_eq!(chunk.offset_of_virt(virt, usize::MAX), None);
        assert_eq!(chunk.offset_of_virt(0, 1), None);
        assert_eq!(chunk.offset_of_phys(phys, size), Some(0));
        assert_eq!(chunk.offset_of_phys(phys - 1, 1), None);
        assert_eq!(chunk.offset_of_phys(phys + size as PhysAddr, 1), None);
        assert_eq!(chunk.offset_of_phys(PhysAddr::MAX, 1), None);
        Ok(())
    }

    #[test]
    fn is_below_the_limit_of_its_zone() -> Result {
        // SAFETY: Set once at boot.
        let dma = unsafe { bindings::zone_dma_limit };
        let end = |zone| Chunk::of_order(zone, 0).map(|chunk| chunk.phys_at(chunk.size() - 1));

        assert!(end(Zone::Dma32)? <= dma.max(u64::from(u32::MAX)));
        // Without such a zone its requests are served from all memory.
        assert!(!cfg!(CONFIG_ZONE_DMA) || end(Zone::Dma)? <= dma);
        Ok(())
    }

    #[test]
    fn leaks_memory_that_is_in_use() -> Result {
        let chunk = Chunk::of_order(Zone::Dma32, 0)?;
        let offset = chunk.alloc(1).ok_or(ENOMEM)?;
        // SAFETY: Second owners, of which only those are dropped that the first one has leaked.
        let (mut memory, allocator) = unsafe {
            (
                core::ptr::read(&chunk.memory),
                ManuallyDrop::new(core::ptr::read(&chunk.allocator)),
            )
        };
        let virt = chunk.virt;

        drop(chunk);
        assert!(memory.is_allocated());
        // SAFETY: Allocated above, and not given back.
        unsafe { allocator.free(virt.wrapping_add(offset), 1) };
        drop(ManuallyDrop::into_inner(allocator));
        // SAFETY: Not used again.
        unsafe { ManuallyDrop::drop(&mut memory) };
        Ok(())
    }

    #[test]
    fn takes_fewer_pages_than_asked_for_when_it_must() -> Result {
        // Nothing is this large, not even in CMA, so that the order comes down until something is.
        let orders = OrderRange {
            largest: 30,
            smallest: 0,
        };
        let chunk = Chunk::new(Zone::Dma32, orders, false)?;

        assert!(chunk.size() < PAGE_SIZE << orders.largest);
        assert!(Chunk::of_order(Zone::Dma32, orders.largest).is_err());
        Ok(())
    }
}
