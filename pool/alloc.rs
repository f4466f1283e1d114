// SPDX-License-Identifier: GPL-2.0

//! The way of a request: to the pool that is asked first, at the first attempt, or to whatever pool
//! can serve it.
//!
//! Any context but NMI, under RCU; nothing here takes a lock. The way back is in
//! [`free`](super::free), what a pool counts in [`pool`](super::pool).

use kernel::{
    bindings::MAX_PAGE_ORDER,
    page::{
        PAGE_SHIFT,
        PAGE_SIZE, //
    },
    prelude::*,
    sync::{
        atomic::Relaxed,
        rcu,
        Arc, //
    },
};

use super::{
    growth,
    list::Member,
    page_count,
    pool::{
        unusual,
        Going, //
    },
    request::{
        AllocRequest,
        Kind,
        WantedZone, //
    },
    table::Chunks,
    Block,
    Pools, //
};
use crate::{
    memory::{
        bits::Run,
        chunk::Chunk, //
    },
    plan::zones::search_order,
    report::{
        failure::Failure,
        trace, //
    },
};

/// Why a pool did not serve a request.
enum AllocError {
    /// No piece of that size is free.
    NoSpace,
    /// The device can address none of the pieces that are free.
    NotAddressable,
}

impl Chunks {
    /// Takes a page of the pool that is asked first, at the first attempt, for a request without
    /// `phys_addr_ok`.
    ///
    /// The page is counted as out. [`Pools::settle`] has to follow, in the same section of RCU and with
    /// the second value returned, unless that is 0. `None` for whatever is not that simple;
    /// [`Pools::alloc`] serves it.
    ///
    /// # Context
    ///
    /// As [`Pools::alloc`].
    #[inline(always)]
    pub(crate) fn take_page(&self, zone: WantedZone, kind: Kind) -> Option<(Block, usize)> {
        let member = self.first_of(zone)?;

        if member.kind != kind {
            return None;
        }
        let (page, was_last) = member.chunk.alloc_page()?;
        let out = member.pool.take(1);
        // SAFETY: The page is of that chunk.
        let block = unsafe { member.chunk.block(page, 1) };

        Some(with_rest(block, out, was_last))
    }

    /// As [`take_page`](Self::take_page), for more than a page, and from the first chunk of the pool
    /// that is not full.
    #[inline(always)]
    pub(crate) fn take_run(
        &self,
        size: usize,
        zone: WantedZone,
        kind: Kind,
    ) -> Option<(Block, usize)> {
        let count = page_count(size);
        let first = self.first_of(zone)?;
        let pool = &*first.pool;

        if first.kind != kind {
            return None;
        }
        let mut members = self.of(pool.zone).iter();
        let member = members.find(|member| !member.chunk.seems_full())?;
        let (page, was_last) = if count == 1 {
            member.chunk.alloc_page()?
        } else {
            let taken = member.chunk.alloc_run(&Run::new(count)?)?;

            pool.figures.note_request(size);
            taken
        };
        let out = pool.take(count);
        // SAFETY: The page is of that chunk.
        let block = unsafe { member.chunk.block(page, count) };

        Some(with_rest(block, out, was_last))
    }
}

impl Pools {
    /// Does what a few of the blocks that were taken ask for, as `unsettled` says: notes that a word
    /// is full or a new peak, pins the module, asks for growth.
    ///
    /// # Errors
    ///
    /// [`Failure::NotServing`] if the module is about to go; the block of `size` bytes at `virt` is
    /// free again then.
    pub(crate) fn settle(
        &self,
        guard: &rcu::Guard,
        virt: usize,
        size: usize,
        unsettled: usize,
    ) -> Result<(), Failure> {
        let Some((member, page)) = self.table.read(guard).at_virt(virt) else {
            // A chunk with a block that is out stays.
            return Ok(());
        };

        member.chunk.close_word(page);
        self.attend(member, page, page_count(size), unsettled)
    }

    /// As [`Chunks::take_page`] and [`settle`](Self::settle), with a `phys_addr_ok`.
    #[inline(always)]
    pub(crate) fn alloc_page(&self, guard: &rcu::Guard, request: &AllocRequest) -> Option<Block> {
        if request.size.wrapping_sub(1) >= PAGE_SIZE {
            return None;
        }
        let member = self.table.read(guard).first_of(request.zone)?;

        if member.kind != request.kind {
            return None;
        }
        let (page, was_last) = member.chunk.alloc_page()?;

        if was_last {
            member.chunk.close_word(page);
        }
        if !request.allows(member.chunk.phys_of(page)) {
            member.chunk.put_back(page, 1);
            return None;
        }
        // SAFETY: It was taken there.
        unsafe { self.hand_out(member, page, 1) }.ok()
    }

    /// Serves a request from the first pool that can, and has a pool grow that is low or full.
    ///
    /// The pools are searched in the order of C's `dma_guess_pool()`; those of the other kind of
    /// memory (`cc_shared`) are passed over. The memory is not zeroed.
    ///
    /// # Context
    ///
    /// Any context but NMI, under RCU; takes no lock.
    pub(crate) fn alloc(
        &self,
        guard: &rcu::Guard,
        request: &AllocRequest,
    ) -> Result<Block, Failure> {
        let chunks = self.table.read(guard);
        let count = page_count(request.size);
        // Most that come here are served by the pool that is asked first, too.
        if let Some(Ok((member, page))) = chunks
            .first_of(request.zone)
            .filter(|first| first.kind == request.kind)
            .map(|first| take_from(chunks.of(first.pool.zone), request, count, Chunk::alloc))
        {
            // SAFETY: They were taken there.
            return unsafe { self.hand_out_traced(request, member, page, count) };
        }
        self.search(chunks, request, count)
    }

