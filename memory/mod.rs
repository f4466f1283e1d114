// SPDX-License-Identifier: GPL-2.0

//! What the pools hand out: memory that devices may use.
//!
//! - [`chunk`]: one piece of memory, with the allocator of its pages;
//! - [`allocator`] with [`bits`] and [`hint`]: which of these pages are taken; [`alloc`], [`free`] and
//!   [`large`] change that, [`occupancy`] tells;
//! - [`chunk_memory`]: pages in the state that devices need, and how they come out of it;
//! - [`filter`]: which addresses the kernel asks the pools about;
//! - [`pages`] with `cma.rs`, [`mapping`], [`set_memory`]: where the pages come from, the addresses
//!   that CPUs use them by, and who can read them.
//!
//! Who is served, and when a pool gets a new chunk, is in [`pool`](crate::pool).

mod alloc;
mod allocator;
pub(crate) mod bits;
pub(crate) mod chunk;
pub(crate) mod chunk_memory;
#[cfg(CONFIG_DMA_CMA)]
mod cma;
mod filter;
mod free;
mod hint;
#[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
mod kunit;
mod large;
mod mapping;
mod occupancy;
pub(crate) mod pages;
pub(crate) mod set_memory;
