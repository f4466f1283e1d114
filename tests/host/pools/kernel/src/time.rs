// SPDX-License-Identifier: GPL-2.0

//! A clock that stands still until a test lets time pass.

use core::marker::PhantomData;

use crate::machine;

/// The clock that never goes back.
#[derive(Clone, Copy)]
pub struct Monotonic;

/// A moment.
#[derive(Clone, Copy)]
pub struct Instant<C>(u64, PhantomData<C>);

impl<C> Instant<C> {
    /// Now.
    pub fn now() -> Self {
        Self(machine::now(), PhantomData)
    }

    /// The time since then.
    pub fn elapsed(&self) -> Delta {
        Delta(machine::now().wrapping_sub(self.0))
    }
}

/// A span of time.
#[derive(Clone, Copy)]
pub struct Delta(u64);

impl Delta {
    /// In milliseconds.
    pub fn as_millis(self) -> i64 {
        // CAST: Tests do not take so long.
        (self.0 / 1_000_000) as i64
    }

    /// In nanoseconds.
    pub fn as_nanos(self) -> i64 {
        // CAST: As above.
        self.0 as i64
    }
}

/// Here a jiffy is a millisecond.
pub fn msecs_to_jiffies(ms: u32) -> usize {
    ms as usize
}
