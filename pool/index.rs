// SPDX-License-Identifier: GPL-2.0

//! From an address to the chunk that it lies in, without a walk: a hash table of granules.
//!
//! Which chunks there are is known to [`table`](super::table), which makes a new index with each
//! state that it publishes; an index never changes.

use core::ops::Range;

use kernel::{
    alloc::flags::__GFP_ZERO,
    prelude::*, //
};

use super::list::{
    Kept,
    List,
    Member, //
};

/// Bytes in a granule, as a shift: 128 KiB, the least by which a pool grows. Few chunks share one.
const GRANULE_SHIFT: u32 = 17;

/// Multiplied by its powers, neighbours get far apart in the upper bits: `GOLDEN_RATIO_32` of
/// linux/hash.h.
const GOLDEN_RATIO: u32 = 0x61C8_8647;

/// The granules of a chunk that begins at the address which `start` returns.
fn granules_of(member: &Member, start: fn(&Member) -> u64) -> Range<u64> {
    let first = start(member);
    // CAST: The bytes of a chunk.
    let last = first.wrapping_add(member.chunk.size().wrapping_sub(1) as u64);

    first >> GRANULE_SHIFT..(last >> GRANULE_SHIFT).wrapping_add(1)
}

/// The granules that memory of so many bytes touches, at most.
pub(super) fn granules(size: usize) -> usize {
    (size >> GRANULE_SHIFT).wrapping_add(2)
}

/// Slots there can be: enough for 64 GiB of pools.
const MAX_SLOTS: usize = 1 << 20;

/// So many multipliers are tried to find one by which each granule gets a slot of its own.
const TRIES: usize = 32;

/// A hash table with open addressing, which has an entry for each granule of each chunk.
///
/// # Invariants
///
/// - The number of slots is a power of two, at least 2; at least half of them are empty.
/// - It is `1 << (32 - shift)`.
pub(super) struct Index {
    slots: KVVec<Option<Kept<Member>>>,
    /// Odd. Multiplied by it, granules get to different slots, if there is such a number.
    multiplier: u32,
    /// What leaves as many bits of a hash as there are slots.
    shift: u32,
}

impl Index {
    /// Makes an index of all chunks, each of which begins at the address that `start` returns.
    ///
    /// May sleep. `ENOMEM` if there is no memory for it, or if there are too many.
    ///
    /// # Safety
    ///
    /// The list, or a copy of it, lives as long as the result.
    pub(super) unsafe fn new(list: &List, start: fn(&Member) -> u64) -> Result<Self> {
        let granules = list.granules();
        // Much more than there has to be, so that few share a slot.
        let len = granules
            .saturating_mul(8)
            .clamp(2, MAX_SLOTS)
            .checked_next_power_of_two()
            .filter(|len| granules <= len / 2)
            .ok_or(ENOMEM)?;
        let mut slots = KVVec::with_capacity(len, GFP_KERNEL | __GFP_ZERO)?;

        // SAFETY: There is room for so many, and each is 0, which is `None`.
        unsafe { slots.inc_len(len) };
        // INVARIANT: A power of two, at least twice what is put into it below.
        let mut this = Self {
            slots,
            multiplier: 1,
            shift: u32::BITS.wrapping_sub(len.trailing_zeros()),
        };

        for _ in 0..TRIES {
            this.multiplier = this.multiplier.wrapping_mul(GOLDEN_RATIO);
            this.slots.iter_mut().for_each(|slot| *slot = None);
            // SAFETY: As promised by the caller.
            if unsafe { this.fill(list, start, true) & this.fill(list, start, false) } {
                break;
            }
        }
        Ok(this)
    }

    /// Puts the granules that chunks begin in into empty slots, or all others. Returns whether what
    /// is in the own slot of each lies in it.
    ///
    /// Chunks can be side by side, and share a granule. The one that begins there is to come first:
    /// the first pages of a chunk are those that are used most.
    ///
    /// # Safety
    ///
    /// As [`new`](Self::new).
    #[inline(never)]
    unsafe fn fill(&mut self, list: &List, start: fn(&Member) -> u64, first: bool) -> bool {
        let mut apart = true;

        for members in list.zones() {
            for member in members.iter() {
                let mut granules = granules_of(member, start);
                let second = granules.start.wrapping_add(1);

                if first {
                    granules.end = second;
                } else {
                    granules.start = second;
                }
                for granule in granules {
                    // SAFETY: As promised by the caller.
                    self.insert(granule, unsafe { Kept::new(member) });
                    apart &= self
                        .own(granule)
                        .is_some_and(|found| granules_of(found, start).contains(&granule));
                }
            }
        }
        apart
    }

    /// Puts a chunk into the first slot from that of a granule which is empty.
    fn insert(&mut self, granule: u64, member: Kept<Member>) {
        let mask = self.mask();
        let mut at = self.start(granule);

        while let Some(slot) = self.slots.get_mut(at & mask) {
            if slot.is_none() {
                *slot = Some(member);
                break;
            }
            at = at.wrapping_add(1);
        }
    }

    /// The chunk that `addr` most probably lies in, if it lies in any: that in the first slot.
    ///
    /// Any context; takes no lock.
    #[inline(always)]
    pub(super) fn first(&self, addr: u64) -> Option<&Member> {
        self.own(addr >> GRANULE_SHIFT)
    }

    /// What is in the slot of a granule.
    #[inline(always)]
    fn own(&self, granule: u64) -> Option<&Member> {
        // SAFETY: By the type invariants there are as many slots as what the shift leaves.
        unsafe { self.slot(self.start(granule)) }
    }

    /// Where the search for a granule starts.
    #[inline(always)]
    fn start(&self, granule: u64) -> usize {
        // CAST: The lower bits are as good, and then a few bits.
        (granule as u32)
            .wrapping_mul(self.multiplier)
            .wrapping_shr(self.shift) as usize
    }

    fn mask(&self) -> usize {
        self.slots.len().wrapping_sub(1)
    }

    /// # Safety
    ///
    /// There is a slot of this number.
    #[inline(always)]
    unsafe fn slot(&self, at: usize) -> Option<&Member> {
        // SAFETY: As promised by the caller.
        let slot = unsafe { &*self.slots.as_ptr().add(at) };

        slot.as_deref()
    }

    /// Finds the chunk that `addr` lies in, for which `page` returns a number. Returns both.
    ///
    /// Any context; takes no lock.
    pub(super) fn find(
        &self,
        addr: u64,
        page: impl Fn(&Member) -> Option<usize>,
    ) -> Option<(&Member, usize)> {
        let mut at = self.start(addr >> GRANULE_SHIFT);

        loop {
            // The search ends at an empty slot, of which there are some.
            //
            // SAFETY: By the type invariants there is a slot for each number that the mask leaves.
            let member = unsafe { self.slot(at & self.mask()) }?;

            if let Some(page) = page(member) {
                return Some((member, page));
            }
            at = at.wrapping_add(1);
        }
    }
}
