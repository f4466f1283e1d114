// SPDX-License-Identifier: GPL-2.0

//! The memory of one chunk, from the page allocator to "a device may use this" and back.
//!
//! Each step is a type whose `Drop` undoes it, so that every error path gives back what was taken,
//! to where it was taken from: [`PageBlock`] owns the pages, [`Mapping`] the non-cacheable alias,
//! [`SharedBlock`] the decrypted state. Which memory is asked for and when is decided elsewhere.

use core::{
    mem::ManuallyDrop,
    ptr::{
        null_mut,
        NonNull, //
    },
};

use kernel::{
    bindings,
    error::to_result,
    io::PhysAddr,
    page::PAGE_SIZE,
    prelude::*, //
};

use super::{
    gen_pool::GenPool,
    zone::Zone, //
};

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
struct PageBlock {
    page: NonNull<bindings::page>,
    order: u32,
    origin: Origin,
}

impl PageBlock {
    /// Takes a block from the zone, from CMA first where the CMA area lies in it.
    ///
    /// Never warns, and never makes the OOM killer run: a pool that stays small is better than a
    /// crash kernel that kills the dump. Context: process; may sleep.
    fn new(zone: Zone, order: u32) -> Option<Self> {
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

    fn size(&self) -> usize {
        PAGE_SIZE << self.order
    }

    fn phys(&self) -> PhysAddr {
        // SAFETY: `page` is valid by the type invariants.
        unsafe { bindings::page_to_phys(self.page.as_ptr()) }
    }

    /// Address of the block in the kernel's linear map.
    fn linear(&self) -> usize {
        // SAFETY: `page` is valid by the type invariants. It is in the linear map, as no allocation
        // here asks for high memory.
        unsafe { bindings::page_to_virt(self.page.as_ptr()) as usize }
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
struct Mapping {
    virt: usize,
}

impl Mapping {
    fn new(block: &PageBlock, cc_shared: bool) -> Result<Self> {
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

/// Who can read the pages of a block where memory encryption is active.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Only CPUs, as the page allocator wants them.
    Private,
    /// Devices, or the host of an encrypted guest, too.
    Shared,
    /// Nobody knows, after a change that failed half-way.
    Unknown,
}

/// A mapped block in the state that devices need.
struct SharedBlock {
    // Dropped by hand: the mapping goes first, and the pages only follow when they are private.
    mapping: ManuallyDrop<Mapping>,
    block: ManuallyDrop<PageBlock>,
    state: State,
}

impl SharedBlock {
    /// Maps `block` and, if `cc_shared`, decrypts it.
    fn new(block: PageBlock, cc_shared: bool) -> Result<Self> {
        let mapping = Mapping::new(&block, cc_shared)?;
        let mut this = Self {
            mapping: ManuallyDrop::new(mapping),
            block: ManuallyDrop::new(block),
            state: State::Private,
        };

        if cc_shared {
            this.decrypt()?;
        }
        Ok(this)
    }

    fn decrypt(&mut self) -> Result {
        // SAFETY: The block belongs to this object and is mapped at its linear address.
        let ret =
            unsafe { bindings::set_memory_decrypted(self.block.linear(), 1 << self.block.order) };

        self.state = match ret {
            0 => State::Shared,
            _ => State::Unknown,
        };
        to_result(ret)
    }

    fn encrypt(&mut self) {
        // SAFETY: The block belongs to this object and is mapped at its linear address.
        let ret =
            unsafe { bindings::set_memory_encrypted(self.block.linear(), 1 << self.block.order) };

        self.state = match ret {
            0 => State::Private,
            _ => State::Unknown,
        };
    }
}

impl Drop for SharedBlock {
    fn drop(&mut self) {
        if self.state == State::Shared {
            self.encrypt();
        }
        // SAFETY: Not used again.
        unsafe { ManuallyDrop::drop(&mut self.mapping) };
        match self.state {
            // SAFETY: Not used again.
            State::Private => unsafe { ManuallyDrop::drop(&mut self.block) },
            // Nobody else may ever get pages that a device or a host can still read.
            _ => pr_warn!(
                "DMA: leaking {} KiB of pool memory that cannot be encrypted again\n",
                self.block.size() >> 10
            ),
        }
    }
}

/// One contiguous piece of a pool, with the allocator of its pages.
///
/// # Invariants
///
/// `allocator` manages exactly the `size` bytes at `virt`, which is where `memory` is mapped;
/// `phys` is their physical address.
pub(crate) struct Chunk {
    /// Dropped by hand, and only if nothing is allocated from it.
    memory: ManuallyDrop<SharedBlock>,
    allocator: GenPool,
    zone: Zone,
    virt: usize,
    phys: PhysAddr,
    size: usize,
}

impl Chunk {
    /// Makes a chunk of `1 << first` pages from `zone`, or where memory is short of fewer, down to
    /// `1 << last`.
    ///
    /// # Context
    ///
    /// Process context; may sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if the zone has no such block, or memory for the bookkeeping is missing; whatever
    /// `set_memory_decrypted()` returns.
    pub(crate) fn new(zone: Zone, first: u32, last: u32, cc_shared: bool) -> Result<Self> {
        let block = (last..=first)
            .rev()
            .find_map(|order| PageBlock::new(zone, order))
            .ok_or(ENOMEM)?;
        let (phys, size) = (block.phys(), block.size());
        let memory = SharedBlock::new(block, cc_shared)?;
        let virt = memory.mapping.virt;
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

/// The page allocator's flags for memory of a zone.
fn gfp(zone: Zone) -> bindings::gfp_t {
    match zone {
        Zone::Kernel => bindings::GFP_KERNEL,
        Zone::Dma => bindings::GFP_KERNEL | bindings::GFP_DMA,
        Zone::Dma32 => bindings::GFP_KERNEL | bindings::GFP_DMA32,
    }
}

/// The zone that the flags of a request ask for, as `dma_guess_pool()` reads them.
pub(crate) fn wanted_zone(gfp: bindings::gfp_t) -> Zone {
    if gfp & bindings::GFP_DMA != 0 {
        Zone::Dma
    } else if gfp & bindings::GFP_DMA32 != 0 {
        Zone::Dma32
    } else {
        Zone::Kernel
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

#[kunit_tests(rust_dma_pool_chunk)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_own_addresses_only() -> Result {
        let chunk = Chunk::new(Zone::Dma32, 2, 0, false)?;
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
        let chunk = Chunk::new(Zone::Dma32, 0, 0, false)?;

        // SAFETY: Set once at boot.
        let limit = unsafe { bindings::zone_dma_limit }.max(u64::from(u32::MAX));

        assert!(chunk.phys_at(chunk.size() - 1) <= limit);
        Ok(())
    }

    #[test]
    fn takes_fewer_pages_than_asked_for_when_it_must() -> Result {
        // No block is this large, so that the order comes down until one is.
        let chunk = Chunk::new(Zone::Dma32, bindings::MAX_PAGE_ORDER + 3, 0, false)?;

        assert!(chunk.size() <= PAGE_SIZE << bindings::MAX_PAGE_ORDER);
        assert!(Chunk::new(
            Zone::Dma32,
            bindings::MAX_PAGE_ORDER + 3,
            bindings::MAX_PAGE_ORDER + 1,
            false
        )
        .is_err());
        Ok(())
    }

    #[test]
    fn is_encrypted_again_before_its_pages_go_back() -> Result {
        let block = PageBlock::new(Zone::Dma32, 1).ok_or(ENOMEM)?;
        let mut shared = SharedBlock::new(block, true)?;

        assert_eq!(shared.state, State::Shared);
        shared.encrypt();
        assert_eq!(shared.state, State::Private);
        Ok(())
    }
}
