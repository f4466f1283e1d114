// SPDX-License-Identifier: GPL-2.0

//! Which pools the options make on which machine, and what the log says.

use crate::{
    checks::run,
    plan::{
        zones::PerZone,
        Plan, //
    },
    policy::{
        options::{
            parse_pool,
            parse_size,
            Bytes,
            Options, //
        },
        Machine, //
    },
};

use super::{
    machines::{
        board,
        ARM,
        ARM_64K,
        BOARD,
        CRASH,
        CRASH_HIGH,
        PC,
        SEV,
        SEV_CRASH,
        SME, //
    },
    G,
    K, //
};

/// Tells the tables that an option is absent.
pub(super) const NONE: &str = "absent";

/// `coherent_pool=`, `coherent_pool_size=`, machine; pools; lines of the log: `W` is a warning.
pub(super) type Row = (
    &'static str,
    &'static str,
    Machine,
    &'static str,
    &'static [&'static str],
);

#[rustfmt::skip]
const ABSENT: &[Row] = &[
    // Pools only where something can use them.
    (NONE, NONE, PC,         "none", &["  DMA: no atomic pools: nothing on this machine can use them (no DMA_DIRECT_REMAP, no memory encryption), coherent_pool=128K makes them anyway"]),
    (NONE, NONE, CRASH,      "none", &["  DMA: no atomic pools: nothing on this machine can use them (no DMA_DIRECT_REMAP, no memory encryption), coherent_pool=128K makes them anyway"]),
    (NONE, "1M", PC,         "none", &["  DMA: no atomic pools: nothing on this machine can use them (no DMA_DIRECT_REMAP, no memory encryption), coherent_pool=128K makes them anyway",
                                       "  DMA: coherent_pool_size=1M ignored as no pools are made"]),
    (NONE, NONE, ARM,        "kernel:1M dma:1M dma32:1M", &[]),
    (NONE, NONE, SME,        "kernel:1M dma:1M dma32:1M", &[]),
    (NONE, NONE, SEV,        "kernel:1M dma:1M dma32:1M", &[]),
    (NONE, NONE, SEV_CRASH,  "dma32:128K", &[]),
    (NONE, NONE, ARM_64K,    "kernel:1M dma:1M", &[]),
    (NONE, NONE, BOARD,      "dma:128K", &[]),
    // The size is taken from coherent_pool_size.
    (NONE, "3M", ARM,        "kernel:3M dma:3M dma32:3M", &[]),
    (NONE, "4K", ARM,        "kernel:128K dma:128K dma32:128K", &["W DMA: coherent_pool_size=4K is not from 128K to 4M, using 128K"]),
    // Even the default is cut where a zone is small, and nobody has to know.
    (NONE, NONE, board(300 * K), "dma:72K", &[]),
    (NONE, NONE, board(8 * K),   "dma:4K",  &[]),
    (NONE, NONE, Machine { total_ram: 22 * G, ..ARM }, "kernel:4M dma:3840K dma32:4M", &[]),
    (NONE, "4M", ARM,        "kernel:4M dma:3840K dma32:4M", &["W DMA: a dma pool of 4M is more than a quarter of its zone, using 3840K"]),
];

#[rustfmt::skip]
const DISABLED: &[Row] = &[
    ("0",  NONE, PC,        "disabled", &["  DMA: atomic pools disabled by coherent_pool=0"]),
    ("00", NONE, CRASH,     "disabled", &["  DMA: atomic pools disabled by coherent_pool=0"]),
    ("0",  "1M", PC,        "disabled", &["  DMA: coherent_pool_size=1M ignored next to coherent_pool=0",
                                          "  DMA: atomic pools disabled by coherent_pool=0"]),
    // Honoured, with a word on what will fail.
    ("0",  NONE, ARM,       "disabled", &["W DMA: atomic pools disabled by coherent_pool=0, atomic coherent allocations of non-coherent devices (NVMe PRP lists, USB, ...) will fail"]),
    ("0",  NONE, SME,       "disabled", &["W DMA: atomic pools disabled by coherent_pool=0, atomic coherent allocations of devices that cannot address encrypted memory and dynamic growth of swiotlb will fail"]),
    ("0",  NONE, Machine { remap: true, ..SME },
                            "disabled", &["W DMA: atomic pools disabled by coherent_pool=0, atomic coherent allocations of non-coherent devices (NVMe PRP lists, USB, ...) and of devices that cannot address encrypted memory and dynamic growth of swiotlb will fail"]),
    // Not in a guest that could not do I/O any more.
    ("0",  NONE, SEV,       "kernel:128K dma:128K dma32:128K", &["W DMA: coherent_pool=0 overridden, an encrypted guest cannot do I/O without atomic pools: making them of the smallest size"]),
    ("0",  "4M", SEV_CRASH, "dma32:128K", &["  DMA: coherent_pool_size=4M ignored next to coherent_pool=0",
                                            "W DMA: coherent_pool=0 overridden, an encrypted guest cannot do I/O without atomic pools: making them of the smallest size"]),
];

