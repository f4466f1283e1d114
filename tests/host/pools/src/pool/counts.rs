// SPDX-License-Identifier: GPL-2.0

//! Explorations of what a pool counts: what is out, the pin on the module, the peak, and when it
//! asks to grow.
//!
//! What has to hold:
//!
//! - who has a block can be sure of the module: it has a reference while anything is out, and one
//!   alone;
//! - the module goes only if nothing is out, and then nobody gets a block;
//! - when all came back, it has none;
//! - no peak is lost while what made it is out;
//! - a pool that is low is made to grow: by who made it low, by the worker that looks at it, or at
//!   the latest by who makes it low next. `take()` has no full barrier but for a new peak, so that on
//!   weak memory it may come to that;
//! - whatever the number of blocks is that come back, the pages are right.

use core::cell::Cell;
use std::rc::Rc;

use kernel::{
    explore::{
        explore,
        spawn, //
    },
    page::PAGE_SIZE,
    sync::Arc, //
};

use crate::{
    bounded,
    module,
    plan::zones::Zone, //
};

use crate::pool::{
    list::List,
    pool::{
        Going,
        Pool, //
    },
};

/// A pool, and how many blocks of it are out.
struct Counted {
    pool: Arc<Pool>,
    /// Its memory.
    _list: List,
    holding: Cell<usize>,
    is_gone: Cell<bool>,
}

impl Counted {
    fn new(pages: usize) -> Rc<Self> {
        let mut list = List::default();
        let pool = Pool::new(Zone::Dma32, pages * PAGE_SIZE, false, &mut list);
        let pool = pool.ok().flatten().expect("there is memory");

        Rc::new(Self {
            pool,
            _list: list,
            holding: Cell::new(0),
            is_gone: Cell::new(false),
        })
    }

    /// A pool that has a page out, and asked to grow for it. It may have two pages out now.
    fn grown() -> Rc<Self> {
        let counted = Self::new(4);

        // All it has is kept free: it is low with its first block, as C's.
        assert!(counted.take(1).is_ok_and(|asks| asks));
        counted
            .pool
            .size
            .store(6 * PAGE_SIZE, kernel::sync::atomic::Relaxed);
        counted
    }

    /// Counts a block, and returns whether it is time to grow.
    fn take(&self, pages: usize) -> Result<bool, Going> {
        let unsettled = self.pool.take(pages);
        let asks = if unsettled != 0 {
            self.pool.attend(unsettled, pages)?
        } else {
            false
        };

        assert!(!self.is_gone.get(), "a block of a module that is gone");
        self.holding.set(self.holding.get() + 1);
        assert!(module::pins() > 0, "a block without a pin");
        Ok(asks)
    }

    fn give_back(&self, pages: usize) {
        assert!(module::pins() > 0, "a block without a pin");
        self.holding.set(self.holding.get() - 1);
        if self.pool.give_back(pages) {
            self.pool.unpin();
        }
    }

    fn take_and_give_back(&self) {
        if self.take(1).is_ok() {
            self.give_back(1);
        }
    }

    /// Lets the module go, if that is possible.
    fn retire(&self) {
        if module::try_stop() {
            assert_eq!(self.holding.get(), 0, "the module goes with blocks out");
            self.is_gone.set(true);
        }
    }

    /// All came back.
    fn check(&self) {
        assert_eq!(self.pool.used(), 0);
        assert_eq!(self.pool.blocks(), 0);
        assert_eq!(module::pins(), 0, "a pin with nothing out");
    }
}

#[test]
fn the_first_block_beside_the_first_block() {
    explore(
        "the first block beside the first block",
        bounded(24, 2),
        || {
            let counted = Counted::new(8);
            let other = counted.clone();
            let thread = spawn(move || other.take_and_give_back());

            counted.take_and_give_back();
            thread.join().unwrap();
            counted.check();
        },
    );
}

#[test]
fn the_last_block_beside_a_block_beside_the_end() {
    explore(
        "the last block beside a block beside the end",
        bounded(24, 2),
        || {
            let counted = Counted::new(8);

            counted.take(1).expect("the module is there");
            let (taker, remover) = (counted.clone(), counted.clone());
            let threads = [
                spawn(move || taker.take_and_give_back()),
                spawn(move || remover.retire()),
            ];

            counted.give_back(1);
            threads.map(|thread| thread.join().unwrap());
            counted.check();
            counted.retire();
            assert!(counted.is_gone.get(), "the module cannot go");
            assert!(counted.take(1).is_err());
            counted.check();
        },
    );
}

