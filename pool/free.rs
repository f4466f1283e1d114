// SPDX-License-Identifier: GPL-2.0

//! The way back: from an address or a page to the chunk that it is part of, without a walk.
//!
//! Any context but NMI, under RCU; nothing here takes a lock. The way out is in
//! [`alloc`](super::alloc).

use kernel::{
    bindings,
    io::PhysAddr,
    page::{
        PAGE_SHIFT,
        PAGE_SIZE, //
    },
    sync::rcu, //
};

use super::{
    list::Member,
    page_count,
    table::Chunks,
    Pools, //
};
use crate::report::trace;

/// What became of memory that was to be given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Free {
    /// It is not from these pools.
    Foreign,
    /// It is free.
    Done,
    /// It is from these pools, but is no block of that size that is out. Nothing was changed.
    Bad,
}

/// What the DMA layer knows of memory that comes back.
pub(crate) trait Place: Copy {
    /// An address to name it by.
    fn addr(self) -> u64;

    /// The chunk that it is part of, and which page of it.
    fn find(self, chunks: &Chunks) -> Option<(&Member, usize)>;

    /// As [`find`](Self::find), where most is found.
    fn find_likely(self, chunks: &Chunks) -> Option<(&Member, usize)>;
}

/// Its kernel address.
#[derive(Clone, Copy)]
pub(crate) struct Virt(pub(crate) usize);

impl Place for Virt {
    fn addr(self) -> u64 {
        // CAST: An address.
        self.0 as u64
    }

    fn find(self, chunks: &Chunks) -> Option<(&Member, usize)> {
        chunks.at_virt(self.0)
    }

    #[inline(always)]
    fn find_likely(self, chunks: &Chunks) -> Option<(&Member, usize)> {
        chunks.likely_at_virt(self.0)
    }
}

/// Its first page.
///
/// # Invariants
///
/// The page is valid.
#[derive(Clone, Copy)]
pub(crate) struct FirstPage(*mut bindings::page);

impl FirstPage {
    /// Makes a place of the page that a block begins with.
    ///
    /// # Safety
    ///
    /// `page` is valid.
    #[inline(always)]
    pub(crate) unsafe fn new(page: *mut bindings::page) -> Self {
        // INVARIANT: As promised by the caller.
        Self(page)
    }

    /// Its physical address.
    #[inline(always)]
    fn phys(self) -> PhysAddr {
        // SAFETY: By the type invariants.
        unsafe { bindings::page_to_phys(self.0) }
    }

    /// Where all memory is mapped, which pools are if nothing is remapped.
    #[cfg(not(CONFIG_DMA_DIRECT_REMAP))]
    #[inline(always)]
    fn virt(self) -> Virt {
        // SAFETY: By the type invariants.
        Virt(unsafe { bindings::page_to_virt(self.0) } as usize)
    }
}

impl Place for FirstPage {
    fn addr(self) -> u64 {
        self.phys()
    }

    #[cfg(CONFIG_DMA_DIRECT_REMAP)]
    fn find(self, chunks: &Chunks) -> Option<(&Member, usize)> {
        chunks.at_phys(self.phys())
    }

    #[cfg(CONFIG_DMA_DIRECT_REMAP)]
    #[inline(always)]
    fn find_likely(self, chunks: &Chunks) -> Option<(&Member, usize)> {
        chunks.likely_at_phys(self.phys())
    }

    #[cfg(not(CONFIG_DMA_DIRECT_REMAP))]
    fn find(self, chunks: &Chunks) -> Option<(&Member, usize)> {
        self.virt().find(chunks)
    }

    #[cfg(not(CONFIG_DMA_DIRECT_REMAP))]
    #[inline(always)]
    fn find_likely(self, chunks: &Chunks) -> Option<(&Member, usize)> {
        self.virt().find_likely(chunks)
    }
}

impl Pools {
    /// Takes back a page, at the first attempt; most are.
    ///
    /// Returns `false` if nothing was done; [`free`](Self::free) does it then, or knows why not.
    ///
    /// # Safety
    ///
    /// As for [`free`](Self::free).
    #[inline(always)]
    pub(crate) unsafe fn free_likely(
        &self,
        guard: &rcu::Guard,
        at: impl Place,
        size: usize,
    ) -> bool {
        let Some((member, page)) = at.find_likely(self.table.read(guard)) else {
            return false;
        };

        // Not the other way round: the compiler makes an instruction more of it.
        // SAFETY: The page was found in the chunk.
        let done = size.wrapping_sub(1) < PAGE_SIZE && unsafe { member.chunk.free_page(page) };

        if done && member.pool.give_back(1) {
            member.pool.unpin();
        }
        done
    }

    /// Takes back `size` bytes.
    ///
    /// # Context
    ///
    /// Any context but NMI, under RCU; takes no lock.
    ///
    /// # Safety
    ///
    /// If the memory is from these pools, it is a block that [`alloc`](Self::alloc) returned for a
    /// `size` that rounds up to the same number of pages, and that is not in use any more. Anything
    /// else is found out where it can be, see [`Free::Bad`]. `dev` is NULL or a device.
    pub(crate) unsafe fn free(
        &self,
        guard: &rcu::Guard,
        dev: *mut bindings::device,
        at: impl Place,
        size: usize,
    ) -> Free {
        match at.find(self.table.read(guard)) {
            None => Free::Foreign,
            // SAFETY: As promised by the caller.
            Some((member, page)) => unsafe { take_back(dev, member, page, size) },
        }
    }
}

/// Takes back `size` bytes from `page` of a chunk.
///
/// # Safety
///
/// `dev` is NULL or a device.
unsafe fn take_back(dev: *mut bindings::device, member: &Member, page: usize, size: usize) -> Free {
    let count = page_count(size);

    // Before it is free: who gets it next traces that, too, and maybe at once.
    if trace::traces_frees() && member.chunk.is_out(page, count) {
        let phys = member.chunk.phys_of(page);

        // SAFETY: As promised by the caller.
        unsafe { trace::free(dev, member.pool.zone, count << PAGE_SHIFT, phys) };
    }
    if member.chunk.free(page, count).is_err() {
        return Free::Bad;
    }
    if member.pool.give_back(count) {
        member.pool.unpin();
    }
    Free::Done
}
