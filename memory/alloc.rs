// SPDX-License-Identifier: GPL-2.0

//! Taking pages of a chunk: one page or a run at the first attempt, and any number by a search.
//!
//! Bits are set by compare-and-exchange of a whole word, and whoever finds a bit taken searches on.
//! The words that the [`hint`](super::hint) names are looked at in order, which finds the place that
//! `gen_pool_first_fit_order_align()` finds. More pages than a word has are taken by
//! [`large`](super::large).
//!
//! - Any context, no lock. Not NMI where `cmpxchg` is not NMI-safe.
//! - Taking is an acquire of the word, after the release in [`free`](super::free).
//! - Whoever takes the last free page of a word has it closed in the hint.

use kernel::sync::atomic::{
    Acquire,
    Atomic, //
};

use crate::sync::read_once;

use super::{
    allocator::Allocator,
    bits::{
        lowest_clear,
        Run,
        WORD, //
    },
    hint::first_word, //
};

impl Allocator {
    /// Takes one page at the first attempt, and returns its number, and whether it was the last
    /// free one of its word: [`close_word`](Self::close_word) has to follow then.
    ///
    /// `None` if that fails; [`alloc`](Self::alloc) may find one then.
    ///
    /// Any context; takes no lock.
    #[inline(always)]
    pub(crate) fn alloc_page(&self) -> Option<(usize, bool)> {
        let (index, word) = self.first_open()?;
        let old = read_once(word);
        let bit = lowest_clear(old);
        let new = old | bit;

        if bit == 0 || word.cmpxchg(old, new, Acquire).is_err() {
            return None;
        }
        // CAST: A bit number.
        let page = index.wrapping_mul(WORD) | bit.trailing_zeros() as usize;

        Some((page, new == usize::MAX))
    }

    /// As [`alloc_page`](Self::alloc_page), for a run of pages. Looks at one word only.
    #[inline(always)]
    pub(crate) fn alloc_run(&self, run: &Run) -> Option<(usize, bool)> {
        let (index, word) = self.first_open()?;
        let old = read_once(word);
        let bit = run.place(old)?;
        let new = old | run.bits() << bit;

        if word.cmpxchg(old, new, Acquire).is_err() {
            return None;
        }
        // CAST: A bit number.
        Some((index.wrapping_mul(WORD) | bit as usize, new == usize::MAX))
    }

    /// The first word that may have room, and its number. Of a group of several words it may be full,
    /// and another one not.
    #[inline(always)]
    fn first_open(&self) -> Option<(usize, &Atomic<usize>)> {
        let open = self.hint.bits();

        if open == 0 {
            return None;
        }
        let index = first_word(open);

        // SAFETY: By the type invariants the hint has the bits of words of the bitmap only.
        Some((index, unsafe { self.word(index) }))
    }

    /// Takes `count` pages, aligned to the next power of two, and returns the number of the first:
    /// that of the place that `gen_pool_first_fit_order_align()` finds.
    ///
    /// `None` if the hint says that no such place is free, and for a `count` of 0.
    ///
    /// Any context; takes no lock. Not NMI where `cmpxchg` is not NMI-safe.
    #[inline(never)]
    pub(crate) fn alloc(&self, count: usize) -> Option<usize> {
        self.alloc_in(count, self.hint.bits())
    }

    /// As [`alloc`](Self::alloc), without the hint, which lags behind for a moment.
    pub(crate) fn alloc_anywhere(&self, count: usize) -> Option<usize> {
        self.alloc_in(count, usize::MAX)
    }

    /// Takes `count` pages of the words that `open` stands for.
    fn alloc_in(&self, count: usize, mut open: usize) -> Option<usize> {
        if count > WORD {
            return self.alloc_large(count);
        }
        let run = Run::new(count)?;

        while open != 0 {
            for index in self.group(first_word(open)) {
                // SAFETY: A group has words of the bitmap only.
                if let Some(bit) = unsafe { self.alloc_in_word(index, &run) } {
                    return Some(index.wrapping_mul(WORD).wrapping_add(bit));
                }
            }
            open &= open.wrapping_sub(1);
        }
        None
    }

    /// Takes a run of pages from a word.
    ///
    /// # Safety
    ///
    /// As for [`word`](Self::word).
    #[inline]
    unsafe fn alloc_in_word(&self, index: usize, run: &Run) -> Option<usize> {
        // SAFETY: As promised by the caller.
        let word = unsafe { self.word(index) };
        let mut old = read_once(word);

        loop {
            let Some(bit) = run.place(old) else {
                if old == usize::MAX && self.hint.is_open(index) {
                    self.close_word(index.wrapping_mul(WORD));
                }
                return None;
            };
            let new = old | run.bits() << bit;

            match word.cmpxchg(old, new, Acquire) {
                Ok(_) => {
                    if new == usize::MAX {
                        self.close_word(index.wrapping_mul(WORD));
                    }
                    return Some(bit as usize);
                }
                Err(now) => old = now,
            }
        }
    }
}
