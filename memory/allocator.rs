// SPDX-License-Identifier: GPL-2.0

//! The allocator of one chunk: the bitmap of a `gen_pool`, and a short way to it.
//!
//! The bitmap of `struct gen_pool_chunk` is the one truth about which page is taken. `gen_pool`
//! makes it and destroys it. Pages are taken and given back here, a word at most at a time, by
//! the protocol of lib/genalloc.c: bits are set and cleared by compare-and-exchange of a whole
//! word, and whoever finds a bit taken searches on. A run that is aligned to the next power of two
//! never crosses a word, so that looking at the words in order finds the place that
//! `gen_pool_first_fit_order_align()` finds.
//!
//! Which words are worth a look is a hint: [`hint`](super::hint). What others want to know of the
//! bitmap is in [`occupancy`](super::occupancy). Where the memory comes from is the business of
//! [`super::chunk`]; nothing here touches it.
//!
//! - Any context, no lock. A free is a release and an allocation an acquire of the same word, so
//!   that what one owner wrote comes before what the next one writes.
//! - Which way a block takes depends on its size alone, so that it goes back the way it came: what
//!   is larger than a word goes by [`large`](super::large).
//! - Bits beyond the last page are set from the start. `gen_pool` never looks at them.
//!
//! C header: [`include/linux/genalloc.h`](srctree/include/linux/genalloc.h)

use core::{
    mem::offset_of,
    ops::Range,
    ptr::{
        null_mut,
        NonNull, //
    },
};

use kernel::{
    bindings,
    error::to_result,
    io::PhysAddr,
    page::PAGE_SHIFT,
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Relaxed,
        Release, //
    },
};

use crate::sync::read_once;

use super::{
    bits::{
        lowest_clear,
        mask,
        words_of,
        Run,
        WORD, //
    },
    hint::{
        first_word,
        group_of,
        Hint, //
    },
};

// The first words share the cache line of the header, which vmalloc aligns to a page.
const _: () = assert!(offset_of!(bindings::gen_pool_chunk, bits) % size_of::<usize>() == 0);
const _: () = assert!(size_of::<bindings::atomic_long_t>() == size_of::<usize>());
// So the list of chunks is a list of them, see `chunk_of`.
const _: () = assert!(offset_of!(bindings::gen_pool_chunk, next_chunk) == 0);

/// The only chunk of a pool.
///
/// # Safety
///
/// The pool is valid and has one.
pub(super) unsafe fn chunk_of(pool: NonNull<bindings::gen_pool>) -> *mut bindings::gen_pool_chunk {
    // SAFETY: The pool is valid, as promised by the caller. What its list has first is a chunk, whose
    // first member is its place in the list.
    unsafe { (*pool.as_ptr()).chunks.next.cast() }
}

/// The pages are not out, or the chunk has no such pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NotOut;

/// An allocator of the pages of one chunk.
///
/// # Invariants
///
/// - `pool` is a valid `struct gen_pool` that this object owns, whose granules are pages. It has one
///   chunk, of `pages` pages; `words` are its bitmap, which has a bit for each.
/// - The bits of the last word beyond `pages` are set.
/// - `hint` has the bits of no other words than those of the bitmap.
pub(crate) struct Allocator {
    /// Words that may have a free page.
    pub(super) hint: Hint,
    words: NonNull<usize>,
    pages: usize,
    pub(super) pool: NonNull<bindings::gen_pool>,
}

// SAFETY: Nothing in a `struct gen_pool` is tied to a thread.
unsafe impl Send for Allocator {}

// SAFETY: All functions of `gen_pool` that are used with a shared reference may be called
// concurrently. The bitmap is only changed atomically; `gen_pool` searches it with plain reads, as it
// does beside its own changes, and then takes what it found by compare-and-exchange.
unsafe impl Sync for Allocator {}

