// SPDX-License-Identifier: GPL-2.0

//! Which words of a bitmap are worth a look. The bitmap itself is that of
//! [`allocator`](super::allocator), which asks here first and tells what it found.
//!
//! - Who fills a word clears its bit, and sets it again if the word has room by then; who frees in
//!   a full word sets it. Both by a full barrier, so that no word with room stays without its bit.
//!   But it may for a moment, hence `Allocator::alloc_anywhere` for those who found nothing.
//! - Any context, no lock.

use core::ops::Range;

use kernel::{
    bindings,
    sync::atomic::{
        Atomic,
        Full, //
    },
};

use crate::sync::read_once;

use super::bits::{
    mask,
    WORD, //
};

/// Words that one bit of the hint stands for, as a shift: all words of the largest block of the
/// page allocator have one.
pub(super) const GROUP_SHIFT: u32 = bindings::MAX_PAGE_ORDER.saturating_sub(2 * WORD.ilog2());

/// Words that may have a free page: bit `n` stands for those from `n << GROUP_SHIFT`, a group.
pub(super) struct Hint(Atomic<usize>);

impl Hint {
    /// All of so many words may have one, which are not 0.
    pub(super) fn new(words: usize) -> Self {
        Self(Atomic::new(mask(
            (words.wrapping_sub(1) >> GROUP_SHIFT).wrapping_add(1),
        )))
    }

    /// The bits. They may lag behind.
    #[inline(always)]
    pub(super) fn bits(&self) -> usize {
        read_once(&self.0)
    }

    /// Whether word `index` may have a free page. It may lag behind.
    #[inline(always)]
    pub(super) fn is_open(&self, index: usize) -> bool {
        self.bits() & bit_of(index) != 0
    }

    /// Notes that a word is full, unless `has_room` says that a word of its group is not.
    pub(super) fn close(&self, index: usize, has_room: impl Fn() -> bool) {
        if has_room() {
            return;
        }
        self.change(|open| open & !bit_of(index));
        // Who freed a page meanwhile may have seen the bit before it was cleared.
        if has_room() {
            self.open(index);
        }
    }

    /// Notes that a word may have a free page.
    #[cold]
    pub(super) fn open(&self, index: usize) {
        self.change(|open| open | bit_of(index));
    }

    fn change(&self, change: impl Fn(usize) -> usize) {
        let mut old = self.bits();

        while let Err(now) = self.0.cmpxchg(old, change(old), Full) {
            old = now;
        }
    }
}

#[inline(always)]
fn bit_of(index: usize) -> usize {
    1 << ((index >> GROUP_SHIFT) & (WORD - 1))
}

/// The first word of the first group of these bits, of which one is set.
#[inline(always)]
pub(super) fn first_word(bits: usize) -> usize {
    // CAST: A bit number.
    (bits.trailing_zeros() as usize) << GROUP_SHIFT
}

/// The words of the group that a word belongs to, if there are so many.
#[inline(always)]
pub(super) fn group_of(index: usize) -> Range<usize> {
    let first = index >> GROUP_SHIFT << GROUP_SHIFT;

    first..first.wrapping_add(1 << GROUP_SHIFT)
}