    /// Serves a request from whatever pool can, in order.
    #[cold]
    fn search(
        &self,
        chunks: &Chunks,
        request: &AllocRequest,
        count: usize,
    ) -> Result<Block, Failure> {
        // The pool that was asked first, and the first that was full.
        let (mut asked, mut full) = (None, None);

        // Once more without the hints of what is free, which lag behind for a moment.
        for take in [Chunk::alloc, Chunk::alloc_anywhere] {
            full = None;
            for zone in search_order(request.zone.zone(), self.present) {
                let Some(pool) = self.pools.get(zone) else {
                    continue;
                };

                if pool.kind != request.kind {
                    continue;
                }
                asked = asked.or(Some(pool));
                match take_from(chunks.of(zone), request, count, take) {
                    Ok((member, page)) => {
                        if full.is_some() {
                            // It may have filled up while it was not watched.
                            growth::schedule(self);
                        }
                        // SAFETY: They were taken there.
                        return unsafe { self.hand_out_traced(request, member, page, count) };
                    }
                    Err(AllocError::NoSpace) => full = full.or(Some(pool)),
                    Err(AllocError::NotAddressable) => (),
                }
            }
            if full.is_none() {
                break;
            }
        }

        let Some(asked) = asked else {
            let (failure, counter) = if self.disabled {
                (Failure::Disabled, &self.disabled_allocs)
            } else {
                (Failure::Missing, &self.missing_allocs)
            };

            counter.add(1, Relaxed);
            return Err(failure);
        };
        let Some(full) = full else {
            asked.figures.failed_mask.add(1, Relaxed);
            return Err(Failure::NotAddressable);
        };

        asked.figures.failed_full.add(1, Relaxed);
        if count == 0 || count > 1 << MAX_PAGE_ORDER {
            return Err(Failure::Exhausted);
        }
        // Before the worker has a chance: what it finds out is for the next request.
        let grows = full.can_grow_by(count << PAGE_SHIFT);

        full.record_failure(count << PAGE_SHIFT);
        growth::schedule(self);
        Err(if grows {
            Failure::Growing
        } else {
            Failure::Exhausted
        })
    }

    /// Counts a block that was taken, after which it belongs to who asked.
    ///
    /// # Safety
    ///
    /// The page is one of the chunk of `member`.
    #[inline(always)]
    unsafe fn hand_out(
        &self,
        member: &Member,
        page: usize,
        count: usize,
    ) -> Result<Block, Failure> {
        let unsettled = member.pool.take(count);

        if unsettled != 0 {
            self.attend(member, page, count, unsettled)?;
        }
        // SAFETY: As promised by the caller.
        Ok(unsafe { member.chunk.block(page, count) })
    }

    /// As [`hand_out`](Self::hand_out), for a block of any size, and who traces that.
    ///
    /// # Safety
    ///
    /// As for [`hand_out`](Self::hand_out).
    unsafe fn hand_out_traced(
        &self,
        request: &AllocRequest,
        member: &Member,
        page: usize,
        count: usize,
    ) -> Result<Block, Failure> {
        // SAFETY: As promised by the caller.
        let block = unsafe { self.hand_out(member, page, count) }?;

        if count != 1 {
            member.pool.figures.note_request(request.size);
        }
        if trace::traces_allocs() {
            request.trace(member.pool.zone, block.size, member.chunk.phys_of(page));
        }
        Ok(block)
    }

    /// Does what a block that was taken asks for: pins the module, notes a peak, or asks for growth.
    #[cold]
    #[inline(never)]
    fn attend(
        &self,
        member: &Member,
        page: usize,
        count: usize,
        unsettled: usize,
    ) -> Result<(), Failure> {
        match member.pool.attend(unsettled, count) {
            Ok(false) => Ok(()),
            Ok(true) => {
                growth::schedule(self);
                Ok(())
            }
            Err(Going) => {
                member.chunk.put_back(page, count);
                Err(Failure::NotServing)
            }
        }
    }
}

/// A block, and what is left to do for it, by what [`Pool::take`](super::pool::Pool::take) returned,
/// and whether a word is full now.
/// For most nothing: two branches that are not taken, and no value to carry.
#[inline(always)]
fn with_rest(block: Block, out: usize, was_last: bool) -> (Block, usize) {
    if out == 0 && !was_last {
        (block, 0)
    } else {
        (block, unusual(out | 1))
    }
}

/// Takes `count` pages, by `take`, from the first chunk that has some the device can address.
fn take_from<'a>(
    members: &'a [Arc<Member>],
    request: &AllocRequest,
    count: usize,
    take: fn(&Chunk, usize) -> Option<usize>,
) -> Result<(&'a Member, usize), AllocError> {
    let mut error = AllocError::NoSpace;

    for member in members {
        let Some(page) = take(&member.chunk, count) else {
            continue;
        };

        if request.allows(member.chunk.phys_of(page)) {
            return Ok((member, page));
        }
        member.chunk.put_back(page, count);
        error = AllocError::NotAddressable;
    }
    Err(error)
}
