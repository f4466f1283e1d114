// SPDX-License-Identifier: GPL-2.0

//! From options and a machine to pools.

use crate::{
    model,
    plan::{
        sizes::{
            creation,
            growth, //
        }, //
        zones::{
            PerZone,
            Zone,
            ZoneSet, //
        },
    },
    policy::{
        options::{
            parse_pool,
            parse_size,
            Listed,
            Options,
            Selection, //
        },
        Encryption,
        Machine, //
    },
};

use super::{
    run,
    Scenario, //
};

/// Only the last occurrence of an option counts: nothing of an earlier one is left.
pub fn last_occurrence(earlier: &[Vec<u8>], last: &[u8], scenario: &Scenario) {
    let machine = machine(scenario);
    let mut options = Options::default();

    for text in earlier {
        options.pool = parse_pool(text, machine.page_size).ok();
        let _ = run(&options, &machine);
    }
    options.pool = parse_pool(last, machine.page_size).ok();

    let alone = Options {
        pool: model::selection(last, machine.page_size),
        size: None,
    };
    let (plan, _) = run(&options, &machine);
    assert_eq!(
        (plan.pools.0, plan.disabled),
        model::pools(&alone, &machine),
        "{options:?} {machine:?}"
    );
}

/// Neither the decision nor its messages panic, however odd the machine.
pub fn no_panic(scenario: &Scenario) {
    let mut machine = machine(scenario);

    machine.page_size = scenario.page_size;
    machine.max_chunk = scenario.total_ram.rotate_left(scenario.max_order);
    run(&options(scenario, &machine), &machine);
    creation(
        scenario.total_ram,
        false,
        machine.page_size,
        scenario.max_order,
    )
    .for_each(drop);
    growth(
        scenario.total_ram,
        machine.max_chunk,
        machine.page_size,
        scenario.max_order,
    );
}

/// What must hold for each plan, on a machine that can exist.
pub fn plan(scenario: &Scenario) {
    let machine = machine(scenario);
    let options = options(scenario, &machine);
    let (plan, messages) = run(&options, &machine);
    let warned = messages.iter().any(|(warning, _)| *warning);
    let some = zones(&plan.pools, |size| size.is_some());
    let guest = machine.encryption == Encryption::Guest;
    let context = format!("{options:?} {machine:?} {plan:?} {messages:#?}");

    assert_eq!(
        (plan.pools.0, plan.disabled),
        model::pools(&options, &machine),
        "{context}"
    );

    let limit = (machine.total_ram / 4 / machine.page_size).max(1) * machine.page_size;
    for (zone, size) in plan.pools.iter() {
        let Some(size) = *size else { continue };
        assert!(
            machine.managed.contains(zone),
            "in an empty zone: {context}"
        );
        assert!(
            size > 0 && size % machine.page_size == 0,
            "not in pages: {context}"
        );
        assert!(size <= limit, "too large: {context}");
    }

    if plan.disabled {
        assert!(some.is_empty() && !guest, "disabled: {context}");
    }
    if guest && !machine.managed.is_empty() {
        assert!(!some.is_empty(), "a guest without pools: {context}");
    }

    let users = machine.remap || machine.encryption != Encryption::None;
    match options.pool {
        None => {
            let expected = if users {
                machine.managed
            } else {
                ZoneSet::EMPTY
            };
            assert_eq!(some, expected, "gate: {context}");
            assert!(!plan.disabled, "{context}");
            assert_eq!(
                messages
                    .iter()
                    .any(|(_, message)| message.contains("no atomic pools")),
                !users
            );
        }
        Some(Selection::Disabled) => {
            assert_eq!(plan.disabled, !guest, "{context}");
            assert_eq!(warned, users, "{context}");
        }
        Some(Selection::Size(size)) => {
            assert_eq!(some, machine.managed, "{context}");
            for (_, got) in plan.pools.iter() {
                exact(size.min, *got, &machine, &context);
            }
            let cut = size
                .min
                .checked_next_multiple_of(machine.page_size)
                .is_none_or(|s| s > limit);
            assert!(cut || !warned, "warned of nothing: {context}");
        }
        Some(Selection::Mask(selected)) => {
            placed(selected, some, warned, &machine, &context);
        }
        Some(Selection::List(list)) => {
            let selected = zones(&list, |listed| listed.is_some());
            placed(selected, some, warned, &machine, &context);
            for (zone, listed) in list.iter() {
                if let (Some(Listed::Size(size)), true) = (listed, some.contains(zone)) {
                    exact(size.min, *plan.pools.get(zone), &machine, &context);
                }
            }
        }
    }

    // A guest that got pools against its will has a fixed size, however small a chunk is.
    let overridden = messages
        .iter()
        .any(|(_, message)| message.contains(" overridden"));
    assert!(!overridden || guest, "{context}");
    if let (None | Some(Selection::Mask(_)), None, false) = (options.pool, options.size, overridden)
    {
        for (_, size) in plan.pools.iter() {
            let Some(size) = size.filter(|size| *size < limit) else {
                continue;
            };
            assert!(size.is_power_of_two(), "default: {context}");
            assert!(
                size >= 128 << 10 || size == machine.max_chunk,
                "default: {context}"
            );
            assert!(size <= machine.max_chunk, "default: {context}");
        }
    }
    let ignored = messages
        .iter()
        .any(|(_, message)| message.contains(" ignored"));
    let used = match options.pool {
        None => users,
        Some(pool) => matches!(pool, Selection::Mask(_)),
    };
    assert_eq!(ignored, options.size.is_some() && !used, "{context}");
}

