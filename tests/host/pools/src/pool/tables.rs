// SPDX-License-Identifier: GPL-2.0

//! Explorations of the table, beside those who read it.
//!
//! What has to hold:
//!
//! - who finds a chunk finds all of it: what was written before it was published is seen;
//! - a chunk is taken away only if nothing of it is out, and nobody gets a page of it afterwards;
//! - nothing is freed while somebody reads it, and its pages are somebody else's only after that.

use std::rc::Rc;

use kernel::{
    explore::{
        explore,
        spawn, //
    },
    machine,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        rcu,
        Arc, //
    },
};
use loom::cell::UnsafeCell;

use crate::{
    bounded,
    memory::chunk::Chunk,
    plan::zones::Zone, //
};

use crate::pool::{
    list::List,
    pool::Pool,
    table::{
        retract,
        serving,
        Chunks,
        Table, //
    },
};

/// A table whose pool has one chunk of one page, and the memory of the machine.
struct Tables {
    table: Arc<Table>,
    pool: Arc<Pool>,
    /// The first page frames; who owns one writes to it.
    frames: Vec<UnsafeCell<usize>>,
}

impl Tables {
    fn new() -> Rc<Self> {
        rcu::has_grace_periods();
        let mut list = List::default();
        let pool = Pool::new(Zone::Dma32, PAGE_SIZE, false, &mut list);
        let table = Arc::pin_init(Table::new(list), GFP_KERNEL).expect("there is memory");

        // SAFETY: It is the only one; whoever reads it is gone when it is dropped.
        unsafe { table.publish() };
        Rc::new(Self {
            table,
            pool: pool.ok().flatten().expect("there is memory"),
            frames: (0..4).map(|_| UnsafeCell::new(0)).collect(),
        })
    }

    fn write(&self, phys: u64) {
        // SAFETY: loom panics if somebody else does, or did without our knowing.
        self.frames[phys as usize / PAGE_SIZE].with_mut(|content| unsafe { *content += 1 });
    }

    /// Adds a chunk of one page.
    fn add(&self) {
        let chunk = Chunk::new(Zone::Dma32, std::iter::once(1), false);
        let chunk = chunk.expect("there is memory");

        // As who makes it fit for devices.
        self.write(chunk.phys_of(0));
        assert!(self.table.add(&self.pool, chunk, true).is_ok());
    }

    /// Takes the chunk that was added away, if that is possible.
    fn remove(&self) -> bool {
        match self.table.remove(&self.pool, PAGE_SIZE) {
            Ok(Some((_, phys))) => {
                // As who gets the page next.
                self.write(phys);
                true
            }
            Ok(None) => false,
            Err(_) => unreachable!("there is memory"),
        }
    }

    /// Takes a page of the last chunk that serves, and returns its address.
    fn take(&self) -> Option<usize> {
        self.take_from(serving(&rcu::read_lock())?)
    }

    /// Takes a page of the last of these chunks.
    fn take_from(&self, chunks: &Chunks) -> Option<usize> {
        let member = chunks.of(Zone::Dma32).last()?;
        let (page, _) = member.chunk.alloc_page()?;

        self.write(member.chunk.phys_of(page));
        Some(member.chunk.virt())
    }

    /// Gives a page back that is out.
    fn give_back(&self, virt: usize) {
        let guard = rcu::read_lock();
        let chunks = self.table.read(&guard);
        let (member, page) = chunks.at_virt(virt).expect("a page that is out");

        self.write(member.chunk.phys_of(page));
        assert_eq!(member.chunk.free(page, 1), Ok(()));
    }

    fn check(&self, chunks: usize) {
        let guard = rcu::read_lock();
        let current = self.table.read(&guard);

        assert_eq!(current.of(Zone::Dma32).len(), chunks);
        assert!(serving(&guard).is_some_and(|chunks| std::ptr::eq(chunks, current)));
        assert_eq!(
            kernel::sync::atomic::Atomic::load(&self.pool.size, kernel::sync::atomic::Relaxed),
            chunks * PAGE_SIZE
        );
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        retract();
    }
}

