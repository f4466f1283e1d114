// SPDX-License-Identifier: GPL-2.0

//! What is out of a pool, in one word: pages in its upper half, blocks in its lower one.
//!
//! One instruction counts both, and their sum says whether more is out than a threshold, whatever
//! the number of blocks is. The top bit is for the pin on the module, see [`pool`](super::pool).
//!
//! The number of pages is always right, as each bit of a bitmap is set and cleared once. That of
//! blocks is not, if somebody gives one back in pieces: more come back than were taken. So it begins
//! in the middle of its half, where it can go below without a borrow from the pages.

use kernel::page::PAGE_SHIFT;

/// Where the number of pages begins.
const SHIFT: u32 = usize::BITS / 2;

/// Nothing is out.
pub(super) const NOTHING: usize = 1 << (SHIFT - 1);

/// No block holds a reference on the module. Built in there is no such thing, and all that looks
/// at the bit is compiled out.
pub(super) const UNPINNED: usize = if cfg!(MODULE) {
    1 << (usize::BITS - 1)
} else {
    0
};

/// More than any pool has out.
pub(super) const NEVER: usize = usize::MAX >> 1;

/// One block of so many pages.
#[inline(always)]
pub(super) const fn block(pages: usize) -> usize {
    pages << SHIFT | 1
}

/// What is not exceeded as long as at most so many bytes are out.
pub(super) const fn threshold(bytes: usize) -> usize {
    (bytes >> PAGE_SHIFT) << SHIFT | (usize::MAX >> SHIFT)
}

/// Bytes that are out.
pub(super) const fn bytes(count: usize) -> usize {
    ((count & !UNPINNED) >> SHIFT) << PAGE_SHIFT
}

/// Blocks that were taken, less those that came back.
pub(super) const fn blocks(count: usize) -> isize {
    // CAST: Half of a word.
    (count & (usize::MAX >> SHIFT)).wrapping_sub(NOTHING) as isize
}

/// Whether the pin on the module is for so many pages, which are all that is out.
#[inline(always)]
pub(super) const fn is_pinned_for(count: usize, pages: usize) -> bool {
    UNPINNED != 0 && count >> SHIFT == pages
}

/// Whether no block holds a reference on the module, as [`UNPINNED`] says.
#[cfg_attr(not(MODULE), expect(clippy::bad_bit_mask, reason = "there is no bit"))]
pub(super) const fn is_unpinned(count: usize) -> bool {
    count & UNPINNED != 0
}
