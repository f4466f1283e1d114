// SPDX-License-Identifier: GPL-2.0

//! Giving pages back to a chunk: one page at the first attempt, and any number.
//!
//! Bits are cleared by compare-and-exchange of a whole word, and only if all of them are set: what
//! is not out, or cannot be a block, changes nothing. More pages than a word has are given back by
//! [`large`](super::large).
//!
//! - Any context, no lock.
//! - Giving back is a release of the word, before the acquire in [`alloc`](super::alloc).
//! - Whoever gives back to a full word opens it in the hint.

use kernel::sync::atomic::Release;

use crate::sync::read_once;

use super::{
    allocator::Allocator,
    bits::{
        mask,
        WORD, //
    }, //
};

/// The pages are not out, or the chunk has no such pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NotOut;

impl Allocator {
    /// Gives back what an allocation of `count` pages returned as `first`.
    ///
    /// # Context
    ///
    /// Any context; takes no lock.
    ///
    /// # Errors
    ///
    /// [`NotOut`] if these pages cannot be such a block: some are not out, they are not aligned as
    /// blocks of that size are, or the chunk has none of these numbers. Nothing is changed then.
    #[inline(always)]
    pub(crate) fn free(&self, first: usize, count: usize) -> Result<(), NotOut> {
        if first >= self.pages() || count == 0 {
            return Err(NotOut);
        }
        if count != 1 {
            return self.free_run(first, count);
        }
        // SAFETY: The page is one of the chunk.
        unsafe { self.free_in_word(first / WORD, 1 << (first % WORD)) }
    }

    #[inline(never)]
    fn free_run(&self, first: usize, count: usize) -> Result<(), NotOut> {
        if !self.is_place(first, count) {
            return Err(NotOut);
        }
        if count > WORD {
            return self.free_large(first / WORD, count);
        }
        // SAFETY: The pages are some of the chunk, as `is_place` has seen.
        unsafe { self.free_in_word(first / WORD, mask(count) << (first % WORD)) }
    }

    /// Whether a block of `count` pages can begin with page `first`: it is aligned, and in the chunk.
    pub(super) fn is_place(&self, first: usize, count: usize) -> bool {
        count.checked_next_power_of_two().is_some_and(|aligned| {
            first & aligned.wrapping_sub(1) == 0
                && first < self.pages()
                && count <= self.pages().wrapping_sub(first)
        })
    }

    /// Gives back one page at the first attempt, and returns whether that was done: not if its word
    /// was full, which the hint has to know.
    ///
    /// Otherwise nothing is changed, and [`free`](Self::free) tells whether the page is out. Any
    /// context; takes no lock.
    ///
    /// # Safety
    ///
    /// The page is one of the chunk.
    #[inline(always)]
    pub(crate) unsafe fn free_page(&self, page: usize) -> bool {
        // SAFETY: As promised by the caller.
        let word = unsafe { self.word(page / WORD) };
        let old = read_once(word);
        let bit = 1 << (page % WORD);

        old & bit != 0 && old != usize::MAX && word.cmpxchg(old, old & !bit, Release).is_ok()
    }

    /// Clears these bits of a word, if all are set.
    ///
    /// # Safety
    ///
    /// As for [`word`](Self::word).
    #[inline(always)]
    pub(super) unsafe fn free_in_word(&self, index: usize, bits: usize) -> Result<(), NotOut> {
        // SAFETY: As promised by the caller.
        let word = unsafe { self.word(index) };
        let mut old = read_once(word);

        loop {
            if old & bits != bits {
                return Err(NotOut);
            }
            match word.cmpxchg(old, old & !bits, Release) {
                Ok(_) => break,
                Err(now) => old = now,
            }
        }
        // Of several who free in a full word, one finds it full.
        if old == usize::MAX {
            self.hint.open(index);
        }
        Ok(())
    }
}
