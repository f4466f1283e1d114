// SPDX-License-Identifier: GPL-2.0

//! Interrupts in the middle of what a chunk's allocator does, on the same CPU: at each access to an
//! atomic, one after the other. Everything that may be interrupted meets everything that an interrupt
//! may do, and an interrupt may itself be interrupted.

use std::{
    cell::Cell,
    rc::Rc, //
};

use kernel::machine;

use crate::memory::{
    allocator::Allocator,
    bits::{
        Run,
        WORD, //
    },
};

use super::START;

/// Pages of a block that is larger than a word.
const LARGE: usize = WORD + 1;
const LARGE_BITS: u128 = (1 << LARGE) - 1;

/// What is done, and what of it is out afterwards.
type Action = fn(&Chunk);

/// A chunk whose first page was out before, and who has what.
struct Chunk {
    allocator: Allocator,
    /// A bit for each page that somebody has, but for a large block.
    out: Cell<u128>,
    /// The large block; there is room for one.
    large: Cell<Option<usize>>,
}

impl Chunk {
    fn new(pages: usize) -> Rc<Self> {
        let chunk = Rc::new(Self {
            allocator: Allocator::new(START, 0, pages).expect("there is memory"),
            out: Cell::new(0),
            large: Cell::new(None),
        });

        chunk.got(chunk.allocator.alloc(1), 1);
        chunk
    }

    fn got(&self, first: Option<usize>, count: usize) -> Option<usize> {
        let bits = (1 << count) - 1 << first?;

        assert_eq!(
            (self.out.get() | self.large_bits()) & bits,
            0,
            "a page that somebody has"
        );
        self.out.set(self.out.get() | bits);
        first
    }

    fn large_bits(&self) -> u128 {
        self.large.get().map_or(0, |first| LARGE_BITS << first)
    }

    fn gives_back(&self, first: usize, count: usize) -> usize {
        self.out.set(self.out.get() & !((1 << count) - 1 << first));
        first
    }

    fn take_page(&self) {
        let page = match self.allocator.alloc_page() {
            Some((page, true)) => {
                self.allocator.close_word(page);
                Some(page)
            }
            Some((page, false)) => Some(page),
            None => self.allocator.alloc_anywhere(1),
        };

        self.got(page, 1);
    }

    fn take_run(&self) {
        let run = Run::new(2).expect("two pages");
        let first = match self.allocator.alloc_run(&run) {
            Some((first, true)) => {
                self.allocator.close_word(first);
                Some(first)
            }
            Some((first, false)) => Some(first),
            None => self.allocator.alloc_anywhere(2),
        };

        self.got(first, 2);
    }

    fn take_large(&self) {
        if let Some(first) = self.allocator.alloc(LARGE) {
            let bits = LARGE_BITS << first;

            assert_eq!((self.out.get() | self.large_bits()) & bits, 0);
            self.large.set(Some(first));
        }
    }

    /// Gives back the page with the lowest number.
    fn give_back(&self) {
        if self.out.get() == 0 {
            return;
        }
        let page = self.gives_back(self.out.get().trailing_zeros() as usize, 1);

        // SAFETY: It is one of the allocator.
        if !unsafe { self.allocator.free_page(page) } {
            assert_eq!(self.allocator.free(page, 1), Ok(()));
        }
    }

    fn claim(&self) {
        if self.allocator.claim() {
            assert_eq!(
                self.out.get() | self.large_bits(),
                0,
                "claimed with a page out"
            );
            self.allocator.unclaim();
        }
    }

    /// Bits and owners agree, and a page that is free can be had.
    fn check(&self, pages: usize) {
        if let Some(first) = self.large.take() {
            assert_eq!(self.allocator.free(first, LARGE), Ok(()));
        }
        let out = self.out.get().count_ones() as usize;
        let free = std::iter::from_fn(|| self.allocator.alloc(1)).count();

        assert_eq!(free, pages - out, "not all that is free can be had");
        for page in 0..pages {
            assert_eq!(self.allocator.free(page, 1), Ok(()));
        }
    }
}

const ACTIONS: [(&str, Action); 5] = [
    ("a page", Chunk::take_page),
    ("a run", Chunk::take_run),
    ("a large block", Chunk::take_large),
    ("a free", Chunk::give_back),
    ("a claim", Chunk::claim),
];

/// Has each action interrupted by each, at each access, in a chunk of so many pages. Returns how
/// often that was.
fn interrupt_everywhere(pages: usize) -> usize {
    let mut count = 0;

    for (_, action) in ACTIONS {
        for (_, handler) in ACTIONS {
            for (_, nested) in ACTIONS {
                for accesses in 0.. {
                    machine::reset();
                    let chunk = Chunk::new(pages);
                    let interrupted = chunk.clone();

                    machine::interrupt_after(accesses, move || {
                        let again = interrupted.clone();

                        machine::interrupt_after(accesses / 2, move || nested(&again));
                        handler(&interrupted);
                        machine::no_interrupt();
                    });
                    action(&chunk);
                    let is_over = machine::no_interrupt();

                    chunk.check(pages);
                    drop(chunk);
                    machine::check_nothing_is_left();
                    if is_over {
                        break;
                    }
                    count += 1;
                }
            }
        }
    }
    count
}

#[test]
fn interrupts_in_a_word() {
    println!("{} interrupts", interrupt_everywhere(3));
}

#[test]
fn interrupts_in_a_full_word() {
    println!("{} interrupts", interrupt_everywhere(2));
}

#[test]
fn interrupts_in_two_words() {
    println!("{} interrupts", interrupt_everywhere(66));
}
