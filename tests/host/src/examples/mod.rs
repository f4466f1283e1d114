// SPDX-License-Identifier: GPL-2.0

//! Examples as tables, one line each; a failing line is printed whole.
//!
//! - `options.rs`: what a text means;
//! - `plans.rs`: which pools the options make on which machine, and what the log says;
//! - `limits.rs`: the same for ranges, and how large the pools may be;
//! - `machines.rs`: the machines of both;
//! - `sizes.rs`: default sizes, chunks, growth.

mod limits;
mod machines;
mod options;
mod plans;
mod sizes;

/// Bytes in a KiB, for the tables.
const K: usize = 1 << 10;
/// Bytes in a MiB.
const M: usize = 1 << 20;
/// Bytes in a GiB.
const G: usize = 1 << 30;
