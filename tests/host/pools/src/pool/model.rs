// SPDX-License-Identifier: GPL-2.0

//! What pools should do, found in another way: which place a request gets, given which blocks are
//! out. It looks at each page, one after the other, and keeps nothing but a list of blocks.

use kernel::{
    page::PAGE_SIZE,
    sync::rcu, //
};

use crate::plan::zones::{
    search_order,
    Zone,
    ZoneSet, //
};

use crate::pool::{
    Block,
    Pools, //
};

/// A block that is out.
pub(super) struct Out {
    pub(super) block: Block,
    /// Bytes that were asked for.
    pub(super) size: usize,
    pub(super) zone: Zone,
}

impl Out {
    fn start(&self) -> usize {
        self.block.virt.as_ptr() as usize
    }

    pub(super) fn pages(&self) -> usize {
        self.block.size / PAGE_SIZE
    }
}

/// The end of what some devices can address.
pub(super) const REACH: u64 = 1 << 20;

/// What should become of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// It gets the block at this address, of the pool of that zone.
    Block(usize, Zone),
    /// There is no room.
    Full,
    /// There is, but the device cannot address it.
    NotAddressable,
    /// There is no pool.
    Missing,
}

/// What should become of a request for `size` bytes of a zone, of a device that can address all
/// memory or not.
pub(super) fn expect(
    pools: &Pools,
    present: ZoneSet,
    out: &[Out],
    zone: Zone,
    size: usize,
    everywhere: bool,
) -> Expected {
    let guard = rcu::read_lock();
    let chunks = pools.table.read(&guard);
    let count = size.div_ceil(PAGE_SIZE);
    let (mut is_there, mut is_full) = (false, false);

    for zone in search_order(zone, present) {
        let mut had_room = false;

        is_there = true;
        for member in chunks.of(zone) {
            let (start, pages) = (member.chunk.virt(), member.chunk.size() / PAGE_SIZE);
            let Some(first) = first_fit(out, start, pages, count) else {
                continue;
            };
            let phys = member.chunk.phys_of(first);

            if everywhere || phys + (size as u64) <= REACH {
                return Expected::Block(start + first * PAGE_SIZE, zone);
            }
            had_room = true;
        }
        is_full |= !had_room;
    }
    match (is_there, is_full) {
        (false, _) => Expected::Missing,
        (true, true) => Expected::Full,
        (true, false) => Expected::NotAddressable,
    }
}

/// Bytes of the largest block that a pool can serve.
pub(super) fn largest_free(pools: &Pools, out: &[Out], zone: Zone) -> usize {
    let guard = rcu::read_lock();
    let largest = |start, pages| {
        (1..=pages)
            .take_while(|count| first_fit(out, start, pages, *count).is_some())
            .last()
            .unwrap_or(0)
    };
    let members = pools.table.read(&guard).of(zone).iter();
    let pages = members
        .map(|member| largest(member.chunk.virt(), member.chunk.size() / PAGE_SIZE))
        .max();

    pages.unwrap_or(0) * PAGE_SIZE
}

/// The first place in a chunk where so many pages are free that begin at a multiple of the next
/// power of two.
fn first_fit(out: &[Out], start: usize, pages: usize, count: usize) -> Option<usize> {
    let is_free = |page: usize| {
        let addr = start + page * PAGE_SIZE;

        !out.iter()
            .any(|out| addr.wrapping_sub(out.start()) < out.block.size)
    };

    (0..pages)
        .step_by(count.checked_next_power_of_two()?)
        .find(|first| first + count <= pages && (*first..first + count).all(is_free))
}
