// SPDX-License-Identifier: GPL-2.0

//! Explorations of one chunk's allocator: who gets which page, what its owner sees, and which words
//! are said to have room.
//!
//! What has to hold in each:
//!
//! - no page has two owners at once, and what one owner writes comes before what the next one does:
//!   loom watches each page;
//! - nothing is lost: when all came back, no bit is set, and `avail` of `gen_pool` is what it was;
//! - a chunk is claimed only if nothing of it is out, and nothing gets out while it is;
//! - once everybody is done, a word with room is said to have some.
//!
//! Here is what they share; `words.rs` and `large.rs` explore, `interrupts.rs` interrupts.

mod interrupts;
mod large;
mod words;

use std::rc::Rc;

use loom::cell::UnsafeCell;

use super::{
    allocator::Allocator,
    bits::Run, //
};

/// The address of a chunk.
const START: usize = 1 << 32;

/// A chunk and its memory.
struct Chunk {
    allocator: Allocator,
    /// Who owns a page writes to it.
    pages: Vec<UnsafeCell<usize>>,
}

impl Chunk {
    /// A chunk of so many pages, all of which are free.
    fn new(pages: usize) -> Rc<Self> {
        Rc::new(Self {
            allocator: Allocator::new(START, 0, pages).expect("there is memory"),
            pages: (0..pages).map(|_| UnsafeCell::new(0)).collect(),
        })
    }

    /// Uses pages, as only their owner may.
    fn write(&self, first: usize, count: usize) {
        for page in &self.pages[first..first + count] {
            // SAFETY: loom panics if somebody else does, or did without our knowing.
            page.with_mut(|content| unsafe { *content += 1 });
        }
    }

    /// Takes a page as [`Pools`](crate::pool::Pools) do: at the first attempt, or by the hint, or
    /// without it.
    fn take_page(&self) -> Option<usize> {
        let page = match self.allocator.alloc_page() {
            Some((page, was_last)) => {
                if was_last {
                    self.allocator.close_word(page);
                }
                page
            }
            None => self.take_slowly(1)?,
        };

        self.write(page, 1);
        Some(page)
    }

    /// As [`take_page`](Self::take_page), more than one.
    fn take(&self, count: usize) -> Option<usize> {
        let first = match Run::new(count).and_then(|run| self.allocator.alloc_run(&run)) {
            Some((first, was_last)) => {
                if was_last {
                    self.allocator.close_word(first);
                }
                first
            }
            None => self.take_slowly(count)?,
        };

        self.write(first, count);
        Some(first)
    }

    fn take_slowly(&self, count: usize) -> Option<usize> {
        self.allocator
            .alloc(count)
            .or_else(|| self.allocator.alloc_anywhere(count))
    }

    /// Gives a page back as [`Pools`](crate::pool::Pools) do.
    fn give_back_page(&self, page: usize) {
        self.write(page, 1);
        // SAFETY: It is one of the allocator.
        if !unsafe { self.allocator.free_page(page) } {
            assert_eq!(self.allocator.free(page, 1), Ok(()));
        }
    }

    /// As [`give_back_page`](Self::give_back_page), more than one.
    fn give_back(&self, first: usize, count: usize) {
        self.write(first, count);
        assert_eq!(self.allocator.free(first, count), Ok(()));
    }

    /// Claims the chunk, and gives it back at once. Returns whether that was possible.
    fn claim(&self) -> bool {
        let claimed = self.allocator.claim();

        if claimed {
            self.write(0, self.pages.len());
            self.allocator.unclaim();
        }
        claimed
    }

    /// Nothing is out any more, and who looks only where there is said to be room finds it.
    fn check(&self) {
        assert!(self.allocator.is_idle(), "a page is lost");
        self.check_hint(self.pages.len().min(64));
    }

    /// Who looks only where there is said to be room finds so many pages.
    fn check_hint(&self, count: usize) {
        let first = self.allocator.alloc(count);

        assert!(first.is_some(), "a word with room is said to have none");
        assert_eq!(self.allocator.free(first.unwrap_or(0), count), Ok(()));
    }
}
