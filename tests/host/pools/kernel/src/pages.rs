// SPDX-License-Identifier: GPL-2.0

//! Memory: page frames in a row, with a `struct page` and an address each, and whom they belong to.
//!
//! The memory itself is there and may be written to. Blocks are given out lowest first, aligned to
//! their size. What is given back must have been given out as such.

use std::{
    alloc::{
        alloc_zeroed,
        Layout, //
    },
    cell::RefCell,
};

use crate::{
    alloc::allowed,
    bindings::page,
    page::PAGE_SHIFT, //
};

/// Page frames: 32 MiB.
const FRAMES: usize = 8192;

/// Bytes to which the first one is aligned: the largest block.
const ALIGN: usize = 4 << 20;

/// What a page frame is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    Free,
    /// The first of a block of that order that was given out.
    Block(u32),
    /// Another one of such a block.
    Rest,
}

struct Memory {
    base: *mut u8,
    map: *mut page,
    frames: Vec<Frame>,
    out: usize,
    limit: usize,
    shared: usize,
    decrypt_fails: bool,
    encrypt_fails: bool,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::new(Memory::new());
}

impl Memory {
    /// Made once for each thread, and never given back.
    fn new() -> Self {
        let layout = |size| Layout::from_size_align(size, ALIGN).expect("a size");

        // SAFETY: None of the sizes is 0.
        let (base, map) = unsafe {
            (
                alloc_zeroed(layout(FRAMES << PAGE_SHIFT)),
                alloc_zeroed(layout(FRAMES * size_of::<page>())),
            )
        };

        assert!(!base.is_null() && !map.is_null());
        Self {
            base,
            map: map.cast(),
            frames: vec![Frame::Free; FRAMES],
            out: 0,
            limit: FRAMES,
            shared: 0,
            decrypt_fails: false,
            encrypt_fails: false,
        }
    }

    fn number(&self, page: *mut page) -> usize {
        (page as usize - self.map as usize) / size_of::<page>()
    }
}

fn with<R>(change: impl FnOnce(&mut Memory) -> R) -> R {
    MEMORY.with_borrow_mut(change)
}

/// All memory is free again.
pub(crate) fn reset() {
    with(|memory| {
        if memory.out != 0 {
            memory.frames.fill(Frame::Free);
        }
        memory.out = 0;
        memory.limit = FRAMES;
        memory.shared = 0;
        memory.decrypt_fails = false;
        memory.encrypt_fails = false;
    });
}

/// Not more than so many pages may be out.
pub fn limit_pages(limit: usize) {
    with(|memory| memory.limit = limit);
}

/// Pages that are out.
pub fn pages_out() -> usize {
    with(|memory| memory.out)
}

/// Pages that are decrypted.
pub fn shared_pages() -> usize {
    with(|memory| memory.shared)
}

/// Makes decryption, encryption, or both fail from now on.
pub fn fail_conversions(decrypt: bool, encrypt: bool) {
    with(|memory| {
        memory.decrypt_fails = decrypt;
        memory.encrypt_fails = encrypt;
    });
}

pub(crate) fn alloc(order: u32) -> *mut page {
    let count = 1 << order;

    if allowed().is_err() {
        return core::ptr::null_mut();
    }
    with(|memory| {
        let is_free = |first: &usize| {
            memory.frames[*first..first + count]
                .iter()
                .all(|frame| *frame == Frame::Free)
        };
        let first = (0..FRAMES).step_by(count).find(is_free);
        let Some(first) = first.filter(|_| memory.out + count <= memory.limit) else {
            return core::ptr::null_mut();
        };

        memory.frames[first..first + count].fill(Frame::Rest);
        memory.frames[first] = Frame::Block(order);
        memory.out += count;
        memory.map.wrapping_add(first)
    })
}

/// From here on each page of a block is a block.
pub(crate) fn split(page: *mut page, order: u32) {
    with(|memory| {
        let first = memory.number(page);

        assert!(memory.frames[first] == Frame::Block(order));
        memory.frames[first..first + (1 << order)].fill(Frame::Block(0));
    });
}

pub(crate) fn free(page: *mut page, order: u32) {
    with(|memory| {
        let first = memory.number(page);

        assert!(
            memory.frames[first] == Frame::Block(order),
            "a block that is not out"
        );
        memory.frames[first..first + (1 << order)].fill(Frame::Free);
        memory.out -= 1 << order;
    });
}

pub(crate) fn phys_of(page: *mut page) -> u64 {
    with(|memory| (memory.number(page) << PAGE_SHIFT) as u64)
}

pub(crate) fn virt_of(page: *mut page) -> *mut u8 {
    with(|memory| memory.base.wrapping_add(memory.number(page) << PAGE_SHIFT))
}

/// Decrypts pages, or encrypts them again.
pub(crate) fn convert(addr: usize, pages: usize, decrypt: bool) -> i32 {
    with(|memory| {
        assert!(addr.wrapping_sub(memory.base as usize) < FRAMES << PAGE_SHIFT);
        if decrypt && memory.decrypt_fails || !decrypt && memory.encrypt_fails {
            return -5;
        }
        if decrypt {
            memory.shared += pages;
        } else {
            memory.shared -= pages;
        }
        0
    })
}
