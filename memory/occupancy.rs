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
        count.checked_next_power_of_two().is_some_and(|aligned| {
            count != 0
                && first & aligned.wrapping_sub(1) == 0
                && first < self.pages()
                && count <= self.pages().wrapping_sub(first)
                && self.all_out(first, count)
        })
    }

    /// Whether all of these pages are out. They are aligned, and pages of the chunk.
    pub(super) fn all_out(&self, first: usize, count: usize) -> bool {
        (0..words_of(count)).all(|n| {
            let bits = mask(count.wrapping_sub(n.wrapping_mul(WORD)).min(WORD)) << (first % WORD);

            !read_once(self.word((first / WORD).wrapping_add(n))) & bits == 0
        })
    }

    /// Whether no page is out.
    pub(crate) fn is_idle(&self) -> bool {
        (0..words_of(self.pages())).all(|index| {
            let left = self.pages().wrapping_sub(index.wrapping_mul(WORD));

            read_once(self.word(index)) == !mask(left.min(WORD))
        })
    }

    /// Pages that are not out.
    #[cfg(any(CONFIG_DMA_POOL_RUST_KUNIT_TEST, CONFIG_DEBUG_FS))]
    pub(crate) fn free_pages(&self) -> usize {
        (0..words_of(self.pages()))
            .map(|index| read_once(self.word(index)).count_zeros() as usize)
            .fold(0, usize::wrapping_add)
    }

    /// Pages of the largest block that can be had.
    pub(crate) fn largest_free(&self) -> usize {
        let mut largest = 0;
        let mut start = 0usize;

        for page in 0..self.pages() {
            if read_once(self.word(page / WORD)) & 1 << (page % WORD) != 0 {
                largest = largest.max(largest_block(start, page));
                start = page.wrapping_add(1);
            }
        }
        largest.max(largest_block(start, self.pages()))
    }
}
