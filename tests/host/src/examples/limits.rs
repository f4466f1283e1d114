// SPDX-License-Identifier: GPL-2.0

//! How large pools are at creation, and what they may grow to.

use crate::{
    checks::run,
    plan::zones::PerZone,
    policy::{
        options::{
            parse_pool,
            Options, //
        },
        Machine, //
    },
};

use super::{
    machines::{
        board,
        ARM_64K,
        BOARD,
        CRASH,
        CRASH_HIGH,
        PC, //
    },
    plans::{
        check,
        Row,
        NONE, //
    },
    G,
    K,
    M, //
};

#[rustfmt::skip]
const RANGE: &[Row] = &[
    // Every pool, or those of a list. One without a range may grow to a quarter of its zone.
    ("1M-8M",    NONE, PC,      "kernel:1M-8M dma:1M-8M dma32:1M-8M", &[]),
    ("1M-1M",    NONE, PC,      "kernel:1M-1M dma:1M-1M dma32:1M-1M", &[]),
    ("1M-2G",    NONE, ARM_64K, "kernel:1M-2G dma:1M-2G", &[]),
    ("5000-9000", NONE, PC,     "kernel:8K-12K dma:8K-12K dma32:8K-12K", &[]),
    ("kernel:1M,dma:64K-2M", NONE, PC, "kernel:1M dma:64K-2M", &[]),
    ("1M-8M",    "2M", CRASH,   "dma32:1M-8M", &["  DMA: coherent_pool_size=2M ignored next to coherent_pool=1M-8M"]),
    // To more than a quarter if somebody says so, but not to more than there is.
    ("dma:64K-14M", NONE, PC,   "dma:64K-14M", &[]),
    ("dma:64K-15M", NONE, PC,   "dma:64K-15M", &[]),
    ("1M-64M",   NONE, PC,      "kernel:1M-64M dma:1M-15M dma32:1M-64M", &["W DMA: coherent_pool=1M-64M: a dma pool of up to 64M is more than its zone has, using 15M"]),
    ("dma32:1M-18446744073709551615", NONE, CRASH,
                                "dma32:1M-192M", &["W DMA: coherent_pool=dma32:1M-18446744073709551615: a dma32 pool of up to 18446744073709551615 is more than its zone has, using 192M"]),
    // At creation a quarter is the most, whatever it may grow to.
    ("dma:8M-12M", NONE, PC,    "dma:3840K-12M", &["W DMA: coherent_pool=dma:8M-12M: a dma pool of 8M is more than a quarter of its zone, using 3840K"]),
    ("dma:20M-30M", NONE, PC,   "dma:3840K-15M", &["W DMA: coherent_pool=dma:20M-30M: a dma pool of 20M is more than a quarter of its zone, using 3840K",
                                                   "W DMA: coherent_pool=dma:20M-30M: a dma pool of up to 30M is more than its zone has, using 15M"]),
    // In a lower zone: the larger of all ceilings, of which one may be that zone's quarter.
    ("kernel:1M-8M", NONE, CRASH, "dma32:1M-8M", &["W DMA: coherent_pool=kernel:1M-8M: no memory in the zone of the kernel pool, making the dma32 pool"]),
    ("kernel:2M-8M,dma32:64K-1M", NONE, CRASH,
                                "dma32:2M-8M", &["W DMA: coherent_pool=kernel:2M-8M,dma32:64K-1M: no memory in the zone of the kernel pool, left to the dma32 pool"]),
    ("kernel:1M-2M,dma32:64K-8M", NONE, CRASH,
                                "dma32:1M-8M", &["W DMA: coherent_pool=kernel:1M-2M,dma32:64K-8M: no memory in the zone of the kernel pool, left to the dma32 pool"]),
    ("kernel:2M-8M,dma32:64K", NONE, CRASH,
                                "dma32:2M", &["W DMA: coherent_pool=kernel:2M-8M,dma32:64K: no memory in the zone of the kernel pool, left to the dma32 pool"]),
    ("kernel:2M,dma32:64K-96M", NONE, CRASH,
                                "dma32:2M-96M", &["W DMA: coherent_pool=kernel:2M,dma32:64K-96M: no memory in the zone of the kernel pool, left to the dma32 pool"]),
    ("kernel:1M-1G", NONE, CRASH, "dma32:1M-192M", &["W DMA: coherent_pool=kernel:1M-1G: no memory in the zone of the kernel pool, making the dma32 pool",
                                                     "W DMA: coherent_pool=kernel:1M-1G: a dma32 pool of up to 1G is more than its zone has, using 192M"]),
];

/// Machine; pool by pool, the most that one has at first, and may grow to if nothing else is said.
#[rustfmt::skip]
const QUARTERS: &[(Machine, [usize; 3])] = &[
    (PC,            [512 * M, 3840 * K, G]),
    (CRASH,         [0, 0, 48 * M]),
    (CRASH_HIGH,    [32 * M, 0, 16 * M]),
    (ARM_64K,       [512 * M, G, 0]),
    (BOARD,         [0, 512 * K, 0]),
    (board(300 * K), [0, 72 * K, 0]),
    (board(12 * K), [0, 4 * K, 0]),
];

#[test]
fn ranges() {
    check(RANGE);
}

#[test]
fn quarters() {
    for (machine, expected) in QUARTERS {
        let options = |text: &str| Options {
            pool: Some(parse_pool(text.as_bytes(), machine.page_size).expect("a size")),
            size: None,
        };
        let largest = run(&options("15E"), machine).0;
        let smallest = run(&options("256K"), machine).0;

        assert_eq!(
            largest.pools.map(|_, pool| pool.map_or(0, |pool| pool.min)),
            PerZone(*expected),
            "{machine:?}"
        );
        for plan in [largest, smallest] {
            assert_eq!(
                plan.pools.map(|_, pool| pool.map_or(0, |pool| pool.max)),
                PerZone(*expected),
                "{machine:?}"
            );
        }
    }
}
