// SPDX-License-Identifier: GPL-2.0

//! Where a run of pages fits into a word of a bitmap. Pure: nothing here knows who else reads or
//! writes that word, which is the business of [`allocator`](super::allocator).
//!
//! A set bit is a page that is taken.

/// Pages in a word of the bitmap, and the most that take the short way.
pub(super) const WORD: usize = usize::BITS as usize;

const _: () = assert!(WORD == 64);

/// The places in a word where a run of `1 << order` pages may begin.
const ALIGNED: [usize; 7] = [
    usize::MAX,
    0x5555_5555_5555_5555,
    0x1111_1111_1111_1111,
    0x0101_0101_0101_0101,
    0x0001_0001_0001_0001,
    0x0000_0001_0000_0001,
    1,
];

/// A run of pages within a word, which begins at a multiple of the next power of two. What lies
/// between two such places is a lane.
pub(crate) struct Run {
    /// Its pages at the beginning of a word.
    bits: usize,
    /// The same in each lane.
    pattern: usize,
    /// The places where it may begin.
    aligned: usize,
    order: u32,
}

impl Run {
    /// A run of `count` pages, aligned to the next power of two; `None` for none, and for more than
    /// a word has.
    #[inline(always)]
    pub(crate) fn new(count: usize) -> Option<Self> {
        if count.wrapping_sub(1) >= WORD {
            return None;
        }
        // The order of the next power of two. What it is the logarithm of is odd, hence not 0, which
        // saves a branch.
        let order = (count.wrapping_mul(2).wrapping_sub(1) | 1).ilog2();
        let aligned = *ALIGNED.get(order as usize)?;
        let bits = mask(count);

        Some(Self {
            bits,
            pattern: bits.wrapping_mul(aligned),
            aligned,
            order,
        })
    }

    /// The bits of the run at the beginning of a word.
    #[inline]
    pub(super) fn bits(&self) -> usize {
        self.bits
    }

    /// The lowest place of a word where the run fits, given which pages are taken.
    #[inline(always)]
    pub(super) fn place(&self, taken: usize) -> Option<u32> {
        let blocked = taken & self.pattern;
        // Of the lanes in which nothing is in the way, the lowest one borrows from its own highest
        // bit; what this says of those above it is of no use.
        let highest = self.aligned.rotate_right(1);
        let free = blocked.wrapping_sub(self.aligned) & !blocked & highest;

        if free == 0 {
            return None;
        }
        Some(free.trailing_zeros() >> self.order << self.order)
    }
}

/// The bits of `count` pages from bit 0, at most a word and at least one.
#[inline(always)]
pub(super) fn mask(count: usize) -> usize {
    usize::MAX >> (WORD.wrapping_sub(count) & (WORD - 1))
}

/// The lowest bit of a word that is clear, alone; 0 if all are set.
#[inline(always)]
pub(super) fn lowest_clear(word: usize) -> usize {
    !word & word.wrapping_add(1)
}

/// Pages of the largest block that fits into the free pages from `start` to before `end`, given how
/// blocks are aligned.
pub(super) fn largest_block(start: usize, end: usize) -> usize {
    let mut largest = 0;
    let mut aligned = 1usize;

    // No block is larger than the free pages, which twice its alignment would be.
    while aligned >> 1 < end.wrapping_sub(start) {
        let first = start.checked_next_multiple_of(aligned).unwrap_or(end);

        largest = largest.max(aligned.min(end.saturating_sub(first)));
        aligned = aligned.wrapping_shl(1);
    }
    largest
}

/// Words of a bitmap of so many pages.
#[inline(always)]
pub(super) const fn words_of(pages: usize) -> usize {
    pages.div_ceil(WORD)
}
