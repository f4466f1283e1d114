// SPDX-License-Identifier: GPL-2.0

//! What is said and counted when a request cannot be served.
//!
//! Three states, not C's two: a pool that is exhausted and a pool that is missing are worth a
//! warning with a backtrace, pools that the user switched off are not; a crash kernel may well be
//! booted with `panic_on_warn`. The texts of the first two are those of `kernel/dma/pool.c`.

use kernel::{
    bindings,
    device::{
        Device,
        Normal, //
    },
    prelude::*,
    str::CStr,
    sync::atomic::Relaxed,
    warn_on, //
};

use crate::pool::Pools;

/// Why a request was not served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// There are pools for this request, and none has a free block that the device can address.
    Exhausted,
    /// There is no pool for this request.
    Missing,
    /// There are no pools because the user wants none.
    Disabled,
}

impl Failure {
    /// Logs the failure of a request of `dev`, which may be NULL.
    ///
    /// `pools` is `None` before the pools are set up; `nowarn` is `__GFP_NOWARN` of the request.
    /// Any context.
    ///
    /// # Safety
    ///
    /// `dev` is NULL or a device that exists.
    pub(crate) unsafe fn report(
        self,
        pools: Option<&Pools>,
        dev: *mut bindings::device,
        nowarn: bool,
    ) {
        // SAFETY: As promised by the caller.
        let name = unsafe { name(dev) };

        match self {
            Failure::Exhausted if nowarn => (),
            Failure::Exhausted => {
                pr_warn!("DMA pool exhausted for {name}\n");
                warn_on!(true);
            }
            Failure::Missing => {
                pr_warn!("Failed to get suitable pool for {name}\n");
                warn_on!(true);
            }
            Failure::Disabled => {
                let Some(pools) = pools else {
                    return;
                };

                pools.disabled_allocs.add(1, Relaxed);
                if pools.disabled_limit.allows() {
                    pr_warn!(
                        "DMA: no memory for {name}, atomic pools are disabled by coherent_pool=0\n"
                    );
                }
            }
        }
    }
}

/// The name of a device for messages.
///
/// # Safety
///
/// `dev` is NULL or a device that exists for as long as the result is used.
unsafe fn name<'a>(dev: *mut bindings::device) -> &'a CStr {
    if dev.is_null() {
        return c"(no device)";
    }
    // SAFETY: The device exists, as promised by the caller.
    unsafe { Device::<Normal>::from_raw(dev) }.name()
}
