// SPDX-License-Identifier: GPL-2.0

//! Which pools the options make on which machine, and what the log says.

use crate::{
    checks::run,
    plan::{
        zones::{
            Zone,
            ZoneSet, //
        },
        Plan, //
    },
    policy::{
        options::{
            parse_pool,
            parse_size,
            Bytes,
            Options, //
        },
        Encryption,
        Machine, //
    },
};

use super::{
    G,
    K,
    M, //
};

const KERNEL: ZoneSet = ZoneSet::EMPTY.with(Zone::Kernel);
const DMA: ZoneSet = ZoneSet::EMPTY.with(Zone::Dma);
const DMA32: ZoneSet = ZoneSet::EMPTY.with(Zone::Dma32);

/// x86_64 with all three zones, and nothing that needs pools.
const PC: Machine = Machine {
    page_size: 4 * K,
    max_chunk: 4 * M,
    total_ram: 6 * G,
    managed: ZoneSet::ALL,
    remap: false,
    encryption: Encryption::None,
};

/// A crash kernel on x86_64, all of it below 4 GiB.
const CRASH: Machine = Machine {
    total_ram: 192 * M,
    managed: DMA32,
    ..PC
};

/// A crash kernel on x86_64, `crashkernel=…,high`.
const CRASH_HIGH: Machine = Machine {
    managed: KERNEL.with(Zone::Dma32),
    ..CRASH
};

/// An encrypted host: SME.
const SME: Machine = Machine {
    encryption: Encryption::Host,
    ..PC
};

/// An encrypted guest: SEV, TDX.
const SEV: Machine = Machine {
    encryption: Encryption::Guest,
    ..PC
};

/// An encrypted guest's crash kernel.
const SEV_CRASH: Machine = Machine {
    encryption: Encryption::Guest,
    ..CRASH
};

/// arm64 with devices that are not coherent.
const ARM: Machine = Machine { remap: true, ..PC };

/// arm64 with pages of 64 KiB, whose ZONE_DMA reaches to 4 GiB.
const ARM_64K: Machine = Machine {
    page_size: 64 * K,
    max_chunk: 512 * M,
    managed: KERNEL.with(Zone::Dma),
    ..ARM
};

/// A small board with one zone.
const BOARD: Machine = Machine {
    total_ram: 2 * M,
    managed: DMA,
    ..ARM
};

/// Tells the tables that an option is absent.
const NONE: &str = "absent";

/// `coherent_pool=`, `coherent_pool_size=`, machine; pools; lines of the log: `W` is a warning.
type Row = (
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
    // Even the default is cut where memory is tiny.
    (NONE, NONE, Machine { total_ram: 300 * K, ..BOARD }, "dma:72K", &["W DMA: a pool of 128K is more than a quarter of memory, using 72K"]),
    (NONE, NONE, Machine { total_ram: 8 * K, ..BOARD },   "dma:4K",  &["W DMA: a pool of 128K is more than a quarter of memory, using 4K"]),
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
    ("2",  "4M",    PC,         "dma:4M", &[]),
    ("2",  "4097K", PC,         "dma:4M", &["W DMA: coherent_pool_size=4097K is not from 128K to 4M, using 4M"]),
    ("2",  "1G",    PC,         "dma:4M", &["W DMA: coherent_pool_size=1G is not from 128K to 4M, using 4M"]),
    ("2",  "131073", PC,        "dma:132K", &[]),
    ("2",  "1M",    BOARD,      "dma:512K", &["W DMA: coherent_pool=2: a pool of 1M is more than a quarter of memory, using 512K"]),
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
    ("4",  NONE,    Machine { managed: KERNEL, ..PC },
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
    ("16M",   NONE, PC,         "kernel:16M dma:16M dma32:16M", &[]),
    ("5000",  NONE, PC,         "kernel:8K dma:8K dma32:8K", &[]),
    ("96K",   NONE, ARM_64K,    "kernel:128K dma:128K", &[]),
    // At most a quarter of memory.
    ("48M",   NONE, CRASH,      "dma32:48M", &[]),
    ("49M",   NONE, CRASH,      "dma32:48M", &["W DMA: coherent_pool=49M: a pool of 49M is more than a quarter of memory, using 48M"]),
    ("15E",   NONE, CRASH,      "dma32:48M", &["W DMA: coherent_pool=15E: a pool of 15E is more than a quarter of memory, using 48M"]),
    ("18446744073709551615", NONE, CRASH,
                                "dma32:48M", &["W DMA: coherent_pool=18446744073709551615: a pool of 18446744073709551615 is more than a quarter of memory, using 48M"]),
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
    ("kernel:2M,dma32:1M", NONE, CRASH, "dma32:1M", &["W DMA: coherent_pool=kernel:2M,dma32:1M: no memory in the zone of the kernel pool, left to the dma32 pool"]),
    ("dma:2M",             NONE, CRASH, "none",     &["W DMA: coherent_pool=dma:2M: no memory in the zone of the dma pool or below, not making it"]),
    // Two that end up in one zone: the larger size.
    ("kernel:64K,dma32:96K", NONE, BOARD, "dma:96K", &["W DMA: coherent_pool=kernel:64K,dma32:96K: no memory in the zone of the kernel pool, making the dma pool",
                                                       "W DMA: coherent_pool=kernel:64K,dma32:96K: no memory in the zone of the dma32 pool, making the dma pool"]),
    ("kernel:96K,dma32:64K", NONE, BOARD, "dma:96K", &["W DMA: coherent_pool=kernel:96K,dma32:64K: no memory in the zone of the kernel pool, making the dma pool",
                                                       "W DMA: coherent_pool=kernel:96K,dma32:64K: no memory in the zone of the dma32 pool, making the dma pool"]),
    ("dma:1G,dma32:1M",    NONE, Machine { total_ram: G, ..PC },
                                          "dma:256M dma32:1M", &["W DMA: coherent_pool=dma:1G,dma32:1M: a pool of 1G is more than a quarter of memory, using 256M"]),
    ("dma:64K",            NONE, SEV_CRASH, "dma32:128K", &["W DMA: coherent_pool=dma:64K: no memory in the zone of the dma pool or below, not making it",
                                                            "W DMA: coherent_pool=dma:64K overridden, an encrypted guest cannot do I/O without atomic pools: making them of the smallest size"]),
];

/// Prints a plan as the tables write it.
fn pools(plan: &Plan) -> String {
    let pools: Vec<String> = plan
        .pools
        .iter()
        .filter_map(|(zone, size)| size.map(|size| format!("{}:{}", zone.name(), Bytes(size))))
        .collect();

    match (pools.is_empty(), plan.disabled) {
        (true, true) => "disabled".into(),
        (true, false) => "none".into(),
        (false, true) => format!("disabled, and yet {}", pools.join(" ")),
        (false, false) => pools.join(" "),
    }
}

fn check(rows: &[Row]) {
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

        assert_eq!(pools(&plan), *expected, "{row}");
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
