// SPDX-License-Identifier: GPL-2.0

//! The allocator of one chunk: the bitmap of a `gen_pool`, which is made and destroyed here.
//!
//! The bitmap of `struct gen_pool_chunk` is the one truth about which page is taken. Pages are taken
//! in [`alloc`](super::alloc) and given back in [`free`](super::free), a word at most at a time, by
//! the protocol of lib/genalloc.c. A run that is aligned to the next power of two never crosses a
//! word. What is larger than a word goes both ways by [`large`](super::large).
//!
//! Which words are worth a look is a hint: [`hint`](super::hint). What others want to know of the
//! bitmap is in [`occupancy`](super::occupancy). Where the memory comes from is the business of
//! [`super::chunk`]; nothing here touches it.
//!
//! - A free is a release and an allocation an acquire of the same word, so that what one owner wrote
//!   comes before what the next one writes.
//! - Which way a block takes depends on its size alone, so that it goes back the way it came.
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
        Atomic,
        Relaxed, //
    },
};

use crate::sync::read_once;

use super::{
    bits::{
        mask,
        words_of,
        WORD, //
    },
    hint::{
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

/// An allocator of the pages of one chunk. `pages` is last, see [`Chunk`](super::chunk::Chunk).
///
/// # Invariants
///
/// - `pool` is a valid `struct gen_pool` that this object owns, whose granules are pages. It has one
///   chunk, of `pages` pages; `words` are its bitmap, which has a bit for each.
/// - The bits of the last word beyond `pages` are set.
/// - `hint` has the bits of no other words than those of the bitmap.
#[repr(C)]
pub(crate) struct Allocator {
    words: NonNull<usize>,
    /// Words that may have a free page.
    pub(super) hint: Hint,
    pub(super) pool: NonNull<bindings::gen_pool>,
    pages: usize,
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
    pub(super) fn group(&self, index: usize) -> Range<usize> {
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
