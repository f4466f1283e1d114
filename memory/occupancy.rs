// SPDX-License-Identifier: GPL-2.0

//! What others want to know of the pages of a chunk: how many are free, and whether some are out.
//! Nothing is changed here, and what is found is as true as can be told while others allocate and
//! free. Any context, no lock.

use crate::sync::read_once;

use super::{
    allocator::Allocator,
    bits::{
        largest_block,
        mask,
        words_of,
        WORD, //
    },
};

impl Allocator {
    /// Whether the hint says that no page is free. It may lag behind.
    #[inline(always)]
    pub(crate) fn seems_full(&self) -> bool {
        self.hint.bits() == 0
    }

    /// Whether [`free`](Self::free) would take these pages back.
    #[cold]
    pub(crate) fn is_out(&self, first: usize, count: usize) -> bool {
        count != 0
            && self.is_place(first, count)
            && (0..words_of(count)).all(|n| {
                let left = count.wrapping_sub(n.wrapping_mul(WORD));
                let bits = mask(left.min(WORD)) << (first % WORD);
                // SAFETY: The pages are some of the chunk, and aligned.
                let word = unsafe { self.word((first / WORD).wrapping_add(n)) };

                !read_once(word) & bits == 0
            })
    }

    /// Whether no page is out.
    pub(crate) fn is_idle(&self) -> bool {
        self.bitmap().enumerate().all(|(index, word)| {
            let left = self.pages().wrapping_sub(index.wrapping_mul(WORD));

            word == !mask(left.min(WORD))
        })
    }

    /// Pages that are not out.
    #[cfg(any(CONFIG_DMA_POOL_RUST_KUNIT_TEST, CONFIG_DEBUG_FS))]
    pub(crate) fn free_pages(&self) -> usize {
        // CAST: The number of bits of a word.
        self.bitmap()
            .map(|word| word.count_zeros() as usize)
            .fold(0, usize::wrapping_add)
    }

    /// Pages of the largest block that can be had.
    pub(crate) fn largest_free(&self) -> usize {
        let mut largest = 0;
        let mut start = 0usize;

        for (index, mut out) in self.bitmap().enumerate() {
            while out != 0 {
                // CAST: A bit number.
                let page = index.wrapping_mul(WORD) | out.trailing_zeros() as usize;

                if page >= self.pages() {
                    break;
                }
                largest = largest.max(largest_block(start, page));
                start = page.wrapping_add(1);
                out &= out.wrapping_sub(1);
            }
        }
        largest.max(largest_block(start, self.pages()))
    }
}
