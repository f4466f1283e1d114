// SPDX-License-Identifier: GPL-2.0

//! RCU: a grace period waits for those who read at its beginning, and for nobody else.
//!
//! In an exploration that is all that readers and writers see of each other. Who begins to read
//! after a grace period has begun sees what was written before it; two readers learn nothing from
//! each other. Otherwise there is one thread, and a grace period within a reader would never end.

use std::{
    cell::{
        Cell,
        RefCell, //
    },
    marker::PhantomData,
    rc::Rc,
};

use loom::sync::atomic::{
    AtomicUsize,
    Ordering, //
};

use crate::explore;

thread_local! {
    static PERIODS: RefCell<Option<Periods>> = const { RefCell::new(None) };
    static READERS: Cell<usize> = const { Cell::new(0) };
}

/// The grace periods of an interleaving.
struct Periods {
    /// Written when one begins.
    begun: Rc<AtomicUsize>,
    /// Of each reader, whether it is done.
    readers: Vec<Rc<AtomicUsize>>,
}

/// Has grace periods in this interleaving. Without, none may begin, and reading costs nothing.
pub fn has_grace_periods() {
    PERIODS.set(Some(Periods {
        begun: stock(),
        readers: Vec::new(),
    }));
}

pub(crate) fn reset() {
    PERIODS.set(None);
    READERS.set(0);
}

fn stock() -> Rc<AtomicUsize> {
    explore::stock().expect("a larger stock of atomics is needed")
}

/// A reader, as long as this is there.
pub struct Guard {
    done: Option<Rc<AtomicUsize>>,
    _not_send: PhantomData<*mut ()>,
}

/// Begins to read.
pub fn read_lock() -> Guard {
    let begun = PERIODS.with_borrow(|periods| Some(periods.as_ref()?.begun.clone()));
    let done = begun.map(|begun| {
        let done = stock();

        // Reads the latest, and tells nobody anything.
        begun.fetch_add(0, Ordering::Acquire);
        PERIODS.with_borrow_mut(|periods| {
            if let Some(periods) = periods {
                periods.readers.push(done.clone());
            }
        });
        done
    });

    READERS.set(READERS.get() + 1);
    Guard {
        done,
        _not_send: PhantomData,
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        READERS.set(READERS.get().wrapping_sub(1));
        if let Some(done) = &self.done {
            done.store(1, Ordering::Release);
        }
    }
}

/// Waits for those who read.
pub fn synchronize_rcu() {
    let begun = PERIODS.with_borrow(|periods| Some(periods.as_ref()?.begun.clone()));
    let Some(begun) = begun else {
        assert!(!explore::is_on(), "the model has no grace periods");
        assert_eq!(READERS.get(), 0, "a grace period within a reader");
        return;
    };

    begun.fetch_add(1, Ordering::AcqRel);
    let before = PERIODS.with_borrow_mut(|periods| {
        periods
            .as_mut()
            .map_or(Vec::new(), |periods| periods.readers.split_off(0))
    });

    for reader in &before {
        while reader.load(Ordering::Acquire) == 0 {
            loom::thread::yield_now();
        }
    }
    loom::sync::atomic::fence(Ordering::SeqCst);
}