impl Allocator {
    /// Creates an allocator of `pages` pages from the kernel address `start`.
    ///
    /// `phys` is the physical address of `start`. Returns it with all pages free.
    ///
    /// # Context
    ///
    /// Process context; may sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if the bitmap cannot be allocated; `EINVAL` for more pages than a block of the page
    /// allocator can have, or none.
    pub(crate) fn new(start: usize, phys: PhysAddr, pages: usize) -> Result<Self> {
        if pages == 0 || pages > 1 << bindings::MAX_PAGE_ORDER {
            return Err(EINVAL);
        }
        // CAST: A page shift fits any integer.
        // SAFETY: An FFI call with no additional requirements.
        let pool =
            unsafe { bindings::gen_pool_create(PAGE_SHIFT as c_int, bindings::NUMA_NO_NODE) };
        let pool = NonNull::new(pool).ok_or(ENOMEM)?;
        // SAFETY: The pool was just created. The range is only bookkeeping to it.
        let added = to_result(unsafe {
            bindings::gen_pool_add_owner(
                pool.as_ptr(),
                start,
                phys,
                pages << PAGE_SHIFT,
                bindings::NUMA_NO_NODE,
                null_mut(),
            )
        });

        if let Err(error) = added {
            // SAFETY: The pool is ours alone and empty.
            unsafe { bindings::gen_pool_destroy(pool.as_ptr()) };
            return Err(error);
        }
        // SAFETY: The pool is valid, and has a chunk since that was added.
        let words = unsafe { NonNull::new_unchecked(&raw mut (*chunk_of(pool)).bits) }.cast();
        // INVARIANT: The pool is ours, and has that one chunk; the bits follow.
        let this = Self {
            hint: Hint::new(words_of(pages)),
            words,
            pages,
            pool,
        };

        if pages % WORD != 0 {
            // INVARIANT: Those beyond the last page.
            // SAFETY: The last page is of this word.
            unsafe { this.word(pages / WORD) }.store(!mask(pages % WORD), Relaxed);
        }
        Ok(this)
    }

    /// The number of pages.
    #[inline(always)]
    pub(crate) fn pages(&self) -> usize {
        self.pages
    }

    /// Word `index` of the bitmap.
    ///
    /// # Safety
    ///
    /// The bitmap has a word of that number: one of its bits is a page of the chunk.
    #[inline(always)]
    pub(super) unsafe fn word(&self, index: usize) -> &Atomic<usize> {
        debug_assert!(index < words_of(self.pages));
        // SAFETY: By the type invariants these are the words of a bitmap that has a bit for each
        // page, and the caller promises that this is one of them. `gen_pool` changes them atomically.
        unsafe { Atomic::from_ptr(self.words.as_ptr().add(index)) }
    }

    /// What each word of the bitmap is now, in order.
    pub(super) fn bitmap(&self) -> impl Iterator<Item = usize> + '_ {
        // SAFETY: These are the numbers of all words that have a page.
        (0..words_of(self.pages)).map(|index| read_once(unsafe { self.word(index) }))
    }

    /// Takes one page at the first attempt, and returns its number, and whether it was the last
    /// free one of its word: [`close_word`](Self::close_word) has to follow then.
    ///
    /// `None` if that fails; [`alloc`](Self::alloc) may find one then.
    ///
    /// Any context; takes no lock.
    #[inline(always)]
    pub(crate) fn alloc_page(&self) -> Option<(usize, bool)> {
        let open = self.hint.bits();

        if open == 0 {
            return None;
        }
        // Of a group of several words it may be full, and another one not.
        let index = first_word(open);
        // SAFETY: By the type invariants the hint has the bits of words of the bitmap only.
        let word = unsafe { self.word(index) };
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
        let open = self.hint.bits();

        if open == 0 {
            return None;
        }
        let index = first_word(open);
        // SAFETY: As in `alloc_page`.
        let word = unsafe { self.word(index) };
        let old = read_once(word);
        let bit = run.place(old)?;
        let new = old | run.bits() << bit;

        if word.cmpxchg(old, new, Acquire).is_err() {
            return None;
        }
        // CAST: A bit number.
        Some((index.wrapping_mul(WORD) | bit as usize, new == usize::MAX))
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
        if first >= self.pages || count == 0 {
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
                && first < self.pages
                && count <= self.pages.wrapping_sub(first)
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

    /// Says that the word of a page is full, if it is.
    #[cold]
    #[inline(never)]
    pub(crate) fn close_word(&self, page: usize) {
        self.hint
            .close(page / WORD, || self.group_has_room(page / WORD));
    }

    fn group_has_room(&self, index: usize) -> bool {
        self.group(index)
            // SAFETY: A group has words of the bitmap only.
            .any(|index| read_once(unsafe { self.word(index) }) != usize::MAX)
    }

    /// The words for which the hint has the same bit as for this one.
    fn group(&self, index: usize) -> Range<usize> {
        let group = group_of(index);

        group.start..words_of(self.pages).min(group.end)
    }
}

impl Drop for Allocator {
    fn drop(&mut self) {
        // `gen_pool_destroy()` answers a live allocation with `BUG()`. So the bookkeeping stays, as
        // does the memory: see `Chunk`.
        if !self.is_idle() {
            return;
        }
        // SAFETY: The pool is valid by the type invariants, nobody else can use it any more, and
        // nothing is allocated from it.
        unsafe { bindings::gen_pool_destroy(self.pool.as_ptr()) };
    }
}
