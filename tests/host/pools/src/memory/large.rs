// SPDX-License-Identifier: GPL-2.0

//! Explorations of chunks of more than a word, which `gen_pool` has a part in: what is larger than a
//! word is taken by it, word by word, and put back if it finds a page taken. See the root of this
//! directory for what has to hold.

use kernel::explore::{
    explore,
    spawn, //
};

use crate::bounded;

use super::{
    Allocator,
    Chunk,
    START, //
};
use crate::memory::free::NotOut;

/// One more page than a word has.
const PAGES: usize = 65;

#[test]
fn what_ends_beyond_the_chunk_is_no_block() {
    for pages in [3, PAGES] {
        let allocator = Allocator::new(START, 0, pages).expect("there is memory");
        let more = pages.next_power_of_two();

        assert!(allocator.claim());
        assert!(!allocator.is_out(0, more));
        assert_eq!(allocator.free(0, more), Err(NotOut));
        assert_eq!(allocator.free(0, pages), Ok(()));
        assert!(allocator.is_idle());
    }
}

#[test]
fn a_page_in_the_next_word() {
    explore("a page in the next word", bounded(8, 2), || {
        let chunk = Chunk::new(PAGES);
        let first = chunk.take(32).expect("all are free");
        let second = chunk.take(32).expect("half is free");
        let other = chunk.clone();
        let thread = spawn(move || other.give_back(first, 32));
        let page = chunk.take_page().expect("there is the next word");

        chunk.give_back_page(page);
        thread.join().unwrap();
        chunk.check_hint(32);
        chunk.give_back(second, 32);
        chunk.check();
    });
}

#[test]
fn a_large_claim_beside_a_page() {
    explore("a large claim beside a page", bounded(8, 2), || {
        let chunk = Chunk::new(PAGES);
        let other = chunk.clone();
        let thread = spawn(move || {
            if let Some(page) = other.take_page() {
                other.give_back_page(page);
            }
        });

        chunk.claim();
        thread.join().unwrap();
        assert!(chunk.claim(), "nothing is out");
        chunk.check();
    });
}

#[test]
fn a_large_claim_that_fails() {
    explore("a large claim that fails", bounded(8, 2), || {
        let chunk = Chunk::new(PAGES);
        let other = chunk.clone();
        let thread = spawn(move || {
            other.claim();
        });
        let page = chunk.take_page();

        thread.join().unwrap();
        if let Some(page) = page {
            assert!(!chunk.claim(), "a page is out");
            // All others are free: at least 32 of them in a row.
            chunk.check_hint(32);
            chunk.give_back_page(page);
        }
        chunk.check();
    });
}

#[test]
fn a_large_block_beside_a_page() {
    explore("a large block beside a page", bounded(8, 2), || {
        let chunk = Chunk::new(PAGES);
        let other = chunk.clone();
        let thread = spawn(move || {
            if let Some(first) = other.take(PAGES) {
                other.give_back(first, PAGES);
            }
        });

        if let Some(page) = chunk.take_page() {
            chunk.give_back_page(page);
        }
        thread.join().unwrap();
        chunk.check();
    });
}