#[rustfmt::skip]
const MASK: &[Row] = &[
    // Bits 1 kernel, 2 dma, 4 dma32. Selected pools are made whether or not anything uses them.
    ("1",  NONE,    PC,         "kernel:1M", &[]),
    ("2",  NONE,    PC,         "dma:1M", &[]),
    ("3",  NONE,    PC,         "kernel:1M dma:1M", &[]),
    ("4",  NONE,    PC,         "dma32:1M", &[]),
    ("5",  NONE,    PC,         "kernel:1M dma32:1M", &[]),
    ("6",  NONE,    PC,         "dma:1M dma32:1M", &[]),
    ("7",  NONE,    PC,         "kernel:1M dma:1M dma32:1M", &[]),
    ("4",  NONE,    CRASH,      "dma32:128K", &[]),
    // The size, from 128K to 4M, exact.
    ("2",  "3M",    PC,         "dma:3M", &[]),
    ("2",  "128K",  PC,         "dma:128K", &[]),
    ("2",  "127K",  PC,         "dma:128K", &["W DMA: coherent_pool_size=127K is not from 128K to 4M, using 128K"]),
    ("2",  "0",     PC,         "dma:128K", &["W DMA: coherent_pool_size=0 is not from 128K to 4M, using 128K"]),
    ("4",  "4M",    PC,         "dma32:4M", &[]),
    ("4",  "4097K", PC,         "dma32:4M", &["W DMA: coherent_pool_size=4097K is not from 128K to 4M, using 4M"]),
    ("4",  "1G",    PC,         "dma32:4M", &["W DMA: coherent_pool_size=1G is not from 128K to 4M, using 4M"]),
    ("2",  "4M",    PC,         "dma:3840K", &["W DMA: coherent_pool=2: a dma pool of 4M is more than a quarter of its zone, using 3840K"]),
    ("2",  NONE,    Machine { total_ram: 22 * G, ..PC },
                                "dma:3840K", &[]),
    ("2",  "131073", PC,        "dma:132K", &[]),
    ("2",  "1M",    BOARD,      "dma:512K", &["W DMA: coherent_pool=2: a dma pool of 1M is more than a quarter of its zone, using 512K"]),
    // A zone without memory: the next lower one, and never nothing in silence.
    ("1",  NONE,    CRASH,      "dma32:128K", &["W DMA: coherent_pool=1: no memory in the zone of the kernel pool, making the dma32 pool"]),
    ("5",  NONE,    CRASH,      "dma32:128K", &["W DMA: coherent_pool=5: no memory in the zone of the kernel pool, left to the dma32 pool"]),
    ("2",  NONE,    CRASH,      "none",       &["W DMA: coherent_pool=2: no memory in the zone of the dma pool or below, not making it"]),
    ("3",  NONE,    CRASH,      "dma32:128K", &["W DMA: coherent_pool=3: no memory in the zone of the kernel pool, making the dma32 pool",
                                                "W DMA: coherent_pool=3: no memory in the zone of the dma pool or below, not making it"]),
    ("1",  NONE,    CRASH_HIGH, "kernel:128K", &[]),
    ("4",  NONE,    ARM_64K,    "dma:1M",     &["W DMA: coherent_pool=4: no memory in the zone of the dma32 pool, making the dma pool"]),
    ("1",  NONE,    BOARD,      "dma:128K",   &["W DMA: coherent_pool=1: no memory in the zone of the kernel pool, making the dma pool"]),
    ("7",  NONE,    BOARD,      "dma:128K",   &["W DMA: coherent_pool=7: no memory in the zone of the kernel pool, left to the dma pool",
                                                "W DMA: coherent_pool=7: no memory in the zone of the dma32 pool, left to the dma pool"]),
    ("4",  NONE,    Machine { managed: PerZone([6 * G, 0, 0]), ..PC },
                                "none",       &["W DMA: coherent_pool=4: no memory in the zone of the dma32 pool or below, not making it"]),
    // A guest keeps pools even so.
    ("2",  NONE,    SEV_CRASH,  "dma32:128K", &["W DMA: coherent_pool=2: no memory in the zone of the dma pool or below, not making it",
                                                "W DMA: coherent_pool=2 overridden, an encrypted guest cannot do I/O without atomic pools: making them of the smallest size"]),
    // Of 128K, although the largest chunk and so the default are smaller here.
    ("2",  NONE,    Machine { max_chunk: 4 * K, ..SEV_CRASH },
                                "dma32:128K", &["W DMA: coherent_pool=2: no memory in the zone of the dma pool or below, not making it",
                                                "W DMA: coherent_pool=2 overridden, an encrypted guest cannot do I/O without atomic pools: making them of the smallest size"]),
];

