// SPDX-License-Identifier: GPL-2.0

//! A mapped block in the state that devices need: decrypted where memory encryption is active.
//!
//! Where the pages come from and go to is in [`block`](super::block).

use core::mem::ManuallyDrop;

use kernel::prelude::*;

use super::{
    block::{
        Mapping,
        PageBlock, //
    },
    set_memory, //
};

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
pub(super) struct SharedBlock {
    // Dropped by hand: the mapping goes first, and the pages only follow when they are private.
    mapping: ManuallyDrop<Mapping>,
    block: ManuallyDrop<PageBlock>,
    state: State,
}

impl SharedBlock {
    /// Maps `block` and, if `cc_shared`, decrypts it.
    pub(super) fn new(block: PageBlock, cc_shared: bool) -> Result<Self> {
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

    /// Address at which the block is mapped.
    pub(super) fn virt(&self) -> usize {
        self.mapping.virt
    }

    /// Whether the page allocator still counts the pages as given out.
    #[cfg(CONFIG_KUNIT = "y")]
    pub(super) fn is_allocated(&self) -> bool {
        self.block.is_allocated()
    }

    fn decrypt(&mut self) -> Result {
        // SAFETY: The block belongs to this object and is mapped at its linear address.
        let result = unsafe { set_memory::decrypt(self.block.linear(), self.block.order) };

        self.state = match result {
            Ok(()) => State::Shared,
            Err(_) => State::Unknown,
        };
        result
    }

    fn encrypt(&mut self) {
        // SAFETY: The block belongs to this object and is mapped at its linear address.
        let result = unsafe { set_memory::encrypt(self.block.linear(), self.block.order) };

        self.state = match result {
            Ok(()) => State::Private,
            Err(_) => State::Unknown,
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

#[kunit_tests(rust_dma_pool_shared)]
mod tests {
    use super::*;
    use crate::pool::zone::Zone;
    use set_memory::trial;

    /// The block, and a second owner of its pages that frees what the first one leaks.
    fn block() -> Result<(PageBlock, ManuallyDrop<PageBlock>)> {
        let block = PageBlock::new(Zone::Dma32, 1).ok_or(ENOMEM)?;
        // SAFETY: Only one of the two is ever dropped.
        let second = unsafe { core::ptr::read(&block) };

        Ok((block, ManuallyDrop::new(second)))
    }

    #[test]
    fn is_encrypted_again_before_its_pages_go_back() -> Result {
        let (block, _) = block()?;
        let before = trial::shared_pages();
        let shared = SharedBlock::new(block, true)?;
        let during = trial::shared_pages();

        drop(shared);
        assert_eq!(during, before + 2);
        assert_eq!(trial::shared_pages(), before);
        Ok(())
    }

    /// `set_memory_decrypted()` does not take the address of a mapping in the vmalloc area.
    #[test]
    fn is_decrypted_and_encrypted_in_the_linear_map() -> Result {
        let ((block, _), (other, _)) = (block()?, block()?);
        let linear = block.linear();
        let shared = SharedBlock::new(block, true)?;
        let decrypted = trial::last_linear();

        // Something else in between.
        drop(SharedBlock::new(other, true)?);
        drop(shared);
        assert_eq!(decrypted, linear);
        assert_eq!(trial::last_linear(), linear);
        Ok(())
    }

    #[test]
    fn private_pages_are_never_decrypted() -> Result {
        let (block, _) = block()?;
        let before = trial::shared_pages();
        let shared = SharedBlock::new(block, false)?;
        let during = trial::shared_pages();

        drop(shared);
        assert_eq!(during, before);
        assert_eq!(trial::shared_pages(), before);
        Ok(())
    }

    #[test]
    fn leaks_pages_that_cannot_be_encrypted() -> Result {
        let (block, leaked) = block()?;
        let shared = SharedBlock::new(block, true)?;

        trial::fail(false, true);
        drop(shared);
        trial::fail(false, false);
        let kept = leaked.is_allocated();

        trial::forget_pages(2);
        drop(ManuallyDrop::into_inner(leaked));
        assert!(kept);
        Ok(())
    }

    #[test]
    fn leaks_pages_that_may_be_decrypted_in_part() -> Result {
        let (block, leaked) = block()?;

        trial::fail(true, false);
        let result = SharedBlock::new(block, true).map(|_| ());

        trial::fail(false, false);
        let kept = leaked.is_allocated();

        drop(ManuallyDrop::into_inner(leaked));
        assert_eq!(result, Err(EIO));
        assert!(kept);
        Ok(())
    }
}
