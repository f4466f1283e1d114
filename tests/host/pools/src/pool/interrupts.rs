// SPDX-License-Identifier: GPL-2.0

//! Requests and frees in interrupts, in the middle of requests, of frees and of the worker, on the
//! same CPU: at each access to an atomic, one after the other.
//!
//! Whatever is interrupted, no page has two owners, what is out is counted, and the module has one
//! reference for it.

use std::{
    cell::RefCell,
    rc::Rc, //
};

use kernel::{
    machine,
    page::PAGE_SIZE,
    sync::Arc, //
};

use crate::{
    module,
    plan::zones::Zone, //
};

use super::{
    alloc,
    free,
    plan,
    request,
    work,
    ONE, //
};

use crate::pool::{
    free::Free,
    Block,
    Pools, //
};

/// Pages in the pool at first.
const PAGES: usize = 4;

/// Pools, and the blocks that are out, with their pages.
struct State {
    pools: Arc<Pools>,
    blocks: RefCell<Vec<(Block, usize)>>,
}

type Action = fn(&State);

impl State {
    fn new() -> Rc<Self> {
        let state = Rc::new(Self {
            pools: Pools::new(&plan(ONE, PAGES, 16 * PAGES, false)).expect("there is memory"),
            blocks: RefCell::default(),
        });

        state.alloc(1);
        state
    }

    fn alloc(&self, pages: usize) {
        let request = request(None, Zone::Dma32, pages * PAGE_SIZE, false);
        let Ok(block) = alloc(&self.pools, &request, false) else {
            return;
        };
        let range = |block: &Block| {
            let start = block.virt.as_ptr() as usize;

            start..start + block.size
        };
        let mine = range(&block);

        for (other, _) in self.blocks.borrow().iter() {
            let other = range(other);

            assert!(
                mine.end <= other.start || other.end <= mine.start,
                "a page has two owners"
            );
        }
        self.blocks.borrow_mut().push((block, pages));
    }

    fn free(&self) {
        let last = self.blocks.borrow_mut().pop();

        if let Some((block, pages)) = last {
            let freed = free(&self.pools, &block, pages * PAGE_SIZE, false);

            assert_eq!(freed, Free::Done);
        }
    }

    fn check(&self) {
        let out: usize = self.blocks.borrow().iter().map(|(_, pages)| pages).sum();
        let pool = self.pools.pool(Zone::Dma32).expect("a pool");

        assert_eq!(pool.used(), out * PAGE_SIZE);
        assert_eq!(pool.blocks(), self.blocks.borrow().len());
        assert_eq!(module::pins(), usize::from(out != 0), "pins");
    }
}

const ACTIONS: [(&str, Action); 5] = [
    ("a page", |state| state.alloc(1)),
    ("three pages", |state| state.alloc(3)),
    ("a free", State::free),
    ("a free and a page", |state| {
        state.free();
        state.alloc(1);
    }),
    ("the worker", |state| {
        work(&state.pools);
    }),
];

#[test]
fn interrupts() {
    let mut count = 0;

    for (_, action) in ACTIONS {
        // The worker is no interrupt.
        for (_, handler) in &ACTIONS[..4] {
            for accesses in 0.. {
                machine::reset();
                let state = State::new();
                let (interrupted, handler) = (state.clone(), *handler);

                machine::interrupt_after(accesses, move || handler(&interrupted));
                action(&state);
                let is_over = machine::no_interrupt();

                state.check();
                while !state.blocks.borrow().is_empty() {
                    state.free();
                }
                state.check();
                drop(state);
                machine::check_nothing_is_left();
                if is_over {
                    break;
                }
                count += 1;
            }
        }
    }
    println!("{count} interrupts");
}