#[rustfmt::skip]
const SIZE: &[Row] = &[
    // Every pool whose zone has memory, without a word.
    ("64K",   NONE, PC,         "kernel:64K dma:64K dma32:64K", &[]),
    ("4K",    NONE, PC,         "kernel:4K dma:4K dma32:4K", &[]),
    ("2M",    NONE, CRASH,      "dma32:2M", &[]),
    ("2M",    NONE, CRASH_HIGH, "kernel:2M dma32:2M", &[]),
    ("2M",    NONE, SEV_CRASH,  "dma32:2M", &[]),
    // Exact: neither a power of two nor one block.
    ("3M",    NONE, PC,         "kernel:3M dma:3M dma32:3M", &[]),
    ("16M",   NONE, ARM_64K,    "kernel:16M dma:16M", &[]),
    ("5000",  NONE, PC,         "kernel:8K dma:8K dma32:8K", &[]),
    ("96K",   NONE, ARM_64K,    "kernel:128K dma:128K", &[]),
    // At most a quarter of the zone.
    ("3840K", NONE, PC,         "kernel:3840K dma:3840K dma32:3840K", &[]),
    ("16M",   NONE, PC,         "kernel:16M dma:3840K dma32:16M", &["W DMA: coherent_pool=16M: a dma pool of 16M is more than a quarter of its zone, using 3840K"]),
    ("48M",   NONE, CRASH,      "dma32:48M", &[]),
    ("49M",   NONE, CRASH,      "dma32:48M", &["W DMA: coherent_pool=49M: a dma32 pool of 49M is more than a quarter of its zone, using 48M"]),
    ("48M",   NONE, CRASH_HIGH, "kernel:32M dma32:16M", &["W DMA: coherent_pool=48M: a kernel pool of 48M is more than a quarter of its zone, using 32M",
                                                          "W DMA: coherent_pool=48M: a dma32 pool of 48M is more than a quarter of its zone, using 16M"]),
    ("15E",   NONE, CRASH,      "dma32:48M", &["W DMA: coherent_pool=15E: a dma32 pool of 15E is more than a quarter of its zone, using 48M"]),
    ("18446744073709551615", NONE, CRASH,
                                "dma32:48M", &["W DMA: coherent_pool=18446744073709551615: a dma32 pool of 18446744073709551615 is more than a quarter of its zone, using 48M"]),
    ("2M",    "1M", CRASH,      "dma32:2M",  &["  DMA: coherent_pool_size=1M ignored next to coherent_pool=2M"]),
    ("2M",    "9G", CRASH,      "dma32:2M",  &["  DMA: coherent_pool_size=9G ignored next to coherent_pool=2M"]),
];

