// SPDX-License-Identifier: GPL-2.0

//! The atomic DMA pools of Linux, `kernel/dma/pool.c`, in Rust.
//!
//! This file publishes the pools to those who ask for memory, and takes them away again. The rest:
//!
//! - [`entry`]: what the DMA layer asks for, in our terms;
//! - `module.rs` with `module_params.rs`, or `builtin.rs` with `builtin_param.rs` and the crate of
//!   `setup.rs`: what differs between a module and built-in code;
//! - [`policy`]: which pools there shall be, from the options and the machine. Pure;
//! - [`plan`]: what comes out of that, how sizes follow the load, and the terms of both. Pure;
//! - [`platform`]: the options and the machine, as the running kernel knows them;
//! - [`pool`]: who serves requests, and who changes the size of a pool;
//! - [`memory`]: what is handed out, from the page allocator to what devices can use;
//! - [`report`]: what people see, in the log, in debugfs and in traces;
//! - [`sync`]: what the `kernel` crate's atomics lack.

use core::ptr::null_mut;

#[cfg(MODULE)]
use kernel::prelude::*;
use kernel::sync::{
    atomic::{
        Atomic,
        Relaxed,
        Release, //
    },
    rcu,
    Arc,
    ArcBorrow, //
};

use crate::{
    pool::{
        growth,
        shrinker::Shrinker,
        Pools, //
    },
    sync::read_once,
};

#[cfg(not(MODULE))]
mod builtin;
#[cfg(all(not(MODULE), CONFIG_DEBUG_FS, CONFIG_TRACEPOINTS))]
mod builtin_param;
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

/// The pools that serve requests; NULL while there are none.
///
/// They are those of the one [`Published`].
static POOLS: Atomic<*mut Pools> = Atomic::new(null_mut());

/// Pools that serve requests, for as long as this object lives. There is one at a time.
struct Published {
    pools: Arc<Pools>,
    /// Taken away before the worker is stopped, which it starts.
    shrinker: Option<Shrinker>,
}

impl Published {
    fn new(pools: Arc<Pools>) -> Self {
        POOLS.store(Arc::as_ptr(&pools).cast_mut(), Release);
        Self {
            shrinker: Shrinker::new(&pools),
            pools,
        }
    }
}

impl Drop for Published {
    /// Process context; sleeps. No block is out.
    fn drop(&mut self) {
        POOLS.store(null_mut(), Relaxed);
        rcu::synchronize_rcu();
        drop(self.shrinker.take());
        // Nobody is left who could start it.
        growth::stop(&self.pools);
    }
}

/// The pools, if they serve.
#[inline(always)]
fn pools(_guard: &rcu::Guard) -> Option<ArcBorrow<'_, Pools>> {
    let pools = read_once(&POOLS);

    if pools.is_null() {
        return None;
    }
    // SAFETY: The pointer is that of an `Arc`, which is not dropped before a grace period has
    // passed since it was replaced; the guard holds that off. What it points to was written before
    // it was published, with a release.
    Some(unsafe { ArcBorrow::from_raw(pools) })
}
