// SPDX-License-Identifier: GPL-2.0

//! Mapped pages in the state that devices need: decrypted where memory encryption is active.
//!
//! Where the pages come from and go to is in [`pages`](super::pages), how they are mapped in
//! [`mapping`](super::mapping).

use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

use crate::plan::zones::{
    PerZone,
    Zone, //
};

use super::{
    mapping::Mapping,
    pages::Pages,
    set_memory, //
};

/// Bytes that are lost for ever, by the zone whose pools they were for.
pub(crate) static LEAKED: PerZone<Atomic<usize>> =
    PerZone([Atomic::new(0), Atomic::new(0), Atomic::new(0)]);

/// Counts memory that is lost for ever.
pub(super) fn count_leaked(zone: Zone, bytes: usize) {
    LEAKED.get(zone).add(bytes, Relaxed);
}

/// Who can read the pages where memory encryption is active.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Only CPUs, as the page allocator wants them.
    Private,
    /// Devices, or the host of an encrypted guest, too.
    Shared,
    /// Nobody knows, after a change that failed half-way.
    Unknown,
}

/// Why there is no new chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NewError {
    /// The zone has no such piece, or memory for the bookkeeping is missing.
    NoMemory,
    /// Its pages could not be decrypted, and are lost.
    Decryption,
}

impl From<NewError> for Error {
    fn from(error: NewError) -> Self {
        match error {
            NewError::NoMemory => ENOMEM,
            NewError::Decryption => EIO,
        }
    }
}

/// Mapped pages in the state that devices need.
pub(super) struct ChunkMemory {
    // Dropped by hand: the mapping goes first, and the pages only follow when they are private.
    mapping: ManuallyDrop<Mapping>,
    pages: ManuallyDrop<Pages>,
    state: State,
}

impl ChunkMemory {
    /// Maps `pages` and, if `cc_shared`, decrypts them.
    pub(super) fn new(pages: Pages, cc_shared: bool) -> Result<Self, NewError> {
        let mapping = Mapping::new(&pages, cc_shared).map_err(|_| NewError::NoMemory)?;
        let mut this = Self {
            mapping: ManuallyDrop::new(mapping),
            pages: ManuallyDrop::new(pages),
            state: State::Private,
        };

        if cc_shared {
            this.decrypt().map_err(|_| NewError::Decryption)?;
        }
        Ok(this)
    }

    /// Address at which the pages are mapped.
    pub(super) fn virt(&self) -> NonNull<u8> {
        self.mapping.virt
    }

    /// The zone that was asked for the pages.
    pub(super) fn zone(&self) -> Zone {
        self.pages.zone()
    }

    /// Where the pages are from.
    #[cfg(CONFIG_DEBUG_FS)]
    pub(super) fn origin(&self) -> &'static str {
        self.pages.origin()
    }

    /// Whether the page allocator still counts the pages as given out.
    #[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
    pub(super) fn is_allocated(&self) -> bool {
        self.pages.is_allocated()
    }

    fn decrypt(&mut self) -> Result {
        // SAFETY: The pages belong to this object; the address is that of the linear map.
        let result = unsafe {
            set_memory::decrypt(self.pages.linear().as_ptr() as usize, self.pages.count())
        };

        self.state = match result {
            Ok(()) => State::Shared,
            Err(_) => State::Unknown,
        };
        result
    }

    fn encrypt(&mut self) {
        // SAFETY: The pages belong to this object; the address is that of the linear map.
        let result = unsafe {
            set_memory::encrypt(self.pages.linear().as_ptr() as usize, self.pages.count())
        };

        self.state = match result {
            Ok(()) => State::Private,
            Err(_) => State::Unknown,
        };
    }
}

impl Drop for ChunkMemory {
    fn drop(&mut self) {
        // No alias of the pages says that they are shared when they are private again.
        //
        // SAFETY: Not used again.
        unsafe { ManuallyDrop::drop(&mut self.mapping) };
        if self.state == State::Shared {
            self.encrypt();
        }
        match self.state {
            // SAFETY: Not used again.
            State::Private => unsafe { ManuallyDrop::drop(&mut self.pages) },
            // Nobody else may ever get pages that a device or a host can still read.
            _ => {
                count_leaked(self.pages.zone(), self.pages.size());
                pr_warn!(
                    "DMA: leaking {} KiB of pool memory that cannot be encrypted again\n",
                    self.pages.size() >> 10
                );
            }
        }
    }
}

#[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
#[kunit_tests(rust_dma_pool_chunk_memory)]
mod tests {
    use super::*;
    use set_memory::fault_injection;

    /// Two pages, and a second owner of them that frees what the first one leaks.
    fn two_pages() -> Result<(Pages, ManuallyDrop<Pages>)> {
        let pages = Pages::new(Zone::Dma32, 2).ok_or(ENOMEM)?;
        // SAFETY: Only one of the two is ever dropped.
        let second = unsafe { core::ptr::read(&pages) };

        Ok((pages, ManuallyDrop::new(second)))
    }

    #[test]
    fn is_encrypted_again_before_its_pages_go_back() -> Result {
        let (pages, _) = two_pages()?;
        let before = fault_injection::shared_pages();
        let memory = ChunkMemory::new(pages, true)?;
        let during = fault_injection::shared_pages();

        drop(memory);
        assert_eq!(during, before + 2);
        assert_eq!(fault_injection::shared_pages(), before);
        Ok(())
    }

    /// `set_memory_decrypted()` does not take the address of a mapping in the vmalloc area.
    #[test]
    fn is_decrypted_and_encrypted_in_the_linear_map() -> Result {
        let ((pages, _), (other, _)) = (two_pages()?, two_pages()?);
        let linear = pages.linear().as_ptr() as usize;
        let memory = ChunkMemory::new(pages, true)?;
        let decrypted = fault_injection::last_linear();

        // Something else in between.
        drop(ChunkMemory::new(other, true)?);
        drop(memory);
        assert_eq!(decrypted, linear);
        assert_eq!(fault_injection::last_linear(), linear);
        Ok(())
    }

    #[test]
    fn private_pages_are_never_decrypted() -> Result {
        let (pages, _) = two_pages()?;
        let before = fault_injection::shared_pages();
        let memory = ChunkMemory::new(pages, false)?;
        let during = fault_injection::shared_pages();

        drop(memory);
        assert_eq!(during, before);
        assert_eq!(fault_injection::shared_pages(), before);
        Ok(())
    }

    #[test]
    fn leaks_pages_that_cannot_be_encrypted() -> Result {
        let (pages, leaked) = two_pages()?;
        let memory = ChunkMemory::new(pages, true)?;

        fault_injection::fail(false, true);
        drop(memory);
        fault_injection::fail(false, false);
        let kept = leaked.is_allocated();

        fault_injection::forget_pages(2);
        drop(ManuallyDrop::into_inner(leaked));
        assert!(kept);
        Ok(())
    }

    #[test]
    fn leaks_pages_that_may_be_decrypted_in_part() -> Result {
        let (pages, leaked) = two_pages()?;

        fault_injection::fail(true, false);
        let result = ChunkMemory::new(pages, true).map(|_| ());

        fault_injection::fail(false, false);
        let kept = leaked.is_allocated();

        drop(ManuallyDrop::into_inner(leaked));
        assert_eq!(result, Err(NewError::Decryption));
        assert!(kept);
        Ok(())
    }
}
