// SPDX-License-Identifier: GPL-2.0

//! What pools that are built in need once, at boot: options and machine are read, and it is decided
//! which pools there shall be.
//!
//! A crate of its own, next to that of `rust_dma_pool.rs`: the kernel moves all of its code and
//! messages to the init sections, which are freed after boot. A module has the same files in its
//! one crate; its counterpart is `module.rs`.

use kernel::{
    bindings,
    prelude::*, //
};

mod c_str;
#[expect(dead_code, reason = "what runs later is for the other crate")]
mod plan;
mod platform;
mod policy;

use self::{
    plan::zones::PerZone, //
    platform::cmdline::RawOptions,
};

/// The prefix of lines in the log; in a module, `module!` defines it.
const __LOG_PREFIX: &[u8] = b"rust_dma_pool\0";

/// Sets the pools up, before any driver needs them.
///
/// # Safety
///
/// Called once, as a `postcore_initcall()`.
#[export]
unsafe extern "C" fn rust_dma_pool_init() -> c_int {
    // A machine has to boot, so that a value that is not understood counts as absent.
    let (options, _) = RawOptions::of_kernel_command_line().parse();
    let plan = platform::plan(&options);
    let PerZone(sizes) = plan.pools.map(|_, pool| pool.map_or(0, |pool| pool.min));
    let PerZone(max_sizes) = plan.pools.map(|_, pool| pool.map_or(0, |pool| pool.max));
    let plan = bindings::dma_pool_plan {
        sizes,
        max_sizes,
        disabled: plan.disabled,
        cc_shared: plan.cc_shared,
    };

    // SAFETY: Called once, as this is, with a plan.
    unsafe { bindings::rust_dma_pool_create(&raw const plan) }
}
