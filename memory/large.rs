// SPDX-License-Identifier: GPL-2.0

//! Blocks of more pages than a word of the bitmap has, up to the whole chunk.
//!
//! `gen_pool` takes them. They come back here, word by word, as `gen_pool_free()` answers a page
//! that is not out with `BUG()`. What fits into a word is the business of [`alloc`](super::alloc) and
//! [`free`](super::free).
//!
//! - Any context, no lock.
//! - `avail` of the chunk stays what it was made with, as `gen_pool` is not told what comes back. The
//!   bitmap alone says what is free.

use core::ptr::null_mut;

use kernel::{
    bindings,
    page::{
        PAGE_SHIFT,
        PAGE_SIZE, //
    },
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

use super::{
    allocator::{
        chunk_of,
        Allocator, //
    },
    bits::{
        mask,
        words_of,
        WORD, //
    },
    free::NotOut, //
};

impl Allocator {
    /// Takes more pages than a word has.
    #[cold]
    pub(super) fn alloc_large(&self, count: usize) -> Option<usize> {
        let size = count.checked_mul(PAGE_SIZE)?;
        // SAFETY: By the type invariants the pool and the chunk are valid. The algorithm takes no
        // data.
        let (addr, start) = unsafe {
            (
                bindings::gen_pool_alloc_algo_owner(
                    self.pool.as_ptr(),
                    size,
                    Some(bindings::gen_pool_first_fit_order_align),
                    null_mut(),
                    null_mut(),
                ),
                (*chunk_of(self.pool)).start_addr,
            )
        };

        // What it took, and put back as it found a page taken, may have been found full meanwhile.
        for (index, word) in self.bitmap().enumerate() {
            if word != usize::MAX {
                self.hint.open(index);
            }
        }
        if addr == 0 {
            return None;
        }
        // SAFETY: By the type invariants the chunk is valid; `gen_pool` accesses the counter
        // atomically, too.
        let avail = unsafe { Atomic::from_ptr(&raw mut (*chunk_of(self.pool)).avail.counter) };

        // CAST: The bytes of a chunk.
        avail.add(size as i64, Relaxed);
        Some(addr.wrapping_sub(start) >> PAGE_SHIFT)
    }

    /// Gives back more pages than a word has, which begin with word `index`.
    #[cold]
    pub(super) fn free_large(&self, index: usize, count: usize) -> Result<(), NotOut> {
        let bits = |n: usize| mask(count.wrapping_sub(n.wrapping_mul(WORD)).min(WORD));

        if !self.is_out(index.wrapping_mul(WORD), count) {
            return Err(NotOut);
        }
        // Of two who free the same block at once, the first word tells which is wrong.
        for n in 0..words_of(count) {
            // SAFETY: What is out are pages of the chunk.
            unsafe { self.free_in_word(index.wrapping_add(n), bits(n)) }?;
        }
        Ok(())
    }

    /// Takes all pages, if none is out.
    ///
    /// May fail for a moment after the last one came back. Any context; takes no lock.
    pub(crate) fn claim(&self) -> bool {
        self.alloc_anywhere(self.pages()) == Some(0)
    }

    /// Undoes [`claim`](Self::claim).
    pub(crate) fn unclaim(&self) {
        // They are out: whoever claims them gives them back.
        let _ = self.free(0, self.pages());
    }
}
