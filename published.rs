// SPDX-License-Identifier: GPL-2.0

//! The pools that serve: from when they are published until they are taken away, which they are as a
//! module alone.
//!
//! They are found under RCU. Who has found them can use them until it ends, even if nobody finds
//! them any more: a second look may find none. What is asked of them is in [`entry`](crate::entry).

use core::ptr::without_provenance_mut;

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

/// The pools that were published last, with [`RETRACTED`] if they do not serve.
///
/// They are those of the one [`Published`].
static POOLS: Atomic<*mut Pools> = Atomic::new(without_provenance_mut(RETRACTED));

/// A bit of the pointer: nobody finds them any more, or there never were any.
const RETRACTED: usize = 1;

const _: () = assert!(align_of::<Pools>() > RETRACTED);

/// Pools that serve requests, for as long as this object lives. There is one at a time.
pub(crate) struct Published {
    pools: Arc<Pools>,
    /// Taken away before the worker is stopped, which it starts.
    shrinker: Option<Shrinker>,
}

impl Published {
    /// Has `pools` serve from here on. May sleep.
    pub(crate) fn new(pools: Arc<Pools>) -> Self {
        POOLS.store(Arc::as_ptr(&pools).cast_mut(), Release);
        // Last: who takes a block of theirs finds these pools.
        //
        // SAFETY: There is one `Published` at a time. Its `drop` retracts the pools, and waits for a
        // grace period before it drops its reference.
        unsafe { pools.publish() };
        Self {
            shrinker: Shrinker::new(&pools),
            pools,
        }
    }

    /// Nobody finds the pools from here on.
    fn retract(&self) {
        let pools = Arc::as_ptr(&self.pools).cast_mut();

        POOLS.store(pools.map_addr(|addr| addr | RETRACTED), Relaxed);
        self.pools.retract();
    }
}

impl Drop for Published {
    /// Process context; sleeps. No block is out.
    fn drop(&mut self) {
        self.retract();
        rcu::synchronize_rcu();
        drop(self.shrinker.take());
        // Nobody is left who could start it.
        growth::stop(&self.pools);
    }
}

/// The pools, if they serve.
#[inline(always)]
pub(crate) fn pools(_guard: &rcu::Guard) -> Option<ArcBorrow<'_, Pools>> {
    let pools = read_once(&POOLS);

    if pools.addr() & RETRACTED != 0 {
        return None;
    }
    // SAFETY: The pointer is that of an `Arc`, which is not dropped before a grace period has
    // passed since it was retracted; the guard holds that off. What it points to was written before
    // it was published, with a release.
    Some(unsafe { ArcBorrow::from_raw(pools) })
}

/// The pools that a block is of, whether they serve or not.
///
/// # Safety
///
/// The block is out, or was taken in a section of RCU that has not ended.
#[cold]
pub(crate) unsafe fn latest(_guard: &rcu::Guard) -> ArcBorrow<'_, Pools> {
    let pools = read_once(&POOLS).map_addr(|addr| addr & !RETRACTED);

    // SAFETY: By what the caller promises, they were found by `pools` and are still there: blocks
    // that are out keep them, and so do those who find them. No others can have been published
    // meanwhile. Who has found them reads the same pointer, or what came after it.
    unsafe { ArcBorrow::from_raw(pools) }
}
