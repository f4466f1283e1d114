// SPDX-License-Identifier: GPL-2.0

//! `gen_pool`, as far as the pools use it: one chunk, whose granules are pages.
//!
//! It keeps to the protocol of lib/genalloc.c, on the same words: bits are set and cleared by
//! compare-and-exchange of a word; who finds one of its bits taken clears what it had set, and
//! searches again.

use core::{
    alloc::Layout,
    mem::offset_of,
    ptr::null_mut, //
};

use crate::{
    alloc::allowed,
    bindings::{
        gen_pool,
        gen_pool_chunk, //
    },
    explore, machine,
    page::PAGE_SHIFT,
    sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    },
};

const WORD: usize = usize::BITS as usize;

pub(crate) fn create() -> *mut gen_pool {
    if allowed().is_err() {
        return null_mut();
    }
    machine::count_objects(1);
    Box::into_raw(Box::new(gen_pool::default()))
}

fn layout(pages: usize) -> Layout {
    let size = offset_of!(gen_pool_chunk, bits) + pages.div_ceil(WORD) * size_of::<usize>();

    Layout::from_size_align(size, align_of::<gen_pool_chunk>()).expect("a size")
}

/// # Safety
///
/// The pool is valid and has no chunk.
pub(crate) unsafe fn add(pool: *mut gen_pool, start: usize, phys: u64, size: usize) -> i32 {
    if allowed().is_err() {
        return -12;
    }
    // SAFETY: The size is not 0; zeroes are a chunk.
    unsafe {
        let chunk = std::alloc::alloc_zeroed(layout(size >> PAGE_SHIFT)).cast::<gen_pool_chunk>();

        (*chunk).start_addr = start;
        (*chunk).end_addr = start + size - 1;
        (*chunk).phys_addr = phys;
        (*chunk).avail.counter = size as i64;
        (*pool).chunks.next = chunk.cast();
    }
    0
}

/// # Safety
///
/// The pool is valid, and nobody uses it any more.
pub(crate) unsafe fn destroy(pool: *mut gen_pool) {
    /// # Safety
    ///
    /// A chunk of `add`.
    unsafe fn free_chunk(chunk: *mut ()) {
        // SAFETY: As promised by the caller.
        unsafe { std::alloc::dealloc(chunk.cast(), layout(pages_of(chunk.cast()))) };
    }

    /// # Safety
    ///
    /// A pool of `create`.
    unsafe fn free_pool(pool: *mut ()) {
        // SAFETY: As promised by the caller.
        drop(unsafe { Box::from_raw(pool.cast::<gen_pool>()) });
    }

    // SAFETY: As promised by the caller.
    unsafe {
        let chunk: *mut gen_pool_chunk = (*pool).chunks.next.cast();

        if !chunk.is_null() {
            let pages = pages_of(chunk);

            for page in 0..pages {
                let is_out = word(chunk, page / WORD).load(Relaxed) & (1 << (page % WORD)) != 0;

                assert!(!is_out, "gen_pool_destroy: page {page} is out");
            }
            assert_eq!(
                Atomic::from_ptr(&raw mut (*chunk).avail.counter).load(Relaxed),
                (pages << PAGE_SHIFT) as i64,
                "avail is wrong"
            );
            explore::retire(chunk.cast(), layout(pages).size(), free_chunk);
        }
        explore::retire(pool.cast(), size_of::<gen_pool>(), free_pool);
    }
    machine::count_objects(-1);
}

/// # Safety
///
/// The chunk is valid.
unsafe fn pages_of(chunk: *mut gen_pool_chunk) -> usize {
    // SAFETY: As promised by the caller.
    unsafe { ((*chunk).end_addr - (*chunk).start_addr + 1) >> PAGE_SHIFT }
}

/// # Safety
///
/// The chunk is valid, and has such a word.
unsafe fn word<'a>(chunk: *mut gen_pool_chunk, index: usize) -> &'a Atomic<usize> {
    // SAFETY: As promised by the caller.
    unsafe { Atomic::from_ptr((&raw mut (*chunk).bits).cast::<usize>().add(index)) }
}

/// The words that some bits lie in, with those bits.
fn words(first: usize, count: usize) -> impl Iterator<Item = (usize, usize)> {
    (first / WORD..(first + count).div_ceil(WORD)).map(move |index| {
        let from = first.max(index * WORD) - index * WORD;
        let to = (first + count).min((index + 1) * WORD) - index * WORD;

        (index, usize::MAX >> (WORD - (to - from)) << from)
    })
}

/// Takes so many bytes from the first place that is free and aligned to the next power of two.
///
/// # Safety
///
/// The pool is valid and has a chunk.
pub(crate) unsafe fn alloc(pool: *mut gen_pool, size: usize) -> usize {
    // SAFETY: As promised by the caller.
    let (chunk, avail, pages, start) = unsafe {
        let chunk: *mut gen_pool_chunk = (*pool).chunks.next.cast();
        let avail = Atomic::from_ptr(&raw mut (*chunk).avail.counter);

        (chunk, avail, pages_of(chunk), (*chunk).start_addr)
    };
    let count = size.div_ceil(1 << PAGE_SHIFT);
    // SAFETY: Only words of the chunk are asked for.
    let word = |index| unsafe { word(chunk, index) };

    if count == 0 || count > pages {
        return 0;
    }
    if size as i64 > avail.load(Relaxed) {
        return 0;
    }
    let places = || (0..=pages - count).step_by(count.next_power_of_two());
    let is_free = |first: &usize| {
        words(*first, count).all(|(index, bits)| word(index).load(Relaxed) & bits == 0)
    };

    while let Some(first) = places().find(is_free) {
        let taken = words(first, count)
            .take_while(|(index, bits)| set(word(*index), *bits))
            .count();

        if taken == words(first, count).count() {
            avail.add(-((count << PAGE_SHIFT) as i64), Relaxed);
            return start + (first << PAGE_SHIFT);
        }
        for (index, bits) in words(first, count).take(taken) {
            assert!(clear(word(index), bits), "somebody cleared what is ours");
        }
    }
    0
}

/// Sets bits, unless one is set.
fn set(word: &Atomic<usize>, bits: usize) -> bool {
    let mut old = word.load(Relaxed);

    while old & bits == 0 {
        match word.cmpxchg(old, old | bits, Full) {
            Ok(_) => return true,
            Err(now) => old = now,
        }
    }
    false
}

/// Clears bits, unless one is clear.
fn clear(word: &Atomic<usize>, bits: usize) -> bool {
    let mut old = word.load(Relaxed);

    while old & bits == bits {
        match word.cmpxchg(old, old & !bits, Full) {
            Ok(_) => return true,
            Err(now) => old = now,
        }
    }
    false
}
