// SPDX-License-Identifier: GPL-2.0

//! Memory: page frames in a row, with a `struct page`, the addresses that they have, whom they belong
//! to, and who can read them.
//!
//! Blocks are given out lowest first, aligned to their size. What is given back must have been given
//! out as such, must be mapped nowhere, and private. Only the address of a mapping may be read and
//! written; that in the linear map names the page.

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

/// Whom a page frame belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nobody,
    /// Somebody who was given a block of that order, of which it is the first.
    Block(u32),
    /// The owner of the block in which it lies.
    Rest,
}

#[derive(Clone, Copy)]
struct Frame {
    owner: Owner,
    /// The first one that is mapped together with it.
    mapped: Option<usize>,
    shared: bool,
}

/// As at boot.
const FREE: Frame = Frame {
    owner: Owner::Nobody,
    mapped: None,
    shared: false,
};

struct Memory {
    /// Of the linear map, behind which the mappings are: each as far from their start.
    base: *mut u8,
    map: *mut page,
    frames: Vec<Frame>,
    out: usize,
    limit: usize,
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
                alloc_zeroed(layout((2 * FRAMES) << PAGE_SHIFT)),
                alloc_zeroed(layout(FRAMES * size_of::<page>())),
            )
        };

        assert!(!base.is_null() && !map.is_null());
        Self {
            base,
            map: map.cast(),
            frames: vec![FREE; FRAMES],
            out: 0,
            limit: FRAMES,
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
            memory.frames.fill(FREE);
        }
        memory.out = 0;
        memory.limit = FRAMES;
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
    with(|memory| memory.frames.iter().filter(|frame| frame.shared).count())
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
                .all(|frame| frame.owner == Owner::Nobody)
        };
        let first = (0..FRAMES).step_by(count).find(is_free);
        let Some(first) = first.filter(|_| memory.out + count <= memory.limit) else {
            return core::ptr::null_mut();
        };

        for frame in &mut memory.frames[first..first + count] {
            frame.owner = Owner::Rest;
        }
        memory.frames[first].owner = Owner::Block(order);
        memory.out += count;
        memory.map.wrapping_add(first)
    })
}

/// From here on each page of a block is a block.
pub(crate) fn split(page: *mut page, order: u32) {
    with(|memory| {
        let first = memory.number(page);

        assert!(memory.frames[first].owner == Owner::Block(order));
        for frame in &mut memory.frames[first..first + (1 << order)] {
            frame.owner = Owner::Block(0);
        }
    });
}

/// Panics where a rule is broken, once: a second time, by what is dropped meanwhile, would end the
/// whole program.
fn check(holds: bool, rule: &str) {
    assert!(holds || std::thread::panicking(), "{rule}");
}

pub(crate) fn free(page: *mut page, order: u32) {
    with(|memory| {
        let first = memory.number(page);

        check(
            memory.frames[first].owner == Owner::Block(order),
            "a block that is not out",
        );
        for frame in &mut memory.frames[first..first + (1 << order)] {
            check(frame.mapped.is_none(), "a page is freed, and is mapped");
            check(!frame.shared, "a page is freed, and is shared");
            frame.owner = Owner::Nobody;
        }
        memory.out -= 1 << order;
    });
}

pub(crate) fn phys_of(page: *mut page) -> u64 {
    with(|memory| (memory.number(page) << PAGE_SHIFT) as u64)
}

pub(crate) fn linear_of(page: *mut page) -> *mut u8 {
    with(|memory| memory.base.wrapping_add(memory.number(page) << PAGE_SHIFT))
}

/// Maps so many bytes.
pub(crate) fn map(page: *mut page, size: usize) -> *mut u8 {
    if allowed().is_err() {
        return core::ptr::null_mut();
    }
    with(|memory| {
        let first = memory.number(page);

        for frame in &mut memory.frames[first..first + size.div_ceil(1 << PAGE_SHIFT)] {
            assert!(frame.mapped.is_none(), "mapped twice");
            frame.mapped = Some(first);
        }
        memory.base.wrapping_add((FRAMES + first) << PAGE_SHIFT)
    })
}

/// Unmaps what begins there.
pub(crate) fn unmap(virt: *mut u8) {
    with(|memory| {
        let first = ((virt as usize - memory.base as usize) >> PAGE_SHIFT) - FRAMES;

        assert!(
            memory.frames[first].mapped == Some(first),
            "no mapping begins there"
        );
        for frame in &mut memory.frames[first..] {
            if frame.mapped != Some(first) {
                break;
            }
            frame.mapped = None;
        }
    });
}

/// Decrypts pages, or encrypts them again.
pub(crate) fn convert(addr: usize, pages: usize, decrypt: bool) -> i32 {
    with(|memory| {
        let first = addr.wrapping_sub(memory.base as usize) >> PAGE_SHIFT;

        assert!(first < FRAMES, "not in the linear map");
        if decrypt && memory.decrypt_fails || !decrypt && memory.encrypt_fails {
            return -5;
        }
        for frame in &mut memory.frames[first..first + pages] {
            assert!(
                frame.owner != Owner::Nobody,
                "converted by who does not own it"
            );
            assert!(frame.shared != decrypt, "converted to what it is");
            frame.shared = decrypt;
        }
        0
    })
}