#[rustfmt::skip]
const LIST: &[Row] = &[
    ("dma32",              NONE, PC,    "dma32:1M", &[]),
    ("kernel:3M,dma:64K",  NONE, PC,    "kernel:3M dma:64K", &[]),
    ("dma32:16M,dma",      NONE, PC,    "dma:1M dma32:16M", &[]),
    ("dma32:5000",         NONE, PC,    "dma32:8K", &[]),
    // coherent_pool_size is not for lists, even where one has no size.
    ("dma32",              "2M", PC,    "dma32:1M", &["  DMA: coherent_pool_size=2M ignored next to coherent_pool=dma32"]),
    ("dma:64K,kernel",     "9M", PC,    "kernel:1M dma:64K", &["  DMA: coherent_pool_size=9M ignored next to coherent_pool=kernel,dma:64K"]),
    // A zone without memory: the next lower one takes the size along.
    ("kernel:2M",          NONE, CRASH, "dma32:2M", &["W DMA: coherent_pool=kernel:2M: no memory in the zone of the kernel pool, making the dma32 pool"]),
    ("dma:2M",             NONE, CRASH, "none",     &["W DMA: coherent_pool=dma:2M: no memory in the zone of the dma pool or below, not making it"]),
    // Two that end up in one zone: the larger size, also where one of them is at home.
    ("kernel:2M,dma32:64K", NONE, CRASH, "dma32:2M", &["W DMA: coherent_pool=kernel:2M,dma32:64K: no memory in the zone of the kernel pool, left to the dma32 pool"]),
    ("kernel:1M,dma32:2M", NONE, CRASH, "dma32:2M", &["W DMA: coherent_pool=kernel:1M,dma32:2M: no memory in the zone of the kernel pool, left to the dma32 pool"]),
    ("kernel:2M,dma32",    NONE, CRASH, "dma32:2M", &["W DMA: coherent_pool=kernel:2M,dma32: no memory in the zone of the kernel pool, left to the dma32 pool"]),
    ("kernel:64K,dma32:96K", NONE, BOARD, "dma:96K", &["W DMA: coherent_pool=kernel:64K,dma32:96K: no memory in the zone of the kernel pool, making the dma pool",
                                                       "W DMA: coherent_pool=kernel:64K,dma32:96K: no memory in the zone of the dma32 pool, making the dma pool"]),
    ("kernel:96K,dma32:64K", NONE, BOARD, "dma:96K", &["W DMA: coherent_pool=kernel:96K,dma32:64K: no memory in the zone of the kernel pool, making the dma pool",
                                                       "W DMA: coherent_pool=kernel:96K,dma32:64K: no memory in the zone of the dma32 pool, making the dma pool"]),
    // The bound is that of the zone that a pool ends up in, and is said once.
    ("dma:1G,dma32:1M",    NONE, PC,    "dma:3840K dma32:1M", &["W DMA: coherent_pool=dma:1G,dma32:1M: a dma pool of 1G is more than a quarter of its zone, using 3840K"]),
    ("kernel:1G,dma32:96M", NONE, CRASH, "dma32:48M", &["W DMA: coherent_pool=kernel:1G,dma32:96M: no memory in the zone of the kernel pool, left to the dma32 pool",
                                                        "W DMA: coherent_pool=kernel:1G,dma32:96M: a dma32 pool of 1G is more than a quarter of its zone, using 48M"]),
    // A default that is cut is worth a line only if a size that somebody typed is cut with it.
    ("kernel:64K,dma",     NONE, Machine { total_ram: 22 * G, ..PC },
                                        "kernel:64K dma:3840K", &[]),
    ("dma:64K",            NONE, SEV_CRASH, "dma32:128K", &["W DMA: coherent_pool=dma:64K: no memory in the zone of the dma pool or below, not making it",
                                                            "W DMA: coherent_pool=dma:64K overridden, an encrypted guest cannot do I/O without atomic pools: making them of the smallest size"]),
];

/// Prints a plan as the tables write it: a ceiling only where it is no quarter of the zone.
fn pools(plan: &Plan, machine: &Machine) -> String {
    let pools: Vec<String> = plan
        .pools
        .iter()
        .filter_map(|(zone, pool)| {
            let pool = (*pool)?;
            let pages = machine.managed.get(zone) / 4 / machine.page_size;
            let min = Bytes(pool.min);
            let max = Bytes(pool.max);

            Some(if pool.max == pages.max(1) * machine.page_size {
                format!("{}:{min}", zone.name())
            } else {
                format!("{}:{min}-{max}", zone.name())
            })
        })
        .collect();

    match (pools.is_empty(), plan.disabled) {
        (true, true) => "disabled".into(),
        (true, false) => "none".into(),
        (false, true) => format!("disabled, and yet {}", pools.join(" ")),
        (false, false) => pools.join(" "),
    }
}

pub(super) fn check(rows: &[Row]) {
    for (pool, size, machine, expected, lines) in rows {
        let given = |text: &'static str| (text != NONE).then_some(text.as_bytes());
        let parse = |text| parse_pool(text, machine.page_size).expect("a valid coherent_pool");
        let options = Options {
            pool: given(pool).map(parse),
            size: given(size).map(|text| parse_size(text).expect("a valid coherent_pool_size")),
        };
        let (plan, messages) = run(&options, machine);
        let messages: Vec<String> = messages
            .into_iter()
            .map(|(warning, line)| format!("{} {line}", if warning { 'W' } else { ' ' }))
            .collect();
        let row = format!("coherent_pool={pool} coherent_pool_size={size} {machine:?}");

        assert_eq!(pools(&plan, machine), *expected, "{row}");
        assert_eq!(messages, *lines, "{row}");
    }
}

#[test]
fn absent() {
    check(ABSENT);
}

#[test]
fn disabled() {
    check(DISABLED);
}

#[test]
fn masks() {
    check(MASK);
}

#[test]
fn sizes() {
    check(SIZE);
}

#[test]
fn lists() {
    check(LIST);
}
