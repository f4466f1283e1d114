// SPDX-License-Identifier: GPL-2.0

//! The chunks of a pool, growth, the order of zones, and the zones themselves.

use crate::{
    model,
    policy::{
        growth,
        largest_order,
        zones::{
            search_order,
            PerZone,
            Zone,
            ZoneSet, //
        }, //
    },
};

/// A pool of `pages` pages is made of the fewest chunks, and of exactly as many pages.
pub fn chunks(pages: usize, page_size: usize, max_order: u32) {
    let mut remaining = pages * page_size;
    let mut orders = Vec::new();

    while remaining > 0 {
        let order = largest_order(remaining, page_size, max_order);
        assert!(order <= max_order);
        remaining = remaining
            .checked_sub(page_size << order)
            .expect("a chunk larger than what remains");
        orders.push(order);
    }

    let whole = pages >> max_order;
    let rest = pages & ((1 << max_order) - 1);
    assert_eq!(
        orders.len(),
        whole + rest.count_ones() as usize,
        "{orders:?}"
    );
    assert!(orders.is_sorted_by(|a, b| a >= b), "{orders:?}");
}

/// A pool grows by its own size, or by a chunk that holds what could not be had.
pub fn grows(pool_size: usize, failed_size: usize, page_size: usize, max_order: u32) {
    let most = page_size << max_order;

    let Some(orders) = growth(pool_size, failed_size, page_size, max_order) else {
        assert!(failed_size > most, "refused though a chunk holds it");
        return;
    };
    assert!(failed_size <= most, "no chunk holds it");
    assert!(
        orders.smallest <= orders.largest && orders.largest <= max_order,
        "{orders:?}"
    );

    let smallest = page_size << orders.smallest;
    assert!(smallest >= failed_size, "{orders:?} does not hold it");
    assert!(
        orders.smallest == 0 || smallest / 2 < failed_size,
        "{orders:?} is more than needed"
    );

    let largest = page_size << orders.largest;
    if orders.largest > orders.smallest {
        assert!(largest <= pool_size, "{orders:?} is more than the pool");
    }
    assert!(
        orders.largest == max_order || largest > pool_size / 2,
        "{orders:?} is less than the pool"
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
