// SPDX-License-Identifier: GPL-2.0

//! The atomic DMA pools of Linux, `kernel/dma/pool.c`, in Rust.
//!
//! This file creates the pools, publishes them to those who ask for memory, and takes them away
//! again. The rest:
//!
//! - [`entry`]: the three functions that the DMA layer calls;
//! - `module.rs` or `builtin.rs`: what differs between a module and built-in code;
//! - [`policy`]: which pools there shall be, from the options and the machine. Pure;
//! - [`platform`]: the options and the machine, as the running kernel knows them;
//! - [`pool`]: who serves requests, and when a pool grows;
//! - [`memory`]: what is handed out, from the page allocator to what devices can use;
//! - [`report`]: what people see, in the log and in debugfs.

use core::ptr::null_mut;

use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        rcu,
        Arc,
        ArcBorrow, //
    },
};

use crate::{
    platform::machine,
    policy::{
        options::Options,
        Encryption, //
    },
    pool::Pools, //
};

#[cfg(not(MODULE))]
mod builtin;
mod entry;
mod memory;
#[cfg(MODULE)]
mod module;
mod platform;
mod policy;
mod pool;
mod report;

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
/// Whoever takes them away waits for an RCU grace period before they are dropped.
static POOLS: Atomic<*mut Pools> = Atomic::new(null_mut());

/// Creates the pools that `options` ask for on this machine, and logs what was decided.
///
/// Process context; may sleep. `ENOMEM` if memory for the bookkeeping is missing.
fn create(options: &Options) -> Result<Arc<Pools>> {
    let machine = machine::describe();
    let plan = policy::decide(options, &machine, &mut |message| {
        // The messages are free of the `kernel` crate and implement `core`'s `Display`.
        if message.is_warning() {
            pr_warn!("{}\n", core::format_args!("{message}"));
        } else {
            pr_info!("{}\n", core::format_args!("{message}"));
        }
    });

    let pools = Pools::new(&plan, machine.encryption != Encryption::None)?;

    pools.log(&plan);
    Ok(pools)
}

/// Lets `pools` serve requests, until [`unpublish`].
fn publish(pools: &Arc<Pools>) {
    POOLS.store(Arc::as_ptr(pools).cast_mut(), Release);
}

/// Undoes [`publish`]. The pools may be dropped when this returns.
///
/// Process context; sleeps. No request may come in any more.
#[cfg_attr(not(MODULE), expect(dead_code, reason = "what is built in stays"))]
fn unpublish() {
    POOLS.store(null_mut(), Relaxed);
    rcu::synchronize_rcu();
}

/// The pools, if they are set up.
#[inline]
fn pools(_guard: &rcu::Guard) -> Option<ArcBorrow<'_, Pools>> {
    let pools = POOLS.load(Acquire);

    if pools.is_null() {
        return None;
    }
    // SAFETY: The pointer is that of an `Arc`, which is not dropped before a grace period has
    // passed since it was replaced; the guard holds that off.
    Some(unsafe { ArcBorrow::from_raw(pools) })
}
