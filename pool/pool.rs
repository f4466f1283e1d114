// SPDX-License-Identifier: GPL-2.0

//! The pool of one zone: what it holds, what of it is out, and taking a block and giving it back.
//!
//! The chunks are not here: those of all pools are in one [`table`](super::table). Which pool is
//! asked is [`Pools`](super::Pools)' business, adding chunks that of [`growth`](super::growth).
//!
//! One word counts the bytes that are out, and says whether they hold a reference on the module:
//!
//! - *unpinned*: the top bit is set. No reference is held. Whoever takes a block then takes a
//!   reference and clears the bit; a block is not handed out before that.
//! - *pinned*: the bit is clear, one reference is held. Who gives the last block back sets the bit,
//!   if still nothing is out, and drops the reference.
//!
//! So no cache line that all CPUs share is written for the sake of the module while anything is
//! out, and `rmmod` fails as long as anything is. Built in, the bit does not exist.

use kernel::{
    bindings::MAX_PAGE_ORDER,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc, //
    },
};

use crate::{
    memory::chunk::Chunk,
    pin,
    plan::{
        sizes,
        zones::Zone, //
    },
    sync::read_once,
    unpin, //
};

use super::{
    request::Kind,
    table::List, //
};

/// No block holds a reference on the module. Built in there is no such thing, and all that looks
/// at the bit is compiled out.
const UNPINNED: usize = if cfg!(MODULE) {
    1 << (usize::BITS - 1)
} else {
    0
};

#[cfg_attr(not(MODULE), expect(clippy::bad_bit_mask, reason = "there is no bit"))]
fn is_unpinned(used: usize) -> bool {
    used & UNPINNED != 0
}

/// More than any pool has out, so that it does not ask to grow again.
const NEVER: usize = usize::MAX >> 1;

/// The module is about to go, and cannot be pinned any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Going;

/// The pool of one zone.
///
/// Aligned, so that the counter shares its cache line with nothing that others read.
#[repr(C, align(64))]
pub(crate) struct Pool {
    /// Bytes in blocks that are out, and [`UNPINNED`].
    used: Atomic<usize>,
    /// The pool asks to grow when more than this is out.
    grow_above: Atomic<usize>,
    /// The pool grows when fewer bytes than this are free: `initial`, less after a growth failed.
    pub(super) low_wmark: Atomic<usize>,
    /// Bytes in all its chunks.
    pub(crate) size: Atomic<usize>,
    /// Bytes of the largest request that found no free piece since the pool last grew.
    pub(super) failed_size: Atomic<usize>,
    /// Bytes at creation. Does not change afterwards.
    initial: Atomic<usize>,
    pub(super) zone: Zone,
    /// Which kind of memory it has.
    pub(super) kind: Kind,
}

impl Pool {
    /// Creates the pool of `zone` with `size` bytes, as far as there is memory, in new chunks.
    ///
    /// `None` if there is no memory at all. May sleep; `ENOMEM` if there is none for the pool itself.
    #[cfg_attr(
        not(any(MODULE, CONFIG_DMA_POOL_RUST_KUNIT_TEST)),
        link_section = ".init.text"
    )]
    pub(super) fn new(
        zone: Zone,
        size: usize,
        cc_shared: bool,
        list: &mut List,
    ) -> Result<Option<Arc<Self>>> {
        let pool = Self {
            used: Atomic::new(UNPINNED),
            grow_above: Atomic::new(0),
            low_wmark: Atomic::new(0),
            size: Atomic::new(0),
            failed_size: Atomic::new(0),
            initial: Atomic::new(0),
            zone,
            kind: Kind::new(cc_shared),
        };
        let pool = Arc::new(pool, GFP_KERNEL)?;
        let mut initial = 0;

        while let Some(missing) = size.checked_sub(initial).filter(|missing| *missing != 0) {
            let sizes = sizes::creation(missing, initial == 0, PAGE_SIZE, MAX_PAGE_ORDER);
            let Ok(chunk) = Chunk::new(zone, sizes, cc_shared) else {
                break;
            };
            let added = chunk.size();

            if list.push(&pool, chunk).is_err() {
                break;
            }
            initial = initial.saturating_add(added);
        }
        pool.initial.store(initial, Relaxed);
        pool.size.store(initial, Relaxed);
        pool.low_wmark.store(initial, Relaxed);
        Ok((initial != 0).then_some(pool))
    }

    /// Bytes at creation.
    pub(super) fn initial(&self) -> usize {
        read_once(&self.initial)
    }

    /// Counts a block of `bytes` as out, and returns whether this needs [`attend`](Self::attend).
    ///
    /// Any context; takes no lock.
    #[inline(always)]
    pub(super) fn take(&self, bytes: usize) -> bool {
        let out = self.used.fetch_add(bytes, Relaxed).wrapping_add(bytes);

        out > read_once(&self.grow_above)
    }

    /// Sees to what [`take`](Self::take) found: pins the module if nothing did so before, and
    /// returns whether it is time to ask for more memory.
    ///
    /// # Errors
    ///
    /// [`Going`] if the module cannot be pinned; the block is counted as out no longer.
    #[cold]
    pub(super) fn attend(&self, bytes: usize) -> Result<bool, Going> {
        if is_unpinned(read_once(&self.used)) && !self.pin() {
            self.forget(bytes);
            return Err(Going);
        }
        let is_low = self.used() > read_once(&self.grow_above);

        if is_low {
            // Once is enough; growth sets it again.
            self.grow_above.store(NEVER, Relaxed);
        }
        Ok(is_low)
    }

    /// Undoes [`take`](Self::take) for a block that was not handed out.
    pub(super) fn forget(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Relaxed);
    }

    /// Counts a block of `bytes` as back, and returns whether it was the last and
    /// [`unpin`](Self::unpin) has to follow. Any context, under RCU; takes no lock.
    #[inline(always)]
    #[must_use]
    pub(super) fn give_back(&self, bytes: usize) -> bool {
        let before = self.used.fetch_sub(bytes, Relaxed);

        UNPINNED != 0 && before == bytes
    }

    /// Takes the reference for the blocks that are out, of which the caller counts one.
    #[cold]
    fn pin(&self) -> bool {
        if !pin() {
            return false;
        }
        let mut used = read_once(&self.used);

        while is_unpinned(used) {
            match self.used.cmpxchg(used, used & !UNPINNED, Full) {
                Ok(_) => return true,
                Err(now) => used = now,
            }
        }
        // Somebody else was first. That reference stays as long as the caller's block is out.
        unpin();
        true
    }

    /// Drops the reference, if still nothing is out. Under RCU: the module may be gone a grace
    /// period later.
    #[cold]
    pub(super) fn unpin(&self) {
        if UNPINNED != 0 && self.used.cmpxchg(0, UNPINNED, Full).is_ok() {
            unpin();
        }
    }

    /// Bytes in blocks that are out.
    pub(crate) fn used(&self) -> usize {
        read_once(&self.used) & !UNPINNED
    }

    /// Bytes that are free, as far as can be told while others allocate and free.
    pub(super) fn avail(&self) -> usize {
        read_once(&self.size).saturating_sub(self.used())
    }

    /// Whether it is time to grow.
    pub(super) fn is_low(&self) -> bool {
        self.avail() < read_once(&self.low_wmark)
    }

    /// Lets the pool ask to grow again, once less than the low watermark is free.
    pub(super) fn watch(&self) {
        let above = read_once(&self.size).saturating_sub(read_once(&self.low_wmark));

        self.grow_above.store(above, Relaxed);
    }
}
