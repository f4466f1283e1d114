// SPDX-License-Identifier: GPL-2.0

//! The chunks of a pool, growth, the order of zones, and the zones themselves.

use crate::{
    model,
    plan::{
        sizes::{
            creation,
            growth, //
        }, //
        zones::{
            search_order,
            PerZone,
            Zone,
            ZoneSet, //
        },
    },
};

/// A pool of `pages` pages is made of the fewest chunks, and of exactly as many pages.
pub fn chunks(pages: usize, page_size: usize, max_order: u32) {
    let mut remaining = pages;
    let mut chunks = Vec::new();

    while remaining > 0 {
        let missing = remaining * page_size;
        let sizes: Vec<usize> =
            creation(missing, chunks.is_empty(), page_size, max_order).collect();
        let largest = sizes[0];

        assert!(sizes.is_sorted_by(|a, b| a > b), "{sizes:?}");
        assert!(largest <= 1 << max_order, "{sizes:?}");
        for size in &sizes[1..] {
            assert!(size.is_power_of_two(), "{sizes:?}");
            assert!(
                chunks.is_empty() || size * page_size >= 128 << 10,
                "{sizes:?} has pieces that are too small"
            );
        }
        remaining = remaining
            .checked_sub(largest)
            .expect("a chunk larger than what remains");
        chunks.push(largest);
    }
    assert_eq!(chunks.len(), pages.div_ceil(1 << max_order), "{chunks:?}");
}

/// A pool grows by its own size, or by a chunk that holds what could not be had, up to its ceiling.
pub fn grows(pool_size: usize, failed_size: usize, room: usize, page_size: usize, max_order: u32) {
    let pages = |bytes: usize| bytes / page_size;
    let most = if room < page_size {
        0
    } else {
        (1 << pages(room).ilog2()).min(1 << max_order)
    };

    let Some(sizes) = growth(pool_size, failed_size, room, page_size, max_order) else {
        assert!(
            most == 0 || failed_size > most * page_size,
            "refused though a chunk holds it"
        );
        return;
    };
    assert!(failed_size <= most * page_size, "no chunk holds it");
    assert!(sizes.smallest.is_power_of_two() && sizes.largest.is_power_of_two());
    assert!(
        sizes.smallest <= sizes.largest && sizes.largest <= most,
        "{sizes:?}"
    );

    let smallest = page_size * sizes.smallest;
    assert!(smallest >= failed_size, "{sizes:?} does not hold it");
    if failed_size == 0 {
        assert_eq!(
            sizes.smallest,
            pages(128 << 10).max(1).min(most),
            "{sizes:?} is a small piece"
        );
    } else {
        assert!(
            sizes.smallest == 1 || smallest / 2 < failed_size,
            "{sizes:?} is more than needed"
        );
    }

    let largest = page_size * sizes.largest;
    if sizes.largest > sizes.smallest {
        assert!(
            largest <= pool_size.max(128 << 10),
            "{sizes:?} is more than the pool"
        );
    }
    assert!(
        sizes.largest == most || largest > pool_size / 2,
        "{sizes:?} is less than the pool"
    );
}

/// The walk is C's, for every request and every set of pools; there are few enough to try all.
pub fn search_orders() {
    for wanted in Zone::ALL {
        for mask in 0..8 {
            let present = ZoneSet::from_mask(mask).expect("three bits");
            let order: Vec<Zone> = search_order(wanted, present).collect();

            assert_eq!(
                order,
                model::search_order(wanted, present),
                "{wanted:?} {present:?}"
            );
        }
    }
}

/// Zones, sets and tables agree on names, places and bits.
pub fn zone_facts() {
    let places = PerZone([0, 1, 2]);

    for (zone, place) in places.iter() {
        assert_eq!(Zone::ALL[*place], zone);
        assert_eq!(zone.bit(), 1 << place);
        assert_eq!(*places.get(zone), *place);

        let set = ZoneSet::EMPTY.with(zone);
        assert_eq!(Some(set), ZoneSet::from_mask(zone.bit()));
        assert_eq!(set.mask(), zone.bit());
        assert!(!set.is_empty());
        assert!(Zone::ALL
            .iter()
            .all(|other| set.contains(*other) == (*other == zone)));
    }
    assert!(Zone::ALL.iter().all(|zone| ZoneSet::ALL.contains(*zone)));
    assert!(ZoneSet::EMPTY.is_empty());
    assert_eq!(ZoneSet::from_mask(7), Some(ZoneSet::ALL));
    assert!((8..=u8::MAX).all(|mask| ZoneSet::from_mask(mask).is_none()));

    let names = PerZone(Zone::ALL).map(|zone, same| {
        assert_eq!(zone, same);
        (zone.name(), zone.gfp_name())
    });
    assert_eq!(
        names,
        PerZone([
            ("kernel", "GFP_KERNEL"),
            ("dma", "GFP_KERNEL|GFP_DMA"),
            ("dma32", "GFP_KERNEL|GFP_DMA32"),
        ])
    );
}
