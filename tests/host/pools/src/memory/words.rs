// SPDX-License-Identifier: GPL-2.0

//! Explorations of one word: pages, runs of pages, the chunk as a whole, and the hint. See the root
//! of this directory for what has to hold.

use kernel::explore::{
    explore,
    spawn, //
};

use crate::bounded;

use super::Chunk;

#[test]
fn a_page_beside_a_page() {
    explore("a page beside a page", bounded(8, 3), || {
        let chunk = Chunk::new(2);
        let other = chunk.clone();
        let thread = spawn(move || {
            let page = other.take_page().expect("there is one for each");

            other.give_back_page(page);
        });
        let page = chunk.take_page().expect("there is one for each");

        chunk.give_back_page(page);
        thread.join().unwrap();
        chunk.check();
    });
}

#[test]
fn the_same_page_in_turn() {
    explore("the same page in turn", bounded(8, 3), || {
        let chunk = Chunk::new(1);
        let other = chunk.clone();
        let thread = spawn(move || {
            if let Some(page) = other.take_page() {
                other.give_back_page(page);
            }
        });

        if let Some(page) = chunk.take_page() {
            chunk.give_back_page(page);
        }
        thread.join().unwrap();
        chunk.check();
    });
}

#[test]
fn a_run_beside_a_page() {
    explore("a run beside a page", bounded(8, 3), || {
        let chunk = Chunk::new(4);
        let other = chunk.clone();
        let thread = spawn(move || {
            let first = other.take(2).expect("there is room for both");

            other.give_back(first, 2);
        });
        let page = chunk.take_page().expect("there is room for both");

        chunk.give_back_page(page);
        thread.join().unwrap();
        chunk.check();
    });
}

#[test]
fn a_run_beside_a_page_and_a_free() {
    explore("a run beside a page and a free", bounded(8, 2), || {
        let chunk = Chunk::new(4);
        let page = chunk.take_page().expect("all are free");
        let (taker, freer) = (chunk.clone(), chunk.clone());
        let threads = [
            spawn(move || {
                let first = taker.take(2).expect("one half is free");

                taker.give_back(first, 2);
            }),
            spawn(move || freer.give_back_page(page)),
        ];
        let page = chunk.take_page().expect("one is free in the other half");

        chunk.give_back_page(page);
        threads.map(|thread| thread.join().unwrap());
        chunk.check();
    });
}

#[test]
fn the_last_page_beside_a_free() {
    explore("the last page beside a free", bounded(8, 3), || {
        let chunk = Chunk::new(2);
        let page = chunk.take_page().expect("all are free");
        let other = chunk.clone();
        let thread = spawn(move || other.give_back_page(page));
        let last = chunk.take_page().expect("another one is free");

        thread.join().unwrap();
        // The one that came back.
        chunk.check_hint(1);
        chunk.give_back_page(last);
        chunk.check();
    });
}

#[test]
fn a_full_word_beside_two_frees() {
    explore("a full word beside two frees", bounded(8, 3), || {
        let chunk = Chunk::new(2);
        let pages = [0, 1].map(|_| chunk.take_page().expect("all are free"));
        let others = pages.map(|page| (chunk.clone(), page));
        let threads = others.map(|(chunk, page)| spawn(move || chunk.give_back_page(page)));

        // Who finds nothing says that the word is full, if it is.
        if let Some(page) = chunk.take_page() {
            chunk.give_back_page(page);
        }
        threads.map(|thread| thread.join().unwrap());
        chunk.check();
    });
}

#[test]
fn a_claim_beside_a_page() {
    explore("a claim beside a page", bounded(8, 3), || {
        let chunk = Chunk::new(2);
        let other = chunk.clone();
        let thread = spawn(move || {
            // None while it is claimed.
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
fn a_claim_beside_a_page_and_a_free() {
    explore("a claim beside a page and a free", bounded(8, 3), || {
        let chunk = Chunk::new(2);
        let page = chunk.take_page().expect("all are free");
        let (taker, freer) = (chunk.clone(), chunk.clone());
        let threads = [
            spawn(move || {
                if let Some(page) = taker.take_page() {
                    taker.give_back_page(page);
                }
            }),
            spawn(move || freer.give_back_page(page)),
        ];

        chunk.claim();
        threads.map(|thread| thread.join().unwrap());
        assert!(chunk.claim(), "nothing is out");
        chunk.check();
    });
}

#[test]
fn a_claim_beside_a_claim() {
    explore("a claim beside a claim", bounded(8, 3), || {
        let chunk = Chunk::new(2);
        let other = chunk.clone();
        let thread = spawn(move || {
            other.claim();
        });

        chunk.claim();
        thread.join().unwrap();
        assert!(chunk.claim(), "nothing is out");
        chunk.check();
    });
}
