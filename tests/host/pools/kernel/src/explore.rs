// SPDX-License-Identifier: GPL-2.0

//! Explorations: all interleavings of a few threads, and all that weak memory may show them, by
//! loom.
//!
//! An atomic of the kernel is a word in some object. What stands for it in an exploration is one of
//! loom's atomics, taken from a stock at the first access, and found by its address from then on. It
//! counts from the value that was in the word, so that all threads know that value from the
//! beginning. An object with atomics must not be moved once they were accessed.
//!
//! Memory that is given back is kept until the end of an interleaving, and whoever accesses an
//! atomic in it has used it too late.

use std::{
    cell::RefCell,
    collections::HashMap,
    io::Write,
    ops::Range,
    rc::Rc,
    sync::{
        atomic::{
            AtomicUsize as StdAtomic,
            Ordering as Std, //
        },
        Arc,
    },
};

use loom::sync::atomic::AtomicUsize;

use crate::{
    machine,
    sync::rcu, //
};

thread_local! {
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// What is known in one interleaving.
struct State {
    stock: Vec<Rc<AtomicUsize>>,
    bound: HashMap<usize, Shadow>,
    /// Memory that was given back.
    gone: Vec<Range<usize>>,
    kept: Vec<crate::init::Owned>,
}

/// What stands for one atomic.
#[derive(Clone)]
pub(crate) struct Shadow {
    atomic: Rc<AtomicUsize>,
    /// What it counts from.
    zero: usize,
    /// Changed with each access, and read by nobody.
    turn: Rc<AtomicUsize>,
}

impl Shadow {
    /// An access is about to come.
    ///
    /// loom tries another order of two accesses if the later one depends on the last one before it,
    /// of which it remembers one alone. Who reads and then writes would hide what another thread read
    /// before: this makes each access depend on the last one. It orders nothing.
    fn turn(&self) {
        self.turn.fetch_add(0, Std::Relaxed);
    }

    pub(crate) fn load(&self, ordering: Std) -> usize {
        self.turn();
        self.atomic.load(ordering).wrapping_add(self.zero)
    }

    pub(crate) fn store(&self, value: usize, ordering: Std) {
        self.turn();
        self.atomic.store(value.wrapping_sub(self.zero), ordering);
    }

    pub(crate) fn swap(&self, value: usize, ordering: Std) -> usize {
        self.turn();
        let before = self.atomic.swap(value.wrapping_sub(self.zero), ordering);

        before.wrapping_add(self.zero)
    }

    pub(crate) fn compare_exchange(
        &self,
        old: usize,
        new: usize,
        ordering: Std,
    ) -> Result<usize, usize> {
        self.turn();
        let (old, new) = (old.wrapping_sub(self.zero), new.wrapping_sub(self.zero));
        let result = self
            .atomic
            .compare_exchange(old, new, ordering, Std::Relaxed);

        result
            .map(|old| old.wrapping_add(self.zero))
            .map_err(|now| now.wrapping_add(self.zero))
    }

    pub(crate) fn fetch_add(&self, value: usize, ordering: Std) -> usize {
        self.turn();
        self.atomic
            .fetch_add(value, ordering)
            .wrapping_add(self.zero)
    }
}

/// Whether an exploration runs in this thread.
pub(crate) fn is_on() -> bool {
    STATE.with_borrow(|state| state.is_some())
}

/// What stands for the atomic at an address, whose word has the value that `now` returns.
pub(crate) fn shadow(addr: usize, now: impl FnOnce() -> usize) -> Option<Shadow> {
    STATE.with_borrow_mut(|state| {
        let state = state.as_mut()?;

        assert!(
            !state.gone.iter().any(|memory| memory.contains(&addr)),
            "an atomic was accessed after its memory was given back"
        );
        if let Some(shadow) = state.bound.get(&addr) {
            return Some(shadow.clone());
        }
        let mut next = || state.stock.pop().expect("a larger stock of atomics");
        let shadow = Shadow {
            atomic: next(),
            zero: now(),
            turn: next(),
        };

        state.bound.insert(addr, shadow.clone());
        Some(shadow)
    })
}

/// An atomic that all threads know from the beginning; it is 0.
pub(crate) fn stock() -> Option<Rc<AtomicUsize>> {
    STATE.with_borrow_mut(|state| state.as_mut()?.stock.pop())
}

/// Gives memory back: in an exploration at its end, otherwise at once.
///
/// # Safety
///
/// `free` may be called with `memory`, once, at any time. What was there was dropped.
pub(crate) unsafe fn retire(memory: *mut (), size: usize, free: unsafe fn(*mut ())) {
    let kept = STATE.with_borrow_mut(|state| {
        let Some(state) = state else {
            return false;
        };
        let start = memory as usize;

        if size != 0 {
            state.gone.push(start..start + size);
        }
        state.kept.push((memory, free));
        true
    });

    if !kept {
        // SAFETY: As promised by the caller.
        unsafe { free(memory) };
    }
}

/// How much to explore.
#[derive(Clone, Copy)]
pub struct Bounds {
    /// Atomics that are accessed.
    pub atomics: usize,
    /// How often a thread may be stopped where it need not; `None` for any number.
    pub preemptions: Option<usize>,
}

/// Runs `model` for all interleavings of the threads that it makes, and returns how many that were.
///
/// The name is for a line that says so.
pub fn explore(name: &str, bounds: Bounds, model: impl Fn() + Send + Sync + 'static) -> usize {
    let mut builder = loom::model::Builder::new();
    let count = Arc::new(StdAtomic::new(0));
    let counter = count.clone();
    let start = std::time::Instant::now();

    builder.preemption_bound = bounds.preemptions;
    builder.max_branches = 10_000;
    builder.check(move || {
        counter.fetch_add(1, Std::Relaxed);
        machine::reset();
        let _on = On::new(bounds.atomics);

        model();
        machine::check_nothing_is_left();
    });
    let (count, seconds) = (count.load(Std::Relaxed), start.elapsed().as_secs_f32());

    println!("{name}: {count} interleavings in {seconds:.1} s");
    let _ = std::io::stdout().flush();
    count
}

/// An exploration, as long as this is there.
struct On;

impl On {
    fn new(atomics: usize) -> Self {
        rcu::reset();
        let state = State {
            stock: (0..atomics).map(|_| Rc::new(AtomicUsize::new(0))).collect(),
            bound: HashMap::new(),
            gone: Vec::new(),
            kept: Vec::new(),
        };

        STATE.set(Some(state));
        Self
    }
}

impl Drop for On {
    fn drop(&mut self) {
        rcu::reset();
        let Some(state) = STATE.take() else {
            return;
        };

        for (memory, free) in state.kept {
            // SAFETY: As promised to `retire`, once.
            unsafe { free(memory) };
        }
    }
}

/// Starts a thread of a model, which ends with it.
pub fn spawn(run: impl FnOnce() + 'static) -> loom::thread::JoinHandle<()> {
    loom::thread::spawn(run)
}
