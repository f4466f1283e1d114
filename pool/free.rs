// SPDX-License-Identifier: GPL-2.0

//! The way back: from an address or a page to the chunk that it is part of, without a walk.
//!
//! Any context but NMI, under RCU; nothing here takes a lock. The way out is in
//! [`alloc`](super::alloc).

#[cfg(CONFIG_DMA_DIRECT_REMAP)]
use kernel::io::PhysAddr;
use kernel::{
    bindings,
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

/// Its physical address.
#[cfg(CONFIG_DMA_DIRECT_REMAP)]
#[derive(Clone, Copy)]
pub(crate) struct Phys(PhysAddr);

#[cfg(CONFIG_DMA_DIRECT_REMAP)]
impl Place for Phys {
    fn addr(self) -> u64 {
        self.0
    }

    fn find(self, chunks: &Chunks) -> Option<(&Member, usize)> {
        chunks.at_phys(self.0)
    }

    #[inline(always)]
    fn find_likely(self, chunks: &Chunks) -> Option<(&Member, usize)> {
        chunks.likely_at_phys(self.0)
    }
}

/// The place of memory that begins with `page`.
///
/// # Safety
///
/// `page` is valid.
#[cfg(CONFIG_DMA_DIRECT_REMAP)]
#[inline(always)]
pub(crate) unsafe fn first_page(page: *mut bindings::page) -> Phys {
    // SAFETY: As promised by the caller.
    Phys(unsafe { bindings::page_to_phys(page) })
}

/// The place of memory that begins with `page`: where all memory is mapped, which pools are if
/// nothing is remapped.
///
/// # Safety
///
/// `page` is valid.
#[cfg(not(CONFIG_DMA_DIRECT_REMAP))]
#[inline(always)]
pub(crate) unsafe fn first_page(page: *mut bindings::page) -> Virt {
    // SAFETY: As promised by the caller.
    Virt(unsafe { bindings::page_to_virt(page) } as usize)
}

impl Chunks {
    /// Takes back a page, at the first attempt; most are.
    ///
    /// Returns `false` if nothing was done; [`Pools::free`] does it then, or knows why not.
    ///
    /// # Safety
    ///
    /// As for [`Pools::free`].
    #[inline(always)]
    pub(crate) unsafe fn free_likely(&self, at: impl Place, size: usize) -> bool {
        let Some((member, page)) = at.find_likely(self) else {
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
}

impl Pools {
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
