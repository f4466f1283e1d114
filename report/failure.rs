// SPDX-License-Identifier: GPL-2.0

//! What is said and counted when a request cannot be served, or memory comes back wrong.
//!
//! Three states, not C's two. A pool that is missing is worth a warning with a backtrace, and so is
//! one that is exhausted, unless it is about to grow. Pools that the user switched off are not: a
//! crash kernel may well be booted with `panic_on_warn`. The texts of the first two begin as those of
//! `kernel/dma/pool.c`, for those who search for them.
//!
//! Nothing here is called under RCU: a console may be slow.

use core::fmt::Write;

use kernel::{
    bindings,
    fmt,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        atomic::Relaxed,
        rcu, //
    },
    warn_on, //
};

use super::trace;
use crate::{
    c_str,
    plan::zones::Zone,
    pool::{
        pool::Pool,
        request::WantedZone,
        Pools, //
    },
    sync::read_once,
};

/// Why a request was not served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// There are pools for this request, and none has a free block of that size.
    Exhausted,
    /// The same, but one of them is about to grow by such a block.
    Growing,
    /// The free blocks are where the device cannot address them.
    NotAddressable,
    /// There is no pool for this request.
    Missing,
    /// There are no pools because the user wants none.
    Disabled,
    /// The pools do not serve: not yet, or no longer.
    NotServing,
}

impl Failure {
    /// Logs the failure of a request of `dev`, which may be NULL, for `size` bytes with these flags.
    ///
    /// Any context.
    ///
    /// # Safety
    ///
    /// `dev` is NULL or a device that exists.
    #[cold]
    pub(crate) unsafe fn report(
        self,
        dev: *mut bindings::device,
        size: usize,
        gfp: bindings::gfp_t,
    ) {
        let zone = WantedZone::of(gfp);
        // SAFETY: As promised by the caller.
        let name = unsafe { Name::of(dev) };

        // SAFETY: As promised by the caller.
        unsafe { trace::fail(dev, zone.zone(), size, self.reason()) };
        let nowarn = gfp & bindings::__GFP_NOWARN != 0;

        match self {
            // The user's word counts before it was looked at, too.
            Failure::NotServing if is_disabled_at_boot() => return,
            Failure::Missing | Failure::NotServing => {
                pr_warn!("Failed to get suitable pool for {name}\n");
            }
            Failure::Disabled => {
                if !nowarn
                    && crate::pools(&rcu::read_lock()).is_some_and(|pools| pools.limit.allows())
                {
                    pr_warn!(
                        "DMA: no memory for {name}, atomic pools are disabled by coherent_pool=0\n"
                    );
                }
                return;
            }
            Failure::Exhausted | Failure::Growing | Failure::NotAddressable => {
                let Some(shortage) = self.shortage(zone, size, &name, nowarn) else {
                    return;
                };

                pr_warn!("DMA pool exhausted for {name}: {shortage}\n");
                if self == Failure::Growing {
                    return;
                }
            }
        }
        warn_on!(true);
    }

    /// Counts a request of that device for so many bytes, and finds out what its pool lacks, if that
    /// may be logged: who is refused again and again costs no search.
    fn shortage(
        self,
        zone: WantedZone,
        size: usize,
        name: &Name<'_>,
        nowarn: bool,
    ) -> Option<Shortage> {
        let guard = rcu::read_lock();
        let pools = crate::pools(&guard)?;
        let pool = pools.first_pool(zone)?;
        let block = block_of(size);

        pool.figures.note_failed(size, name.bytes());
        if nowarn || !self.may_be_logged(&pools, block) {
            return None;
        }
        Some(Shortage::new(self, &pools, &guard, pool, size, block))
    }

    /// Whether this failure may be logged: not too many of a kind, and a request that no pool could
    /// serve, ever, only once.
    fn may_be_logged(self, pools: &Pools, block: Option<usize>) -> bool {
        match self {
            Failure::NotAddressable => pools.mask_limit.allows(),
            Failure::Exhausted if block.is_none() => !pools.named_impossible.xchg(true, Relaxed),
            _ => pools.limit.allows(),
        }
    }

