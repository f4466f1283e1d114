// SPDX-License-Identifier: GPL-2.0

//! The memory zones that can have a pool, sets of them, and the order in which they are asked.
//!
//! This file knows names and order only: how large a pool is comes from the plan, and nothing here
//! knows its memory.

/// A memory zone that can have a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    /// Memory that `GFP_KERNEL` reaches first: `ZONE_NORMAL`.
    Kernel,
    /// `ZONE_DMA`, the lowest addresses.
    Dma,
    /// `ZONE_DMA32`, addresses below 4 GiB.
    Dma32,
}

impl Zone {
    /// Every zone, in the order of the bits in `coherent_pool=`.
    pub(crate) const ALL: [Zone; 3] = [Zone::Kernel, Zone::Dma, Zone::Dma32];

    /// Returns the name on the command line and in debugfs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Zone::Kernel => "kernel",
            Zone::Dma => "dma",
            Zone::Dma32 => "dma32",
        }
    }

    /// Returns the name in the log: what `%pGg` prints for the flags of the zone's pool.
    pub(crate) const fn gfp_name(self) -> &'static str {
        match self {
            Zone::Kernel => "GFP_KERNEL",
            Zone::Dma => "GFP_KERNEL|GFP_DMA",
            Zone::Dma32 => "GFP_KERNEL|GFP_DMA32",
        }
    }

    /// Returns the bit in the mask form of `coherent_pool=`: 1, 2 or 4.
    pub(crate) const fn bit(self) -> u8 {
        match self {
            Zone::Kernel => 1,
            Zone::Dma => 2,
            Zone::Dma32 => 4,
        }
    }

    /// Returns the zone of the next lower addresses: kernel, dma32, dma, and then none.
    pub(crate) const fn lower(self) -> Option<Zone> {
        match self {
            Zone::Kernel => Some(Zone::Dma32),
            Zone::Dma32 => Some(Zone::Dma),
            Zone::Dma => None,
        }
    }
}

/// A set of zones.
///
/// # Invariants
///
/// Only the bits that [`Zone::bit`] returns are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ZoneSet(u8);

impl ZoneSet {
    /// No zone.
    pub(crate) const EMPTY: ZoneSet = ZoneSet(0);

    /// Every zone.
    pub(crate) const ALL: ZoneSet = ZoneSet(7);

    /// Makes a set of the bits of [`Zone::bit`]; `None` when any other bit is set.
    ///
    /// 0 is the empty set: that `coherent_pool=0` is no mask is for the parser to know.
    pub(crate) const fn from_mask(mask: u8) -> Option<ZoneSet> {
        if mask & !Self::ALL.0 == 0 {
            // INVARIANT: No other bit is set, as just checked.
            Some(ZoneSet(mask))
        } else {
            None
        }
    }

    /// Returns the bits of [`Zone::bit`] of all members.
    pub(crate) const fn mask(self) -> u8 {
        self.0
    }

    /// Tells whether `zone` is a member.
    pub(crate) const fn contains(self, zone: Zone) -> bool {
        self.0 & zone.bit() != 0
    }

    /// Returns the set with `zone` added.
    pub(crate) const fn with(self, zone: Zone) -> ZoneSet {
        // INVARIANT: `Zone::bit` is one of the permitted bits.
        ZoneSet(self.0 | zone.bit())
    }

    /// Tells whether the set has no member.
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// One value for each zone, in the order of [`Zone::ALL`].
///
/// Stands in for an array indexed by zone: no index can be out of range, so nothing can panic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PerZone<T>(pub(crate) [T; 3]);

impl<T> PerZone<T> {
    /// Returns the value of `zone`.
    #[inline(always)]
    pub(crate) const fn get(&self, zone: Zone) -> &T {
        // Never out of range, which the compiler sees.
        &self.0[zone as usize]
    }

    /// Returns the value of `zone`, to be changed.
    #[inline]
    pub(crate) fn get_mut(&mut self, zone: Zone) -> &mut T {
        let [kernel, dma, dma32] = &mut self.0;
        match zone {
            Zone::Kernel => kernel,
            Zone::Dma => dma,
            Zone::Dma32 => dma32,
        }
    }

    /// Makes a new value from each one, in the order of [`Zone::ALL`].
    pub(crate) fn map<U>(self, mut f: impl FnMut(Zone, T) -> U) -> PerZone<U> {
        let [kernel, dma, dma32] = self.0;
        PerZone([
            f(Zone::Kernel, kernel),
            f(Zone::Dma, dma),
            f(Zone::Dma32, dma32),
        ])
    }

    /// Returns each zone and its value, in the order of [`Zone::ALL`].
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Zone, &T)> {
        let [kernel, dma, dma32] = &self.0;

        [
            (Zone::Kernel, kernel),
            (Zone::Dma, dma),
            (Zone::Dma32, dma32),
        ]
        .into_iter()
    }
}

/// The pools to ask for one request, best first; see [`search_order`].
pub(crate) struct SearchOrder {
    next: Option<Zone>,
    present: ZoneSet,
}

/// Returns the pools to ask for a request for memory of zone `wanted`, best first, when there are
/// pools for the zones in `present`: the walk of C's `dma_guess_pool()`.
///
/// It starts at the wanted pool or at what stands in for it, and goes to lower zones only. A pool
/// of a higher zone comes up only where it is the first that exists at all.
///
/// Any context; takes no lock and allocates nothing.
#[inline]
pub(crate) fn search_order(wanted: Zone, present: ZoneSet) -> SearchOrder {
    let [first, second, third] = match wanted {
        Zone::Kernel => [Zone::Kernel, Zone::Dma32, Zone::Dma],
        Zone::Dma32 => [Zone::Dma32, Zone::Dma, Zone::Kernel],
        Zone::Dma => [Zone::Dma, Zone::Dma32, Zone::Kernel],
    };
    let next = if present.contains(first) {
        Some(first)
    } else if present.contains(second) {
        Some(second)
    } else if present.contains(third) {
        Some(third)
    } else {
        None
    };
    SearchOrder { next, present }
}

impl Iterator for SearchOrder {
    type Item = Zone;

    #[inline]
    fn next(&mut self) -> Option<Zone> {
        let zone = self.next?;
        self.next = lower_in(zone, self.present);
        Some(zone)
    }
}

/// Returns the nearest zone below `zone` that is in `set`.
///
/// Any context.
#[inline]
pub(crate) fn lower_in(zone: Zone, set: ZoneSet) -> Option<Zone> {
    let mut lower = zone.lower();
    while let Some(candidate) = lower {
        if set.contains(candidate) {
            return lower;
        }
        lower = candidate.lower();
    }
    None
}