#[test]
fn a_peak_beside_a_peak() {
    explore("a peak beside a peak", bounded(24, 3), || {
        let counted = Counted::new(64);

        counted.take(1).expect("the module is there");
        let other = counted.clone();
        let thread = spawn(move || {
            other.take(2).expect("the module is there");
        });

        counted.take(4).expect("the module is there");
        thread.join().unwrap();
        assert_eq!(counted.pool.hiwater(), 7 * PAGE_SIZE, "a peak is lost");
        for pages in [1, 2, 4] {
            counted.give_back(pages);
        }
        counted.check();
    });
}

#[test]
fn a_peak_beside_who_reads_it() {
    explore("a peak beside who reads it", bounded(24, 3), || {
        let counted = Counted::new(64);

        counted.take(3).expect("the module is there");
        counted.give_back(3);
        let other = counted.clone();
        let thread = spawn(move || {
            other.pool.take_peak();
        });

        assert_eq!(counted.pool.hiwater(), 3 * PAGE_SIZE, "there was more");
        thread.join().unwrap();
        assert_eq!(counted.pool.hiwater(), 3 * PAGE_SIZE, "there was more");
        counted.check();
    });
}

#[test]
fn a_peak_beside_a_look() {
    explore("a peak beside a look", bounded(24, 3), || {
        let counted = Counted::new(64);

        counted.take(1).expect("the module is there");
        let other = counted.clone();
        let thread = spawn(move || {
            other.take(2).expect("the module is there");
        });
        let seen = counted.pool.take_peak();

        thread.join().unwrap();
        // What is out is the peak from here on, whoever looked when.
        let at_least = counted.pool.take_peak();
        let now = counted.pool.take_peak();

        assert!(seen >= PAGE_SIZE && seen.max(at_least) >= PAGE_SIZE);
        assert_eq!(now, 3 * PAGE_SIZE, "a peak is lost that is still out");
        for pages in [1, 2] {
            counted.give_back(pages);
        }
        counted.check();
    });
}

#[test]
fn a_low_pool_beside_the_worker() {
    explore("a low pool beside the worker", bounded(24, 3), || {
        let counted = Counted::grown();
        let asked = Rc::new(Cell::new(false));
        let (other, says) = (counted.clone(), asked.clone());
        let thread = spawn(move || {
            for _ in 0..2 {
                let asks = other.take(1).expect("the module is there");

                says.set(says.get() | asks);
            }
        });
        let is_watched = counted.pool.watch();

        thread.join().unwrap();
        if is_watched && !asked.get() {
            let asks = counted.take(1).expect("the module is there");

            assert!(asks, "a pool that is low, and nobody asks");
            counted.give_back(1);
        }
        assert!(
            !counted.pool.watch(),
            "nobody will ask, and the worker is not told"
        );
        (0..3).for_each(|_| counted.give_back(1));
        counted.check();
    });
}

#[test]
fn a_block_for_a_moment_beside_the_worker() {
    explore(
        "a block for a moment beside the worker",
        bounded(24, 3),
        || {
            let counted = Counted::grown();
            let asked = Rc::new(Cell::new(false));
            let (other, says) = (counted.clone(), asked.clone());
            let thread = spawn(move || {
                says.set(other.take(2).expect("the module is there"));
                other.give_back(2);
            });
            let is_watched = counted.pool.watch();

            thread.join().unwrap();
            if is_watched && !asked.get() {
                let asks = counted.take(2).expect("the module is there");

                assert!(asks, "a pool that is low, and nobody asks");
                counted.give_back(2);
            }
            counted.give_back(1);
            counted.check();
        },
    );
}

#[test]
fn a_block_that_comes_back_in_pieces() {
    explore("a block that comes back in pieces", bounded(24, 3), || {
        let counted = Counted::new(8);

        counted.take(2).expect("the module is there");
        let other = counted.clone();
        let thread = spawn(move || other.take_and_give_back());

        counted.give_back(1);
        // It counts as the only one, of which the rest is still out.
        counted.holding.set(counted.holding.get() + 1);
        counted.give_back(1);
        thread.join().unwrap();
        counted.check();
        counted.retire();
        assert!(counted.is_gone.get(), "the module cannot go");
    });
}
