// SPDX-License-Identifier: GPL-2.0

//! A clock that stands still until a test lets time pass.

use crate::machine;

/// Nanoseconds in a millisecond.
pub const NSEC_PER_MSEC: i64 = 1_000_000;

/// A clock.
pub trait ClockSource {
    /// Nanoseconds.
    fn ktime_get() -> i64;
}

/// The clock that never goes back.
pub struct Monotonic;

impl ClockSource for Monotonic {
    fn ktime_get() -> i64 {
        // CAST: Tests do not take so long.
        machine::now() as i64
    }
}

/// Here a jiffy is a millisecond.
pub fn msecs_to_jiffies(ms: u32) -> usize {
    ms as usize
}