#[test]
fn a_chunk_that_comes_beside_a_reader() {
    explore("a chunk that comes beside a reader", bounded(56, 2), || {
        let tables = Tables::new();
        let other = tables.clone();
        let thread = spawn(move || {
            if let Some(virt) = other.take() {
                other.give_back(virt);
            }
        });

        tables.add();
        thread.join().unwrap();
        tables.check(2);
    });
}

/// As those do that do not ask for what serves: a search, a free at the second attempt, the figures.
#[test]
fn a_chunk_that_comes_beside_who_asks_the_table() {
    let name = "a chunk that comes beside who asks the table";

    explore(name, bounded(56, 2), || {
        let tables = Tables::new();
        let other = tables.clone();
        let thread = spawn(move || {
            if let Some(virt) = other.take_from(other.table.read(&rcu::read_lock())) {
                other.give_back(virt);
            }
        });

        tables.add();
        thread.join().unwrap();
        tables.check(2);
    });
}

#[test]
fn a_chunk_that_goes_beside_a_reader() {
    explore("a chunk that goes beside a reader", bounded(56, 2), || {
        let tables = Tables::new();

        tables.add();
        let other = tables.clone();
        let thread = spawn(move || {
            if let Some(virt) = other.take() {
                other.give_back(virt);
            }
        });
        let gone = tables.remove();

        thread.join().unwrap();
        tables.check(2 - usize::from(gone));
        assert_ne!(tables.remove(), gone, "it can go once");
    });
}

#[test]
fn a_chunk_that_goes_beside_a_free() {
    explore("a chunk that goes beside a free", bounded(56, 2), || {
        let tables = Tables::new();

        tables.add();
        let virt = tables.take().expect("all are free");
        let other = tables.clone();
        let thread = spawn(move || other.give_back(virt));
        let gone = tables.remove();

        thread.join().unwrap();
        tables.check(2 - usize::from(gone));
        assert_ne!(tables.remove(), gone, "it can go once");
    });
}

#[test]
fn a_chunk_that_goes_beside_who_finds_nothing() {
    explore(
        "a chunk that goes beside who finds nothing",
        bounded(56, 2),
        || {
            let tables = Tables::new();

            tables.add();
            let other = tables.clone();
            let thread = spawn(move || {
                let guard = rcu::read_lock();
                let chunks = other.table.read(&guard);

                // Who looks for an address, and for the largest free piece.
                assert!(chunks.at_virt(1).is_none());
                for member in chunks.of(Zone::Dma32) {
                    member.chunk.largest_free();
                }
            });

            assert!(tables.remove());
            thread.join().unwrap();
            tables.check(1);
        },
    );
}

/// Not explored: nobody else is there.
#[test]
fn the_first_page_of_each_chunk_at_once() {
    machine::reset();
    let mut list = List::default();
    let pool = Pool::new(Zone::Dma32, 64 * PAGE_SIZE, false, &mut list);
    let pool = pool.ok().flatten().expect("there is memory");

    // Each other one begins in the granule of 32 pages in which the one before it ends.
    for pages in [48, 16, 48, 16, 48, 16] {
        let chunk = Chunk::new(Zone::Dma32, std::iter::once(pages), false);

        list = list
            .with(&pool, chunk.expect("there is memory"), true)
            .expect("there is memory");
    }
    let table = Arc::pin_init(Table::new(list), GFP_KERNEL).expect("there is memory");
    let guard = rcu::read_lock();
    let chunks = table.read(&guard);

    for (number, member) in chunks.of(Zone::Dma32).iter().enumerate() {
        let found = chunks.likely_at_virt(member.chunk.virt());

        assert!(
            found.is_some_and(|(found, page)| std::ptr::eq(found, &**member) && page == 0),
            "chunk {number} is not found at once"
        );
    }
}
