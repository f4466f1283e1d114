// SPDX-License-Identifier: GPL-2.0

//! The machine that the pools run on, as a test sees and governs it: its clock, its memory, which
//! allocation fails, when an interrupt comes, and what was said.
//!
//! Each thread of the test program has one.

use std::cell::RefCell;

pub use crate::pages::{
    fail_conversions,
    limit_pages,
    pages_out,
    shared_pages, //
};

use crate::pages;

thread_local! {
    static STATE: RefCell<State> = const { RefCell::new(State::new()) };
}

type Interrupt = Box<dyn FnOnce()>;

struct State {
    log: Vec<String>,
    nanoseconds: u64,
    allocations: usize,
    /// The number of the one that fails.
    failing: Option<usize>,
    /// How many accesses to atomics come first.
    interrupt: Option<(usize, Interrupt)>,
    work: Option<usize>,
    /// Ranges in the filter, and objects of `gen_pool`.
    objects: isize,
}

impl State {
    const fn new() -> Self {
        Self {
            log: Vec::new(),
            nanoseconds: 0,
            allocations: 0,
            failing: None,
            interrupt: None,
            work: None,
            objects: 0,
        }
    }
}

fn with<R>(change: impl FnOnce(&mut State) -> R) -> R {
    STATE.with_borrow_mut(change)
}

/// As after a boot.
pub fn reset() {
    STATE.set(State::new());
    pages::reset();
}

/// Panics if there is memory that nobody has given back.
pub fn check_nothing_is_left() {
    assert_eq!(pages_out(), 0, "pages did not go back");
    assert_eq!(with(|state| state.objects), 0, "objects were not freed");
}

/// Counts objects of the kernel that exist.
pub(crate) fn count_objects(difference: isize) {
    with(|state| state.objects += difference);
}

/// A line of the log.
pub fn say(line: String) {
    with(|state| state.log.push(line));
}

/// What was said since the last call.
pub fn log() -> Vec<String> {
    with(|state| core::mem::take(&mut state.log))
}

/// The time in nanoseconds.
pub(crate) fn now() -> u64 {
    with(|state| state.nanoseconds)
}

/// Lets time pass.
pub fn pass(milliseconds: u64) {
    with(|state| state.nanoseconds += milliseconds * 1_000_000);
}

/// Makes the allocation with that number from now fail, the first being 0, or none.
pub fn fail_allocation(number: Option<usize>) {
    with(|state| {
        state.allocations = 0;
        state.failing = number;
    });
}

/// How many allocations there were since then.
pub fn allocations() -> usize {
    with(|state| state.allocations)
}

/// Whether this allocation has to fail.
pub(crate) fn next_fails() -> bool {
    with(|state| {
        let fails = state.failing == Some(state.allocations);

        state.allocations += 1;
        fails
    })
}

/// Has an interrupt come before one of the next accesses to an atomic: after so many others.
pub fn interrupt_after(accesses: usize, handler: impl FnOnce() + 'static) {
    with(|state| state.interrupt = Some((accesses, Box::new(handler))));
}

/// Takes back an interrupt, and returns whether it has not come.
pub fn no_interrupt() -> bool {
    with(|state| state.interrupt.take().is_some())
}

/// An atomic is about to be accessed.
pub(crate) fn step() {
    let handler = with(|state| match state.interrupt.take() {
        Some((0, handler)) => Some(handler),
        Some((accesses, handler)) => {
            state.interrupt = Some((accesses - 1, handler));
            None
        }
        None => None,
    });

    if let Some(handler) = handler {
        handler();
    }
}

/// After how many milliseconds the worker wants to run, if it does; from now on it does not.
pub fn take_work() -> Option<usize> {
    with(|state| state.work.take())
}

/// Has the worker run.
pub(crate) fn queue_work(delay: usize, at_once: bool) {
    with(|state| {
        if at_once || state.work.is_none() {
            state.work = Some(delay);
        }
    });
}
