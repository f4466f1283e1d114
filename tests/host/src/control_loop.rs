// SPDX-License-Identifier: GPL-2.0

//! Stories of one pool whose size follows the load: what a person would look for, step by step.
//!
//! What has to hold for any load is `follows_load` in [`properties`](super::properties).

use crate::checks::{
    Event,
    Simulation, //
};

/// Nothing is asked for, and the zone has memory.
const CALM: Event = Event {
    after: 0,
    used: 0,
    failed: 0,
    memory: Some(10),
    pressure: false,
};

/// A load that comes and goes every two minutes, longer than idle memory is kept at first.
#[test]
fn a_load_that_swings_does_not_make_it_grow_and_shrink_in_turn() {
    let mut pool = Simulation::new(128 << 10, 4 << 20);
    let swing = |used| Event {
        after: 120_000,
        used,
        ..CALM
    };

    for _ in 0..30 {
        for used in [64 << 10, 128 << 10, 256 << 10, 512 << 10] {
            pool.event(&Event {
                after: 10,
                ..swing(used)
            });
        }
        pool.event(&swing(0));
        pool.wait(120_000);
    }
    assert!(
        pool.growths <= 12 && pool.shrinks <= 9,
        "{} growths, {} shrinks",
        pool.growths,
        pool.shrinks
    );
}

/// Idle memory goes back after a minute, and not before.
#[test]
fn keeps_what_is_idle_for_a_minute() {
    let mut pool = Simulation::new(128 << 10, 4 << 20);
    let event = |used| Event { used, ..CALM };

    pool.event(&event(128 << 10));
    let grown = pool.size();

    pool.event(&event(0));
    pool.wait(44_000);
    assert_eq!(pool.size(), grown);
    pool.wait(40_000);
    assert_eq!(pool.size(), 128 << 10);
}

/// Others are short of memory: what is not needed now goes back now.
#[test]
fn gives_back_at_once_under_pressure() {
    let mut pool = Simulation::new(128 << 10, 4 << 20);
    let event = |used, pressure| Event {
        used,
        pressure,
        ..CALM
    };

    pool.event(&event(128 << 10, false));
    assert_eq!(pool.size(), 256 << 10);
    pool.event(&event(0, true));
    assert_eq!((pool.size(), pool.growths), (128 << 10, 1));
}

/// What was added for a request that failed stays for a second, so that it can be tried again.
#[test]
fn who_tries_again_comes_before_pressure() {
    let mut pool = Simulation::new(128 << 10, 4 << 20);
    let event = |after, failed| Event {
        after,
        failed,
        pressure: true,
        ..CALM
    };

    pool.event(&event(0, 256 << 10));
    pool.event(&event(1, 512 << 10));
    assert_eq!((pool.size(), pool.growths), (896 << 10, 2));
    pool.event(&event(500, 0));
    pool.wait(499);
    assert_eq!(pool.size(), 896 << 10);
    // Nobody has to ask once more.
    pool.wait(1);
    assert_eq!((pool.size(), pool.shrinks), (128 << 10, 2));
}

/// Neither grows, nor wakes up for it.
#[test]
fn stops_for_good() {
    let mut pool = Simulation::new(128 << 10, 4 << 20);
    let event = Event {
        after: 1,
        used: 128 << 10,
        failed: 128 << 10,
        ..CALM
    };

    pool.stop();
    pool.event(&event);
    pool.wait(600_000);
    pool.event(&event);
    assert_eq!((pool.attempts, pool.size()), (0, 128 << 10));
}

/// A pool that may not grow says so for a request that failed, and once.
#[test]
fn names_its_ceiling_once() {
    let mut pool = Simulation::new(128 << 10, 128 << 10);
    let event = |failed| Event {
        after: 1,
        used: 128 << 10,
        failed,
        ..CALM
    };

    pool.event(&event(0));
    assert_eq!(pool.ceilings, 0);
    pool.event(&event(4096));
    pool.event(&event(4096));
    assert_eq!((pool.ceilings, pool.size()), (1, 128 << 10));
}

/// A zone without memory is asked less and less often, and yet for ever.
#[test]
fn backs_off_and_recovers() {
    let mut pool = Simulation::new(128 << 10, 4 << 20);
    let burst = |memory| Event {
        used: 128 << 10,
        failed: 172_928,
        memory,
        ..CALM
    };

    pool.event(&burst(None));
    pool.event(&Event {
        after: 1,
        failed: 1 << 20,
        ..burst(Some(10))
    });
    pool.wait(98);
    assert_eq!(pool.growths, 0);
    pool.wait(1);
    // Not at once, but as soon as the first back-off is over, for who failed meanwhile.
    assert_eq!((pool.growths, pool.size()), (1, (128 << 10) + (1 << 20)));

    // Without memory it begins anew, after 100, 300, and 700 ms. Ten times in less than two minutes,
    // then once a minute, with the size that it has.
    pool.event(&Event {
        used: usize::MAX,
        ..burst(None)
    });
    let before = pool.attempts;

    pool.wait(1_000);
    assert_eq!(pool.attempts - before, 3);
    pool.wait(599_000);
    assert_eq!(pool.attempts - before, 18);
}
