// SPDX-License-Identifier: GPL-2.0

//! The atomic DMA pools of Linux, `kernel/dma/pool.c`, in Rust.
//!
//! This file names the parts:
//!
//! - [`entry`]: what the DMA layer asks for, in our terms;
//! - [`published`]: the pools that serve, and from when to when;
//! - `module.rs` with `provider.rs` and `module_params.rs`, or `builtin.rs` with `builtin_param.rs`
//!   and the crate of `setup.rs`: what differs between a module and built-in code;
//! - [`policy`]: which pools there shall be, from the options and the machine. Pure;
//! - [`plan`]: what comes out of that, how sizes follow the load, and the terms of both. Pure;
//! - [`platform`]: the options and the machine, as the running kernel knows them;
//! - [`pool`]: who serves requests, and who changes the size of a pool;
//! - [`memory`]: what is handed out, from the page allocator to what devices can use;
//! - [`report`]: what people see, in the log, in debugfs and in traces;
//! - [`sync`]: what the `kernel` crate's atomics lack; [`c_str`]: strings that come from C.

#[cfg(MODULE)]
use kernel::prelude::*;

#[cfg(not(MODULE))]
mod builtin;
#[cfg(all(not(MODULE), CONFIG_DEBUG_FS, CONFIG_TRACEPOINTS))]
mod builtin_param;
mod c_str;
mod entry;
mod memory;
#[cfg(MODULE)]
mod module;
#[cfg(MODULE)]
mod module_params;
#[cfg_attr(not(MODULE), expect(dead_code, reason = "used by setup.rs"))]
mod plan;
#[cfg(MODULE)]
mod platform;
#[cfg(MODULE)]
mod policy;
mod pool;
#[cfg(MODULE)]
mod provider;
mod published;
mod report;
mod sync;

#[cfg(not(MODULE))]
use builtin::{
    pin,
    unpin, //
};
#[cfg(all(not(MODULE), CONFIG_DEBUG_FS, CONFIG_TRACEPOINTS))]
use builtin_param::debug_wanted;
#[cfg(MODULE)]
use module::{
    pin,
    unpin, //
};
#[cfg(all(MODULE, CONFIG_DEBUG_FS, CONFIG_TRACEPOINTS))]
use module_params::debug_wanted;
use published::pools;

#[cfg(MODULE)]
module! {
    type: module::RustDmaPool,
    name: "rust_dma_pool",
    authors: ["rust_dma_pool developers"],
    description: "Atomic DMA pools in Rust",
    license: "GPL",
    imports_ns: ["DMA_POOL"],
}

/// The prefix of lines in the log; in a module, `module!` defines it.
#[cfg(not(MODULE))]
const __LOG_PREFIX: &[u8] = b"rust_dma_pool\0";
