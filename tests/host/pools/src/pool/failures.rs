// SPDX-License-Identifier: GPL-2.0

//! Pools that are made, grow and shrink, where one allocation fails: each of them in turn, whatever
//! it is for. Nothing is lost then, and what exists serves.

use kernel::{
    machine,
    page::PAGE_SIZE,
    sync::rcu, //
};

use crate::{
    plan::zones::{
        Zone,
        ZoneSet, //
    },
    sync::read_once,
};

use super::{
    alloc,
    free,
    plan,
    request,
    work, //
};

use crate::pool::{
    free::Free,
    Pools, //
};

/// Pages of each pool.
const PAGES: usize = 48;

/// Makes pools, has them grow and shrink, and drops them. Returns how many allocations that took.
fn live(cc_shared: bool, failing: Option<usize>) -> usize {
    machine::reset();
    machine::fail_allocation(failing);
    let Ok(pools) = Pools::new(&plan(ZoneSet::ALL, PAGES, 8 * PAGES, cc_shared)) else {
        machine::check_nothing_is_left();
        return machine::allocations();
    };
    let mut blocks = Vec::new();

    for pages in [1, 3, 40, 70, 1, 17] {
        for zone in Zone::ALL {
            let size = pages * PAGE_SIZE;
            let request = request(None, zone, size, cc_shared);

            if let Ok(block) = alloc(&pools, &request, false) {
                blocks.push((block, size));
            }
        }
        work(&pools);
        machine::pass(1000);
        work(&pools);
    }
    assert!(!blocks.is_empty(), "a pool that serves nobody");
    for (number, (block, size)) in blocks.iter().enumerate() {
        assert_eq!(free(&pools, block, *size, number % 2 == 0), Free::Done);
    }
    for _ in 0..20 {
        machine::pass(60_000);
        work(&pools);
    }
    for zone in Zone::ALL {
        if let Some(pool) = pools.pool(zone) {
            let guard = rcu::read_lock();
            let members = pools.table.read(&guard).of(zone).iter();
            let size: usize = members.map(|member| member.chunk.size()).sum();

            assert_eq!(pool.used(), 0);
            assert_eq!(read_once(&pool.size), size);
        }
    }
    let allocations = machine::allocations();

    drop(pools);
    assert_eq!(machine::shared_pages(), 0, "pages stay decrypted");
    machine::check_nothing_is_left();
    allocations
}

#[test]
fn each_allocation_fails_once() {
    for cc_shared in [false, true] {
        let allocations = live(cc_shared, None);

        for failing in 0..allocations {
            live(cc_shared, Some(failing));
        }
        println!("{allocations} allocations");
    }
}

#[test]
fn pages_that_cannot_be_encrypted_again_are_lost() {
    machine::reset();
    let pools = Pools::new(&plan(ZoneSet::EMPTY.with(Zone::Dma), 4, 4, true));

    machine::fail_conversions(false, true);
    drop(pools);
    assert_eq!(machine::pages_out(), 4);
    assert_eq!(machine::shared_pages(), 4);
    machine::reset();
}

#[test]
fn pages_that_cannot_be_decrypted_end_the_growth() {
    machine::reset();
    let pools = Pools::new(&plan(ZoneSet::EMPTY.with(Zone::Dma), 4, 400, true));
    let pools = pools.expect("there is memory");
    let request = request(None, Zone::Dma, 8 * PAGE_SIZE, true);

    machine::fail_conversions(true, false);
    for _ in 0..4 {
        assert!(alloc(&pools, &request, false).is_err());
        work(&pools);
        machine::pass(100_000);
    }
    // One chunk was tried, and is lost.
    assert_eq!(machine::pages_out(), 4 + 32);
    drop(pools);
    machine::reset();
}
