// SPDX-License-Identifier: GPL-2.0

//! The control loop of one pool's size: when it grows and by how much, and when memory goes back.
//!
//! [`Control::look`] is told what the pool is like at one moment, and says what to do; who does it
//! says how it went. Chunks and who needs them are not known here. Times are milliseconds from any
//! fixed moment, sizes are bytes.
//!
//! - A pool *needs* what is out and, as in C, once more its configured size: the low watermark. When
//!   less than that is free it grows, and after a request failed by a piece that holds it.
//! - A growth that failed is tried again after a time that doubles up to [`MAX_BACKOFF`], and not
//!   before, whoever asks.
//! - What was not needed for [`IDLE`] goes back, and under memory pressure at once; but what a pool
//!   has grown by for a request that failed stays for [`RETRY`], so that who tries again finds it. Who
//!   has to grow soon after that waits twice as long the next time, so that a load which swings makes
//!   nobody grow and shrink in turn.
//! - The size stays between the configured one and the ceiling.

use super::{
    sizes::{
        self,
        Sizes, //
    },
    Limits, //
};

/// How long memory has to be idle before it goes back; up to a part of [`SLOTS`] less.
pub(crate) const IDLE: u64 = 60_000;

/// The longest that idle memory is kept for a load that swings.
const MAX_IDLE: u64 = 3_600_000;

/// Who asked for more than there was has this time to try again before memory pressure takes back
/// what the pool has grown by.
const RETRY: u64 = 1_000;

/// A pool that grows within so many times the time that it kept idle memory gave it back too early.
const REGRET: u64 = 10;

/// After the first growth that failed.
const MIN_BACKOFF: u64 = 100;

/// The longest time between two attempts to grow.
pub(crate) const MAX_BACKOFF: u64 = 60_000;

/// Parts of the time that need is remembered in: it is forgotten part by part.
const SLOTS: usize = 4;

/// What a pool is like.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    /// The time.
    pub(crate) now: u64,
    /// Bytes in all its chunks.
    pub(crate) size: usize,
    /// Bytes that are out.
    pub(crate) used: usize,
    /// The most bytes that were out since the last look.
    pub(crate) peak: usize,
    /// The largest request since the last look that found no free piece, 0 for none. A chunk can
    /// hold it.
    pub(crate) failed: usize,
    /// The page allocator is short of memory.
    pub(crate) pressure: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing.
    Rest,
    /// Add a chunk of one of these sizes, and say how that went: [`Control::grew`].
    Grow(Sizes),
    /// Give a chunk back that is idle, so that at least `keep` bytes stay, and say if that was done:
    /// [`Control::shrunk`].
    Shrink {
        /// Bytes.
        keep: usize,
    },
}

/// What is remembered of one pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Control {
    limits: Limits,
    page_size: usize,
    max_order: u32,
    /// The largest request that failed and was not seen to.
    failed: usize,
    /// No attempt to grow before this.
    retry_at: u64,
    /// The time between the last attempt and that; 0 if it worked.
    backoff: u64,
    /// It never grows again.
    stopped: bool,
    /// The ceiling was in the way.
    at_ceiling: bool,
    /// [`Self::reached_ceiling`] has said so.
    told: bool,
    /// The most that was needed, the present part of the time first.
    needed: [usize; SLOTS],
    /// When the present part of the time is over.
    slot_end: u64,
    /// How long memory has to be idle.
    idle: u64,
    /// When memory last went back without pressure.
    shrunk_at: Option<u64>,
    /// Bytes that the pool has for a request that failed, and until when.
    promised: usize,
    promised_until: u64,
    /// Until when memory pressure counts that came before `promised_until`.
    pressed_until: u64,
}

impl Control {
    /// The control of a pool within `limits`, on a machine with pages of `page_size` bytes and blocks
    /// of up to `max_order`.
    pub(crate) fn new(limits: Limits, page_size: usize, max_order: u32) -> Self {
        Self {
            limits,
            page_size,
            max_order,
            failed: 0,
            retry_at: 0,
            backoff: 0,
            stopped: false,
            at_ceiling: false,
            told: false,
            needed: [limits.min; SLOTS],
            slot_end: 0,
            idle: IDLE,
            shrunk_at: None,
            promised: 0,
            promised_until: 0,
            pressed_until: 0,
        }
    }

    /// Decides what to do now. Called again when that is done, until it says [`Action::Rest`].
    pub(crate) fn look(&mut self, load: &Load) -> Action {
        self.remember(load);
        if let Some(sizes) = self.growth(load) {
            return Action::Grow(sizes);
        }
        let is_promised = load.now < self.promised_until;

        if load.pressure && is_promised {
            self.pressed_until = self.promised_until.saturating_add(RETRY);
        }
        let keep = if self.is_pressed(load) {
            let promised = if is_promised { self.promised } else { 0 };

            self.need(load.used).max(promised)
        } else {
            self.needed
                .iter()
                .copied()
                .fold(self.limits.min, usize::max)
        };

        if load.size > keep {
            Action::Shrink { keep }
        } else {
            Action::Rest
        }
    }

