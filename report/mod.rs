// SPDX-License-Identifier: GPL-2.0

//! What people get to see of the pools while they serve.
//!
//! - [`failure`] with [`ratelimit`]: what is said and counted when a request fails;
//! - [`debugfs`] with [`text`]: figures;
//! - [`trace`]: what happens, event by event;
//! - [`holders`] with [`holdings`]: who holds what, from these events.
//!
//! The messages about the choice of pools are with the policy, in `policy/messages.rs`.

#[cfg(CONFIG_DEBUG_FS)]
pub(crate) mod debugfs;
pub(crate) mod failure;
#[cfg(all(CONFIG_DEBUG_FS, CONFIG_TRACEPOINTS))]
mod holders;
#[cfg(all(CONFIG_DEBUG_FS, CONFIG_TRACEPOINTS))]
mod holdings;
pub(crate) mod ratelimit;
#[cfg(CONFIG_DEBUG_FS)]
mod text;
pub(crate) mod trace;

use kernel::str::CStr;

use crate::plan::zones::Zone;

/// The name of a zone's pool, as `Zone::name()`.
fn c_name(zone: Zone) -> &'static CStr {
    match zone {
        Zone::Kernel => c"kernel",
        Zone::Dma => c"dma",
        Zone::Dma32 => c"dma32",
    }
}
