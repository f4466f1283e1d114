// SPDX-License-Identifier: GPL-2.0

//! Random inputs for the properties in [`checks`].
//!
//! Text is random in two ways: bytes that are mostly nonsense, and pieces of the grammar put
//! together at random, which come close to what is valid or are. A failing input is printed, and
//! kept in `proptest-regressions/` to be tried first from then on.

use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::select, //
};

use crate::checks::{
    self,
    Event,
    Scenario, //
};

/// Pieces of valid values and things that come near.
const PIECES: &[&str] = &[
    "kernel",
    "dma",
    "dma32",
    "dma3",
    "KERNEL",
    ":",
    ":",
    ",",
    ",",
    "0",
    "0x",
    "0X",
    "1",
    "7",
    "8",
    "9",
    "64",
    "128",
    "4095",
    "4096",
    "a",
    "F",
    "K",
    "k",
    "M",
    "m",
    "G",
    "T",
    "P",
    "E",
    "e",
    "-",
    "-",
    "+",
    " ",
    "\n",
    "x",
    "18446744073709551615",
    "18446744073709551616",
];

/// Values that are valid, alone, for pages of up to 64 KiB.
const VALUES: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "64K",
    "3M",
    "16M",
    "1G",
    "3P",
    "100001",
    "64K-1M",
    "1M-8M",
    "3M-15E",
    "kernel",
    "dma,dma32",
    "kernel:2M,dma:64K",
    "dma32:7E,kernel",
    "kernel:1M-2M,dma32:64K-16G",
    "dma32:64K,kernel:2M-2M",
    "kernel:96K,dma:1M,dma32:70000",
];

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => vec(any::<u8>(), 0..100),
        6 => vec(select(PIECES), 0..7).prop_map(|pieces| pieces.concat().into_bytes()),
        3 => select(VALUES).prop_map(|value| value.as_bytes().to_vec()),
    ]
}

fn page_size() -> impl Strategy<Value = usize> {
    (12u32..=18).prop_map(|shift| 1 << shift)
}

/// Any size, large or small: as likely between 4 and 8 KiB as between 4 and 8 GiB.
fn bytes() -> impl Strategy<Value = usize> {
    (any::<usize>(), 0..usize::BITS).prop_map(|(bits, shift)| bits >> shift)
}

/// Bytes of a zone: often none, and any size as with [`bytes`] otherwise.
fn zone() -> impl Strategy<Value = usize> {
    prop_oneof![1 => Just(0), 2 => bytes()]
}

fn scenario() -> impl Strategy<Value = Scenario> {
    (
        (option::weighted(0.9, text()), option::of(text())),
        (page_size(), 0u32..14, bytes()),
        ([zone(), zone(), zone()], any::<bool>(), any::<u8>()),
    )
        .prop_map(|(options, sizes, rest)| Scenario {
            pool: options.0,
            size: options.1,
            page_size: sizes.0,
            max_order: sizes.1,
            total_ram: sizes.2,
            managed: rest.0,
            remap: rest.1,
            encryption: rest.2,
        })
}

/// Cases that take about a second in all; `PROPTEST_CASES=` in the environment asks for more.
fn config() -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(1500),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn options(text in text(), page_size in page_size()) {
        checks::text(&text, page_size);
    }

    #[test]
    fn numbers(number in bytes(), suffix in select(&["", "K", "m", "G", "t", "P", "e"][..])) {
        for text in [
            format!("{number}{suffix}"),
            format!("{number:#x}{suffix}"),
            format!("0{number:o}{suffix}"),
        ] {
            checks::text(text.as_bytes(), 4096);
        }
    }

    #[test]
    fn last_occurrence_counts(
        earlier in vec(text(), 0..4),
        last in text(),
        scenario in scenario(),
    ) {
        checks::last_occurrence(&earlier, &last, &scenario);
    }

    #[test]
    fn plans(scenario in scenario()) {
        checks::plan(&scenario);
    }

    #[test]
    fn odd_machines_do_not_panic(
        scenario in scenario(),
        page_size in bytes(),
        max_order in any::<u32>(),
    ) {
        checks::no_panic(&Scenario { page_size, max_order, ..scenario });
    }

    #[test]
    fn chunk_lists(pages in 1usize..5_000, page_size in page_size(), max_order in 0u32..14) {
        checks::chunks(pages, page_size, max_order);
    }

    #[test]
    fn growth(
        pool_size in bytes(),
        failed_size in prop_oneof![Just(0), bytes()],
        room in bytes(),
        page_size in page_size(),
        max_order in 0u32..14,
    ) {
        checks::grows(pool_size, failed_size, room, page_size, max_order);
    }

    #[test]
    fn follows_load(
        min_pages in 1usize..300,
        more_pages in prop_oneof![Just(0), 1usize..3000],
        events in vec(event(), 0..60),
    ) {
        checks::follows_load(min_pages, more_pages, &events);
    }
}

/// What happens to a pool; bursts, pauses, and failures of all sizes.
fn event() -> impl Strategy<Value = Event> {
    (
        prop_oneof![Just(0), 0u64..1_000, 0u64..200_000],
        prop_oneof![Just(0), 0usize..1 << 24],
        prop_oneof![4 => Just(0), 1 => 1usize..1 << 23],
        prop_oneof![2 => Just(Some(10)), 1 => option::of(0u32..10)],
        prop::bool::weighted(0.1),
    )
        .prop_map(|(after, used, failed, memory, pressure)| Event {
            after,
            used,
            failed,
            memory,
            pressure,
        })
}

#[test]
fn search_order() {
    checks::search_orders();
}

#[test]
fn zones() {
    checks::zone_facts();
}
