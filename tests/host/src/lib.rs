// SPDX-License-Identifier: GPL-2.0

//! Host tests of the pure parts of the pools: the options, the policy, and the order of zones.
//!
//! The same files are compiled into the kernel module. Here they meet
//!
//! - tables of examples, `src/examples/`: one line each, add yours there;
//! - properties that hold for every input, [`checks`], run by proptest with random ones
//!   (`src/properties.rs`) and by a fuzzer with searched ones (`fuzz/`);
//! - stories of a pool that follows its load, `src/control_loop.rs`;
//! - a second, independent writing of the grammar and of C's search order, `src/model.rs`.
//!
//! `cargo test` in this directory runs all but the fuzzer; `fuzz/run` runs that. What needs a
//! kernel is tested elsewhere.

pub mod checks;
mod model;
/// What is tested, with [`policy`]: the whole directories, as they are in the kernel.
#[path = "../../../plan/mod.rs"]
mod plan;
#[path = "../../../policy/mod.rs"]
mod policy;

#[cfg(test)]
mod control_loop;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod properties;