/// A size that fits is what the user gets, in whole pages and not rounded to anything else.
fn exact(asked: usize, got: Option<usize>, machine: &Machine, context: &str) {
    let pages = asked.div_ceil(machine.page_size);
    let limit = (machine.total_ram / 4 / machine.page_size).max(1);

    if let Some(got) = got {
        assert_eq!(
            got / machine.page_size,
            pages.min(limit),
            "not exact: {context}"
        );
    }
}

/// Selected pools are where they were selected; what is missing there is below, with a warning.
fn placed(selected: ZoneSet, some: ZoneSet, warned: bool, machine: &Machine, context: &str) {
    let mut expected = ZoneSet::EMPTY;

    for zone in Zone::ALL
        .into_iter()
        .filter(|zone| selected.contains(*zone))
    {
        if machine.managed.contains(zone) {
            expected = expected.with(zone);
            continue;
        }
        assert!(warned, "moved in silence: {context}");
        let place = Zone::ALL.iter().position(|other| *other == zone);
        let mut lower = model::down_from(place.expect("a zone")).map(|place| Zone::ALL[place]);
        if let Some(lower) = lower.find(|zone| machine.managed.contains(*zone)) {
            expected = expected.with(lower);
        }
    }
    if expected.is_empty() && machine.encryption == Encryption::Guest {
        expected = machine.managed;
    }
    assert_eq!(some, expected, "{context}");
}

/// The zones whose value passes `test`.
fn zones<T>(values: &PerZone<T>, test: impl Fn(&T) -> bool) -> ZoneSet {
    values
        .iter()
        .filter(|(_, value)| test(value))
        .fold(ZoneSet::EMPTY, |set, (zone, _)| set.with(zone))
}

/// The options of a scenario; what does not parse counts as absent.
fn options(scenario: &Scenario, machine: &Machine) -> Options {
    let pool = scenario.pool.as_deref();
    let size = scenario.size.as_deref();

    Options {
        pool: pool.and_then(|text| parse_pool(text, machine.page_size).ok()),
        size: size.and_then(|text| parse_size(text).ok()),
    }
}

/// The machine of a scenario, with numbers that a machine can have.
fn machine(scenario: &Scenario) -> Machine {
    let page_size = scenario
        .page_size
        .clamp(4 << 10, 256 << 10)
        .next_power_of_two();
    let max_chunk = page_size << (scenario.max_order % 14);

    Machine {
        page_size,
        max_chunk,
        total_ram: scenario.total_ram / page_size * page_size,
        managed: ZoneSet::from_mask(scenario.managed % 8).expect("three bits"),
        remap: scenario.remap,
        encryption: match scenario.encryption % 3 {
            0 => Encryption::None,
            1 => Encryption::Host,
            _ => Encryption::Guest,
        },
    }
}
