// SPDX-License-Identifier: GPL-2.0

//! The way back: from an address or a page to the chunk that it is part of, without a walk.
//!
//! Any context but NMI, under RCU; nothing here takes a lock. The way out is in
//! [`alloc`](super::alloc).

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

impl Pools {
    /// Takes back a page at the kernel address `virt`, at the first attempt; most are.
    ///
    /// Returns `false` if nothing was done; [`free`](Self::free) does it then, or knows why not.
    ///
    /// # Safety
    ///
    /// As for [`free`](Self::free).
    #[inline(always)]
    pub(crate) unsafe fn free_likely(&self, guard: &rcu::Guard, virt: usize, size: usize) -> bool {
        give_back_page(self.table.read(guard).likely_at_virt(virt), size)
    }

    /// Takes back `page`, as [`free_likely`](Self::free_likely) does.
    ///
    /// # Safety
    ///
    /// As for [`free_page`](Self::free_page).
    #[inline(always)]
    pub(crate) unsafe fn free_page_likely(
        &self,
        guard: &rcu::Guard,
        page: *mut bindings::page,
        size: usize,
    ) -> bool {
        let chunks = self.table.read(guard);
        #[cfg(CONFIG_DMA_DIRECT_REMAP)]
        // SAFETY: The page is valid, as promised by the caller.
        let found = chunks.likely_at_phys(unsafe { bindings::page_to_phys(page) });
        // Pools are where all memory is mapped.
        #[cfg(not(CONFIG_DMA_DIRECT_REMAP))]
        // SAFETY: The page is valid, as promised by the caller.
        let found = chunks.likely_at_virt(unsafe { bindings::page_to_virt(page) } as usize);

        give_back_page(found, size)
    }

    /// Takes back `size` bytes at the kernel address `virt`.
    ///
    /// # Context
    ///
    /// Any context but NMI, under RCU; takes no lock.
    ///
    /// # Safety
    ///
    /// If the address is from these pools, it is that of a block that [`alloc`](Self::alloc)
    /// returned for a `size` that rounds up to the same number of pages, and that is not in use any
    /// more. Anything else is found out where it can be, see [`Free::Bad`]. `dev` is NULL or a device.
    pub(crate) unsafe fn free(
        &self,
        guard: &rcu::Guard,
        dev: *mut bindings::device,
        virt: usize,
        size: usize,
    ) -> Free {
        match self.table.read(guard).at_virt(virt) {
            None => Free::Foreign,
            // SAFETY: As promised by the caller.
            Some((member, page)) => unsafe { take_back(dev, member, page, size) },
        }
    }

    /// Takes back `size` bytes from `page`, as [`free`](Self::free) does.
    ///
    /// # Safety
    ///
    /// `page` is valid; otherwise as for [`free`](Self::free).
    pub(crate) unsafe fn free_page(
        &self,
        guard: &rcu::Guard,
        dev: *mut bindings::device,
        page: *mut bindings::page,
        size: usize,
    ) -> Free {
        let chunks = self.table.read(guard);
        #[cfg(CONFIG_DMA_DIRECT_REMAP)]
        // SAFETY: The page is valid, as promised by the caller.
        let found = chunks.at_phys(unsafe { bindings::page_to_phys(page) });
        // Pools are where all memory is mapped.
        #[cfg(not(CONFIG_DMA_DIRECT_REMAP))]
        // SAFETY: The page is valid, as promised by the caller.
        let found = chunks.at_virt(unsafe { bindings::page_to_virt(page) } as usize);

        match found {
            None => Free::Foreign,
            // SAFETY: As promised by the caller.
            Some((member, page)) => unsafe { take_back(dev, member, page, size) },
        }
    }
}

/// Takes back one page that was found, and returns whether that was done.
#[inline(always)]
fn give_back_page(found: Option<(&Member, usize)>, size: usize) -> bool {
    let Some((member, page)) = found else {
        return false;
    };

    // Not the other way round: the compiler makes an instruction more of it.
    let done = size.wrapping_sub(1) < PAGE_SIZE && member.chunk.free_page(page);

    if done && member.pool.give_back(1) {
        member.pool.unpin();
    }
    done
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
