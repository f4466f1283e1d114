// SPDX-License-Identifier: GPL-2.0

//! The size of a pool over time: a worker, as in the kernel, on chunks that are only numbers.

use crate::plan::{
    control::{
        Action,
        Control,
        Load,
        IDLE,
        MAX_BACKOFF, //
    },
    sizes::Sizes,
    Limits, //
};

const PAGE: usize = 4096;
const MAX_ORDER: u32 = 10;
const PIECE: usize = 128 << 10;

/// What happens to a pool at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Milliseconds since the last event.
    pub after: u64,
    /// Bytes that are out from now on, as far as the pool has them.
    pub used: usize,
    /// A request of so many bytes fails; 0 for none.
    pub failed: usize,
    /// Blocks that the zone has, up to this order; `None` for no memory at all.
    pub memory: Option<u32>,
    /// Others are short of memory.
    pub pressure: bool,
}

/// A pool, its worker, and its timer.
pub struct Simulation {
    control: Control,
    limits: Limits,
    chunks: Vec<usize>,
    now: u64,
    timer: Option<u64>,
    used: usize,
    peak: usize,
    memory: Option<u32>,
    /// When the last attempt failed.
    failed_at: Option<u64>,
    /// How often it tried to grow.
    pub attempts: usize,
    /// Chunks that were added.
    pub growths: usize,
    /// Chunks that went back.
    pub shrinks: usize,
    /// The most that the pool ever had.
    pub largest: usize,
    /// How often the ceiling was named.
    pub ceilings: usize,
}

impl Simulation {
    /// A pool of `min` bytes that may grow to `max`.
    pub fn new(min: usize, max: usize) -> Self {
        let limits = Limits { min, max };

        Self {
            control: Control::new(limits, PAGE, MAX_ORDER),
            limits,
            chunks: vec![min],
            now: 1_000_000,
            timer: None,
            used: 0,
            peak: 0,
            memory: Some(MAX_ORDER),
            failed_at: None,
            attempts: 0,
            growths: 0,
            shrinks: 0,
            largest: min,
            ceilings: 0,
        }
    }

    /// Its memory cannot be made what devices need.
    pub fn stop(&mut self) {
        self.control.stop();
    }

    /// Bytes in the pool.
    pub fn size(&self) -> usize {
        self.chunks.iter().sum()
    }

    /// Bytes that are out.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Lets time pass, with the worker at its times.
    pub fn wait(&mut self, ms: u64) {
        let end = self.now + ms;
        let mut runs = 0u64;

        while let Some(at) = self.timer.filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.timer = None;
            self.work(0, false);
            runs += 1;
            assert!(runs <= 20 + ms / 50, "the worker spins");
        }
        self.now = end;
    }

    /// Lets an event happen, and the worker run, as each of them asks it to.
    pub fn event(&mut self, event: &Event) {
        self.wait(event.after);
        self.memory = event.memory;
        self.used = event.used.min(self.size());
        self.peak = self.peak.max(self.used);
        let failed = event.failed.min(PAGE << MAX_ORDER);

        self.work(failed, event.pressure);
    }

    fn load(&mut self, failed: usize, pressure: bool) -> Load {
        Load {
            now: self.now,
            size: self.size(),
            used: self.used,
            peak: core::mem::replace(&mut self.peak, self.used),
            failed,
            pressure,
        }
    }

    fn work(&mut self, mut failed: usize, pressure: bool) {
        for _ in 0..1000 {
            let load = self.load(core::mem::take(&mut failed), pressure);

            match self.control.look(&load) {
                Action::Rest => break,
                Action::Grow(sizes) => self.grow(sizes),
                Action::Shrink { keep } => {
                    assert!(keep >= self.limits.min, "below the configured size");
                    assert!(
                        keep >= (self.used + self.limits.min).min(self.limits.max),
                        "gives back what is needed"
                    );
                    let last = *self.chunks.last().expect("a chunk");

                    if self.chunks.len() == 1 || self.size() - last < keep.max(self.used) {
                        break;
                    }
                    self.chunks.pop();
                    self.control.shrunk(&load);
                    self.shrinks += 1;
                }
            }
        }
        let load = self.load(0, false);

        assert!(self.control.reach(load.size) >= load.size);
        self.ceilings += usize::from(self.control.reached_ceiling());
        assert!(self.ceilings <= 1, "the ceiling is named twice");
        self.timer = self.control.next_look(&load).map(|after| self.now + after);
    }

    fn grow(&mut self, sizes: Sizes) {
        self.attempts += 1;
        if let Some(failed_at) = self.failed_at {
            assert!(self.now >= failed_at + 100, "no back-off");
        }
        let room = self.limits.max - self.size();

        assert!(
            sizes.largest * PAGE >= PIECE || sizes.largest * 2 * PAGE > room,
            "{sizes:?} are small pieces"
        );
        assert!(sizes.largest * PAGE <= room, "above the ceiling");

        let memory = self.memory;
        let got = sizes
            .into_iter()
            .find(|pages| memory.is_some_and(|order| *pages <= 1 << order));

        if let Some(pages) = got {
            self.chunks.push(pages * PAGE);
            self.growths += 1;
            self.failed_at = None;
            self.largest = self.largest.max(self.size());
            self.control.grew(self.now, Some(self.size()));
        } else {
            self.failed_at = Some(self.now);
            self.control.grew(self.now, None);
        }
    }
}

/// Whatever happens, the size stays within its limits, the pool recovers when there is memory, and
/// goes back to the configured size when nothing happens any more.
pub fn follows_load(min_pages: usize, more_pages: usize, events: &[Event]) {
    let (min, max) = (min_pages * PAGE, (min_pages + more_pages) * PAGE);
    let mut pool = Simulation::new(min, max);

    for event in events {
        pool.event(event);
        assert!((min..=max).contains(&pool.size()));
    }

    // All of it is out, and there is memory.
    pool.event(&Event {
        after: 0,
        used: max,
        failed: 0,
        memory: Some(MAX_ORDER),
        pressure: false,
    });
    pool.wait(MAX_BACKOFF + 1);
    assert!(
        pool.size() - pool.used >= min || max - pool.size() < PAGE,
        "did not recover: {} of {max}",
        pool.size()
    );

    // Nobody asks for anything any more.
    pool.event(&Event {
        after: 1,
        used: 0,
        failed: 0,
        memory: Some(MAX_ORDER),
        pressure: false,
    });
    // Who swung in the past may have to wait for longer.
    pool.wait(64 * 2 * IDLE);
    assert_eq!(pool.size(), min, "memory stays");
    assert_eq!(pool.timer, None, "the worker wakes up for nothing");
}
