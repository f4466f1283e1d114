// SPDX-License-Identifier: GPL-2.0

//! The pools on this machine: their own files, on a stand-in for the `kernel` crate.
//!
//! What is here is the module without its edges: `entry.rs`, `published.rs`, `memory/`, `pool/`,
//! `plan/`, `report/`. Below that is a machine of numbers (`kernel/`). Two kinds of tests use them:
//!
//! - explorations by loom, of all interleavings of a few threads and of what weak memory shows
//!   them: `src/memory/` of one chunk, `src/pool/` of counts, of the table, and of pools that come and
//!   go. Each says what it explores and what has to hold. Interrupts are calls at each access to an
//!   atomic;
//! - random sequences of requests, frees, growth and shrinking, beside a simple model of pages, with
//!   allocations that fail: `src/pool/sequences.rs`.
//!
//! `cargo test` in this directory runs all of them, and `cargo test -- --show-output` shows how many
//! interleavings there were. `EXPLORE=` is how often a thread may be stopped where it need not, in
//! those explorations that are bounded.

#![cfg(test)]

/// What is tested.
mod memory {
    include!(concat!(env!("OUT_DIR"), "/memory.rs"));
}

/// What is tested, with the rest of it.
#[expect(dead_code, reason = "tests use a part of it")]
mod pool {
    include!(concat!(env!("OUT_DIR"), "/pool.rs"));
}

#[path = "../../../../c_str.rs"]
mod c_str;
#[path = "../../../../entry.rs"]
mod entry;
#[expect(dead_code, reason = "tests use a part of it")]
#[path = "../../../../plan/mod.rs"]
mod plan;
#[path = "../../../../published.rs"]
mod published;
#[expect(dead_code, reason = "tests use a part of it")]
#[path = "../../../../report/mod.rs"]
mod report;
#[path = "../../../../sync.rs"]
mod sync;

mod module;

use kernel::explore::Bounds;

use self::{
    module::{
        pin,
        unpin, //
    },
    published::pools,
};

/// Explorations in which a thread is stopped so many times where it need not, or as often as
/// `EXPLORE=` says.
fn bounded(atomics: usize, preemptions: usize) -> Bounds {
    let more = std::env::var("EXPLORE").map(|text| text.parse().expect("EXPLORE= is a number"));

    Bounds {
        atomics,
        preemptions: Some(preemptions.max(more.unwrap_or(0))),
    }
}