    /// For those who trace.
    fn reason(self) -> bindings::dma_pool_fail_reason {
        match self {
            Failure::Exhausted | Failure::Growing => {
                bindings::dma_pool_fail_reason_DMA_POOL_FAIL_FULL
            }
            Failure::NotAddressable => bindings::dma_pool_fail_reason_DMA_POOL_FAIL_MASK,
            Failure::Disabled => bindings::dma_pool_fail_reason_DMA_POOL_FAIL_DISABLED,
            Failure::Missing | Failure::NotServing => {
                bindings::dma_pool_fail_reason_DMA_POOL_FAIL_NO_POOL
            }
        }
    }
}

/// What a pool lacked for a request.
struct Shortage {
    failure: Failure,
    /// Bytes that were asked for.
    asked: usize,
    zone: Zone,
    /// Bytes in the pool, out of it, and in its largest free piece.
    size: usize,
    used: usize,
    largest_free: usize,
    /// Bytes with which the request would have been served; 0 for none.
    enough: usize,
    /// Bytes that it had at creation, and that it may grow to.
    initial: usize,
    max: usize,
}

impl Shortage {
    /// Finds out what a pool lacked for a request that takes so large a block.
    fn new(
        failure: Failure,
        pools: &Pools,
        guard: &rcu::Guard,
        pool: &Pool,
        asked: usize,
        block: Option<usize>,
    ) -> Self {
        let used = pool.used();
        let most = pool.hiwater().max(used);
        let enough = |block| {
            most.checked_next_multiple_of(block)
                .map_or(usize::MAX, |most| most.saturating_add(block))
        };

        Self {
            failure,
            asked,
            zone: pool.zone,
            size: read_once(&pool.size),
            used,
            largest_free: pools.largest_free(guard, pool.zone),
            enough: block.map_or(0, enough),
            initial: pool.initial(),
            max: pool.max(),
        }
    }
}

/// Bytes of the block that a request takes, as blocks are aligned to a power of two; `None` if no
/// pool can have such a block.
fn block_of(size: usize) -> Option<usize> {
    let block = size.max(PAGE_SIZE).checked_next_power_of_two()?;

    (size != 0 && block <= PAGE_SIZE << bindings::MAX_PAGE_ORDER).then_some(block)
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} bytes asked of the {} pool of {} KiB, {} KiB in use, largest free piece {} KiB",
            self.asked,
            self.zone.name(),
            self.size >> 10,
            self.used >> 10,
            self.largest_free >> 10
        )?;
        if self.failure == Failure::NotAddressable {
            return f.write_str(", none that it can address");
        }
        if self.enough == 0 {
            return f.write_str(", which no pool can serve in one piece");
        }
        f.write_str(", coherent_pool=")?;
        // Pools are not created larger than they may grow to without being told.
        if self.enough > self.max {
            write!(f, "{}K-", self.initial >> 10)?;
        }
        write!(f, "{}K would do", self.enough >> 10)?;
        if self.failure == Failure::Growing {
            f.write_str("; growing")?;
        }
        Ok(())
    }
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

/// The name of a device.
pub(super) struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    /// # Safety
    ///
    /// `dev` is NULL or a device that exists for as long as the result is used.
    pub(super) unsafe fn of(dev: *mut bindings::device) -> Self {
        if dev.is_null() {
            return Self(b"(no device)");
        }
        // SAFETY: The device exists, as promised by the caller.
        let name = unsafe { bindings::dev_name(dev) };

        // Before it is added.
        if name.is_null() {
            return Self(b"(no name)");
        }
        // SAFETY: A C string that no device writes to in place. As `dev_warn()` in C, this relies on
        // nobody renaming it meanwhile.
        Self(unsafe { c_str::bytes(name) })
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| f.write_char(char::from(*byte)))
    }
}
