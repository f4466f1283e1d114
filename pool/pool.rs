// SPDX-License-Identifier: GPL-2.0

//! The pool of one zone: how it is filled, what it holds, and how a request finds a block in it.
//!
//! The chunks are not here: those of all pools are in one [`table`](super::table).
//! [`Pools`](super::Pools) chooses the pool, and [`growth`](super::growth) adds chunks later.

use kernel::{
    bindings::MAX_PAGE_ORDER,
    page::PAGE_SIZE,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

use super::{
    table::Chunks,
    AllocRequest,
    Block, //
};

use crate::{
    memory::chunk::Chunk,
    policy::{
        self,
        zones::Zone,
        OrderRange, //
    },
};

/// Size below which a pool is not pieced together; smaller chunks cost more than they hold.
const MIN_PIECE: usize = 128 << 10;

/// Why a pool did not serve a request.
pub(super) enum AllocError {
    /// No block of that size is free.
    NoSpace,
    /// The device can address none of the blocks that are free.
    NotAddressable,
}

/// The pool of one zone.
pub(crate) struct Pool {
    pub(super) zone: Zone,
    /// Whether its memory is decrypted.
    pub(super) cc_shared: bool,
    /// Bytes at creation.
    pub(super) initial: usize,
    /// The pool grows when fewer bytes than this are free: `initial`, less after a growth failed.
    pub(super) low_wmark: Atomic<usize>,
    /// Bytes in all its chunks.
    pub(crate) size: Atomic<usize>,
    /// Bytes in blocks that are out.
    pub(super) in_use: Atomic<usize>,
    /// Bytes of the largest request that found no free block since the pool last tried to grow.
    pub(super) failed_size: Atomic<usize>,
}

impl Pool {
    /// Creates the pool of `zone` with `size` bytes, as far as there is memory, in new chunks.
    ///
    /// `None` if there is no memory at all. May sleep.
    pub(super) fn new(
        zone: Zone,
        size: usize,
        cc_shared: bool,
        chunks: &mut Chunks,
    ) -> Option<Self> {
        let mut initial = 0;

        while let Some(missing) = size.checked_sub(initial).filter(|missing| *missing != 0) {
            let largest = policy::largest_order(missing, PAGE_SIZE, MAX_PAGE_ORDER);
            let smallest = match initial {
                0 => 0,
                _ => largest.min(policy::largest_order(MIN_PIECE, PAGE_SIZE, MAX_PAGE_ORDER)),
            };
            let orders = OrderRange { largest, smallest };
            let Ok(chunk) = Chunk::new(zone, orders, cc_shared) else {
                break;
            };
            let added = chunk.size();

            if chunks.push(chunk).is_err() {
                break;
            }
            initial += added;
        }

        if initial == 0 {
            return None;
        }
        Some(Self {
            zone,
            cc_shared,
            initial,
            low_wmark: Atomic::new(initial),
            size: Atomic::new(initial),
            in_use: Atomic::new(0),
            failed_size: Atomic::new(0),
        })
    }

    /// Bytes that are free, as far as can be told while others allocate and free.
    pub(super) fn avail(&self) -> usize {
        self.size
            .load(Relaxed)
            .saturating_sub(self.in_use.load(Relaxed))
    }

    /// Whether it is time to grow.
    pub(super) fn is_low(&self) -> bool {
        self.avail() < self.low_wmark.load(Relaxed)
    }

    /// Takes a block from the first chunk that has one the device can address.
    ///
    /// `size` is the request's, rounded up to pages.
    pub(super) fn alloc(
        &self,
        chunks: &Chunks,
        request: &AllocRequest,
        size: usize,
    ) -> Result<Block, AllocError> {
        let mut error = AllocError::NoSpace;

        for chunk in chunks.of(self.zone) {
            let Some(offset) = chunk.alloc(size) else {
                continue;
            };
            let phys = chunk.phys_at(offset);

            if let Some(phys_addr_ok) = request.phys_addr_ok {
                // SAFETY: The caller of `dma_alloc_from_pool()` passed both, to be used like this.
                if !unsafe { phys_addr_ok(request.dev, phys, request.size) } {
                    // SAFETY: Just allocated with this size, and not handed out.
                    unsafe { chunk.free(offset, size) };
                    error = AllocError::NotAddressable;
                    continue;
                }
            }

            self.in_use.add(size, Relaxed);
            return Ok(Block {
                virt: chunk.virt_at(offset),
                phys,
            });
        }
        Err(error)
    }
}
