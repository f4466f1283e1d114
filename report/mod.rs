// SPDX-License-Identifier: GPL-2.0

//! What people get to see of the pools while they serve.
//!
//! - [`failure`] with [`ratelimit`]: what is said and counted when a request fails;
//! - [`debugfs`]: sizes and counters.
//!
//! The messages about the choice of pools are with the policy, in `policy/messages.rs`.

pub(crate) mod debugfs;
pub(crate) mod failure;
pub(crate) mod ratelimit;