    /// How long until the next look, if nobody asks for one before; `None` for as long as it takes.
    pub(crate) fn next_look(&self, load: &Load) -> Option<u64> {
        let retry = (self.wants_growth(load) && !self.stopped && load.now < self.retry_at)
            .then(|| self.retry_at.saturating_sub(load.now));
        let end = if self.is_pressed(load) && load.now < self.promised_until {
            self.promised_until
        } else {
            self.slot_end
        };
        let idle = (load.size > self.limits.min).then(|| end.saturating_sub(load.now).max(1));

        match (retry, idle) {
            (Some(retry), Some(idle)) => Some(retry.min(idle)),
            (retry, idle) => retry.or(idle),
        }
    }

    /// Notes how an attempt to grow went: the pool has `size` bytes now, or there was no memory.
    pub(crate) fn grew(&mut self, now: u64, size: Option<usize>) {
        let failed = core::mem::take(&mut self.failed);
        let Some(size) = size else {
            self.backoff = self
                .backoff
                .saturating_mul(2)
                .clamp(MIN_BACKOFF, MAX_BACKOFF);
            self.retry_at = now.saturating_add(self.backoff);
            return;
        };

        self.backoff = 0;
        // Who asked for it has to find it there.
        self.needed[0] = self.needed[0].max(size);
        if failed != 0 {
            self.promised = size;
            self.promised_until = now.saturating_add(RETRY);
        }
        if let Some(shrunk_at) = self.shrunk_at.take() {
            let regret = now.saturating_sub(shrunk_at) < self.idle.saturating_mul(REGRET);

            self.idle = if regret {
                self.idle.saturating_mul(2).min(MAX_IDLE)
            } else {
                IDLE
            };
        }
    }

    /// Notes that a chunk went back; whether that was for the sake of others is in `load`.
    pub(crate) fn shrunk(&mut self, load: &Load) {
        if !self.is_pressed(load) {
            self.shrunk_at = Some(load.now);
        }
    }

    /// The pool never grows again: its memory cannot be made what devices need.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether the ceiling was in the way for the first time.
    pub(crate) fn reached_ceiling(&mut self) -> bool {
        let first = self.at_ceiling && !self.told;

        self.told |= first;
        first
    }

    /// The size that growth can be expected to reach, for a pool of `size` bytes.
    pub(crate) fn reach(&self, size: usize) -> usize {
        if self.stopped || self.backoff != 0 {
            size
        } else {
            self.limits.max.max(size)
        }
    }

    /// Whether others are short of memory, or were a moment ago, when what is idle was promised.
    fn is_pressed(&self, load: &Load) -> bool {
        load.pressure || load.now < self.pressed_until
    }

    /// What a pool needs of which so many bytes are out.
    fn need(&self, used: usize) -> usize {
        used.saturating_add(self.limits.min)
            .min(self.limits.max)
            .max(self.limits.min)
    }

    /// Keeps in mind what is needed now, and forgets what was needed long ago.
    fn remember(&mut self, load: &Load) {
        let slot = self.idle.checked_div(SLOTS as u64).unwrap_or(0).max(1);

        for _ in 0..SLOTS {
            if load.now < self.slot_end {
                break;
            }
            let [first, second, third, _] = self.needed;

            self.needed = [0, first, second, third];
            self.slot_end = self.slot_end.saturating_add(slot);
        }
        if load.now >= self.slot_end {
            self.slot_end = load.now.saturating_add(slot);
        }
        self.needed[0] = self.needed[0].max(self.need(load.peak.max(load.used)));
        self.failed = self.failed.max(load.failed);
    }

    /// Whether less is free than has to be.
    pub(crate) fn is_low(&self, load: &Load) -> bool {
        load.size.saturating_sub(load.used) < self.limits.min
    }

    /// Whether that is so, or a request failed.
    fn wants_growth(&self, load: &Load) -> bool {
        self.failed != 0 || self.is_low(load)
    }

    /// The sizes of a chunk to add.
    fn growth(&mut self, load: &Load) -> Option<Sizes> {
        if !self.wants_growth(load) || self.stopped || load.now < self.retry_at {
            return None;
        }
        let room = self.limits.max.saturating_sub(load.size);
        let failed = core::mem::take(&mut self.failed);

        for wanted in [failed, 0] {
            let sizes = sizes::growth(load.size, wanted, room, self.page_size, self.max_order);

            if sizes.is_some() && (wanted != 0 || self.wants_growth(load)) {
                self.failed = wanted;
                return sizes;
            }
        }
        // A pool of a fixed size does not try to grow when it is low.
        self.at_ceiling |= failed != 0 || self.limits.max > self.limits.min;
        None
    }
}
