// SPDX-License-Identifier: GPL-2.0

//! A limit on how often something is logged: a safe owner of `struct ratelimit_state`.
//!
//! C header: [`include/linux/ratelimit.h`](srctree/include/linux/ratelimit.h)

use kernel::{
    bindings,
    prelude::*,
    types::Opaque, //
};

/// Allows the default burst of messages per default interval (10 in 5 s).
///
/// # Invariants
///
/// `state` is an initialised `struct ratelimit_state`.
#[pin_data]
pub(crate) struct RateLimit {
    #[pin]
    state: Opaque<bindings::ratelimit_state>,
}

impl RateLimit {
    /// Creates a limit that has not been used up.
    pub(crate) fn new() -> impl PinInit<Self> {
        // INVARIANT: Initialised by the C function made for it.
        pin_init!(Self {
            state <- Opaque::ffi_init(|state| {
                // SAFETY: `state` is valid for writes, and does not move as it is pinned.
                unsafe {
                    bindings::ratelimit_state_init(
                        state,
                        // CAST: Small constants; the interval is in jiffies.
                        bindings::DEFAULT_RATELIMIT_INTERVAL as c_int,
                        bindings::DEFAULT_RATELIMIT_BURST as c_int,
                    )
                }
            }),
        })
    }

    /// Whether another message may be logged now. Any context.
    pub(crate) fn allows(&self) -> bool {
        // SAFETY: Initialised by the type invariants; the state has a lock of its own. The name
        // only serves the line that says how many messages were suppressed.
        unsafe { bindings::___ratelimit(self.state.get(), c"rust_dma_pool".as_char_ptr()) != 0 }
    }
}

// SAFETY: `struct ratelimit_state` is not tied to a thread.
unsafe impl Send for RateLimit {}

// SAFETY: `___ratelimit()` may be called concurrently.
unsafe impl Sync for RateLimit {}
