// SPDX-License-Identifier: GPL-2.0

//! The pool of one zone: what it holds, what of it is out, and taking a block and giving it back.
//!
//! The chunks are not here: those of all pools are in one [`table`](super::table). Which pool is
//! asked is [`Pools`](super::Pools)' business, adding chunks and taking them away that of
//! [`growth`](super::growth).
//!
//! One word [`count`]s what is out, and says whether that holds a reference on the module:
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
            Acquire,
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
    sync::{
        raise,
        read_once, //
    },
    unpin, //
};

use super::{
    count::{
        self,
        is_pinned_for,
        is_unpinned,
        NEVER,
        NOTHING,
        UNPINNED, //
    },
    figures::Figures,
    list::List, //
    request::Kind,
};

/// The module is about to go, and cannot be pinned any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Going;

/// The pool of one zone.
///
/// Aligned, so that what each request writes shares its cache line with nothing that others read.
#[repr(C, align(64))]
pub(crate) struct Pool {
    /// What is out, as a [`count`], and [`UNPINNED`].
    used: Atomic<usize>,
    /// The most that was out since it was last set back, likewise. Who takes a block beyond this
    /// has a new peak, and looks whether the pool is low.
    peak: Atomic<usize>,
    /// Blocks that came back since the pool exists.
    frees: Atomic<usize>,
    pub(crate) zone: Zone,
    /// Which kind of memory it has.
    pub(crate) kind: Kind,
    /// The pool asks to grow when more than this is out, as a threshold of a [`count`]. Not below
    /// `peak`, but where growth is asked for already or does not help.
    grow_above: Atomic<usize>,
    /// Bytes in all its chunks.
    pub(crate) size: Atomic<usize>,
    /// Earlier peaks, in bytes: since somebody last set the figure back, and since the worker last
    /// looked.
    hiwater: Atomic<usize>,
    recent_peak: Atomic<usize>,
    /// Bytes of the largest request that found no free piece since the worker last looked.
    pub(super) failed_size: Atomic<usize>,
    /// Bytes of which one can hope that the pool grows to them.
    pub(super) reach: Atomic<usize>,
    /// Bytes at creation. They never go back.
    initial: Atomic<usize>,
    /// Bytes that it may grow to.
    max: Atomic<usize>,
    pub(crate) figures: Figures,
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
            used: Atomic::new(UNPINNED | NOTHING),
            peak: Atomic::new(0),
            frees: Atomic::new(0),
            zone,
            kind: Kind::new(cc_shared),
            grow_above: Atomic::new(0),
            size: Atomic::new(0),
            hiwater: Atomic::new(0),
            recent_peak: Atomic::new(0),
            failed_size: Atomic::new(0),
            reach: Atomic::new(usize::MAX),
            initial: Atomic::new(0),
            max: Atomic::new(0),
            figures: Figures::new(),
        };
        let pool = Arc::new(pool, GFP_KERNEL)?;
        let mut initial = 0;

        while let Some(missing) = size.checked_sub(initial).filter(|missing| *missing != 0) {
            let sizes = sizes::creation(missing, initial == 0, PAGE_SIZE, MAX_PAGE_ORDER);
            let Ok(chunk) = Chunk::new(zone, sizes, cc_shared) else {
                break;
            };
            let added = chunk.size();
            let Ok(longer) = list.with(&pool, chunk, false) else {
                break;
            };

            *list = longer;
            initial = initial.saturating_add(added);
        }
        pool.size.store(initial, Relaxed);
        pool.set_initial(initial);
        Ok((initial != 0).then_some(pool))
    }

    /// Bytes at creation, which is also the low watermark: how many have to be free.
    pub(crate) fn initial(&self) -> usize {
        read_once(&self.initial)
    }

    /// Bytes that it may grow to.
    pub(crate) fn max(&self) -> usize {
        read_once(&self.max)
    }

    /// The ceiling of growth.
    pub(super) fn set_max(&self, max: usize) {
        self.max.store(max, Relaxed);
        self.reach.store(max, Relaxed);
    }

    /// Whether one can hope that the pool grows by a piece that holds a block of `bytes` bytes.
    pub(super) fn can_grow_by(&self, bytes: usize) -> bool {
        let piece = bytes.checked_next_power_of_two().unwrap_or(usize::MAX);

        read_once(&self.size).saturating_add(piece) <= read_once(&self.reach)
    }

    /// What the pool has now, `initial` bytes, never goes back.
    pub(super) fn set_initial(&self, initial: usize) {
        self.initial.store(initial, Relaxed);
        self.watch();
    }

    /// Counts a block of `pages` pages as out. Returns the [`count`] of what is out, if this needs
    /// [`attend`](Self::attend), otherwise 0.
    ///
    /// Any context; takes no lock.
    #[inline(always)]
    pub(super) fn take(&self, pages: usize) -> usize {
        let block = count::block(pages);
        let out = self.used.fetch_add(block, Relaxed).wrapping_add(block);

        if out <= read_once(&self.peak) {
            return 0;
        }
        if is_unpinned(out) {
            return out;
        }
        // A new peak, and for most nothing else. Who replaces a higher one puts that back. Full, as
        // `watch` has the threshold written before it looks at the peak: one of both sees the other.
        let before = self.peak.xchg(out, Full);

        if before > out {
            return unusual(before);
        }
        if out > read_once(&self.grow_above) {
            return unusual(out);
        }
        0
    }

    /// Sees to what [`take`](Self::take) found, `out`, for a block of `pages` pages: pins the module
    /// if nothing did so before, notes a new peak, and returns whether it is time to ask for more
    /// memory.
    ///
    /// # Errors
    ///
    /// [`Going`] if the module cannot be pinned; the block is counted as out no longer.
    #[cold]
    pub(super) fn attend(&self, out: usize, pages: usize) -> Result<bool, Going> {
        if is_unpinned(read_once(&self.used)) && !self.pin() {
            self.forget(pages);
            return Err(Going);
        }
        let out = out & !UNPINNED;

        raise(&self.peak, out);
        if out <= read_once(&self.grow_above) {
            return Ok(false);
        }
        // Once is enough; the worker sets it again.
        self.grow_above.store(NEVER, Relaxed);
        Ok(true)
    }

    /// Undoes [`take`](Self::take) for a block that was not handed out.
    pub(super) fn forget(&self, pages: usize) {
        self.used.fetch_sub(count::block(pages), Relaxed);
    }

    /// Counts a block of `pages` pages as back, and returns whether it was the last and
    /// [`unpin`](Self::unpin) has to follow. Any context, under RCU; takes no lock.
    #[inline(always)]
    #[must_use]
    pub(super) fn give_back(&self, pages: usize) -> bool {
        self.frees.add(1, Relaxed);

        is_pinned_for(self.used.fetch_sub(count::block(pages), Relaxed), pages)
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
        let mut used = read_once(&self.used);

        while is_pinned_for(used, 0) {
            match self.used.cmpxchg(used, used | UNPINNED, Full) {
                Ok(_) => return unpin(),
                Err(now) => used = now,
            }
        }
    }

    /// Bytes in blocks that are out.
    pub(crate) fn used(&self) -> usize {
        count::bytes(read_once(&self.used))
    }

    /// Blocks that are out. Fewer if some came back in pieces, each of which counts as one.
    #[cfg_attr(
        not(CONFIG_DEBUG_FS),
        allow(dead_code, reason = "for debugfs, and tests")
    )]
    pub(crate) fn blocks(&self) -> usize {
        usize::try_from(count::blocks(read_once(&self.used))).unwrap_or(0)
    }

    /// Blocks that were handed out, and blocks that came back.
    #[cfg_attr(
        not(CONFIG_DEBUG_FS),
        allow(dead_code, reason = "for debugfs, and tests")
    )]
    pub(crate) fn calls(&self) -> (usize, usize) {
        let frees = read_once(&self.frees);

        (
            frees.wrapping_add_signed(count::blocks(read_once(&self.used))),
            frees,
        )
    }

    /// The most bytes that were out since [`reset_hiwater`](Self::reset_hiwater).
    pub(crate) fn hiwater(&self) -> usize {
        // In this order: who lets a peak begin anew has noted it before.
        let peak = count::bytes(self.peak.load(Acquire));

        peak.max(read_once(&self.hiwater))
    }

    /// What is out now is the peak from here on. The worker may note an earlier one if it looks at
    /// this very moment.
    #[cfg_attr(
        not(CONFIG_DEBUG_FS),
        allow(dead_code, reason = "for debugfs, and tests")
    )]
    pub(crate) fn reset_hiwater(&self) {
        self.restart_peak();
        self.hiwater.store(0, Relaxed);
    }

    /// The most bytes that were out since the last call.
    pub(super) fn take_peak(&self) -> usize {
        self.restart_peak();
        self.recent_peak.xchg(0, Relaxed)
    }

    /// Keeps the peak in mind, and lets it begin anew.
    fn restart_peak(&self) {
        loop {
            let peak = read_once(&self.peak);

            raise(&self.hiwater, count::bytes(peak));
            raise(&self.recent_peak, count::bytes(peak));
            if self.peak.cmpxchg(peak, 0, Full).is_ok() {
                break;
            }
        }
        raise(&self.peak, read_once(&self.used) & !UNPINNED);
    }

    /// Lets the pool ask to grow once less than the low watermark is free. Returns `false` if that
    /// is so already: nobody asks then.
    pub(super) fn watch(&self) -> bool {
        let low = read_once(&self.size).saturating_sub(self.initial());
        let above = count::threshold(low);

        self.grow_above.xchg(above, Full);
        // Who crosses it has to be at a new peak.
        if read_once(&self.peak) > above {
            self.restart_peak();
        }
        // What was out while the peak began anew, and came back since, is the peak all the same.
        if (read_once(&self.used) & !UNPINNED).max(read_once(&self.peak)) <= above {
            return true;
        }
        self.grow_above.store(NEVER, Relaxed);
        false
    }
}

/// What a block that was taken asks for, which is not 0. Apart, so that the compiler takes it for rare.
#[cold]
#[inline(never)]
pub(super) fn unusual(out: usize) -> usize {
    out
}
