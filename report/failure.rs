// SPDX-License-Identifier: GPL-2.0

//! What is said and counted when a request cannot be served, or memory comes back wrong.
//!
//! Three states, not C's two: a pool that is exhausted and a pool that is missing are worth a
//! warning with a backtrace, pools that the user switched off are not; a crash kernel may well be
//! booted with `panic_on_warn`. The texts of the first two are those of `kernel/dma/pool.c`.
//!
//! Nothing here is called under RCU: a console may be slow.

use core::fmt::Write;

use kernel::{
    bindings,
    fmt,
    prelude::*,
    sync::{
        atomic::Relaxed,
        rcu, //
    },
    warn_on, //
};

/// Why a request was not served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// There are pools for this request, and none has a free block that the device can address.
    Exhausted,
    /// There is no pool for this request.
    Missing,
    /// There are no pools because the user wants none.
    Disabled,
    /// The pools do not serve: not yet, or no longer.
    NotServing,
}

impl Failure {
    /// Logs the failure of a request of `dev`, which may be NULL, with these flags.
    ///
    /// Any context.
    ///
    /// # Safety
    ///
    /// `dev` is NULL or a device that exists.
    #[cold]
    pub(crate) unsafe fn report(self, dev: *mut bindings::device, gfp: bindings::gfp_t) {
        let nowarn = gfp & bindings::__GFP_NOWARN != 0;
        // SAFETY: As promised by the caller.
        let name = unsafe { Name::of(dev) };

        match self {
            Failure::Exhausted if nowarn => (),
            Failure::Exhausted => {
                pr_warn!("DMA pool exhausted for {name}\n");
                warn_on!(true);
            }
            Failure::Disabled => {
                if count_disabled() && !nowarn {
                    pr_warn!(
                        "DMA: no memory for {name}, atomic pools are disabled by coherent_pool=0\n"
                    );
                }
            }
            // The user's word counts before it was looked at, too.
            Failure::NotServing if is_disabled_at_boot() => (),
            Failure::Missing | Failure::NotServing => {
                pr_warn!("Failed to get suitable pool for {name}\n");
                warn_on!(true);
            }
        }
    }
}

/// Counts a request that failed because the user wants no pools, and returns whether it may be
/// logged.
fn count_disabled() -> bool {
    crate::pools(&rcu::read_lock()).is_some_and(|pools| {
        pools.disabled_allocs.add(1, Relaxed);
        pools.disabled_limit.allows()
    })
}

/// Whether the kernel was booted with `coherent_pool=0`, in its plain form.
fn is_disabled_at_boot() -> bool {
    // SAFETY: A static of the kernel that does not change after early boot.
    unsafe { matches!(bindings::dma_pool_coherent_pool.value, [b'0', 0, ..]) }
}

/// Warns of memory of the pools that cannot be taken back: `size` bytes at `addr`, for `dev`, which
/// may be NULL.
///
/// Any context.
///
/// # Safety
///
/// `dev` is NULL or a device that exists.
#[cold]
pub(crate) unsafe fn bad_free(dev: *mut bindings::device, addr: u64, size: usize) {
    // SAFETY: As promised by the caller.
    let name = unsafe { Name::of(dev) };

    pr_warn!("DMA: {name}: bad free of {size} bytes at {addr:#x}, not a block that is out\n");
    warn_on!(true);
}

/// A device for messages. Prints its name, without a way to panic that `CStr` has.
struct Name(*const c_char);

impl Name {
    /// # Safety
    ///
    /// `dev` is NULL or a device that exists for as long as the result is used.
    unsafe fn of(dev: *mut bindings::device) -> Self {
        if dev.is_null() {
            return Self(c"(no device)".as_char_ptr());
        }
        // SAFETY: The device exists, as promised by the caller.
        Self(unsafe { bindings::dev_name(dev) })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut next = self.0;

        loop {
            // SAFETY: A name ends with NUL, and nothing after that is read.
            let byte = unsafe { next.read() };

            if byte == 0 {
                return Ok(());
            }
            f.write_char(char::from(byte))?;
            next = next.wrapping_add(1);
        }
    }
}
