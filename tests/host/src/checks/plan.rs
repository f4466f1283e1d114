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
        Limits,
        Plan, //
    },
    policy::{
        options::{
            parse_pool,
            Listed,
            Options,
            Selection,
            SizeRange, //
        },
        Encryption,
        Machine, //
    },
};

use super::{
    machine,
    options,
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
        (limits(&plan), plan.disabled),
        model::pools(&alone, &machine),
        "{options:?} {machine:?}"
    );
}

/// Neither the decision nor its messages panic, however odd the machine.
pub fn no_panic(scenario: &Scenario) {
    let mut machine = machine(scenario);

    machine.page_size = scenario.page_size;
    machine.max_chunk = scenario.total_ram.rotate_left(scenario.max_order);
    machine.managed = PerZone(scenario.managed);

    let (plan, _) = run(&options(scenario, &machine), &machine);
    for pool in plan.pools.0.into_iter().flatten() {
        assert!(pool.min <= pool.max, "{machine:?} {plan:?}");
    }
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
        scenario.total_ram,
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
    let some = zones(&plan.pools, |pool| pool.is_some());
    let guest = machine.encryption == Encryption::Guest;
    let count = |words: &str| {
        messages
            .iter()
            .filter(|(_, message)| message.contains(words))
            .count()
    };
    let context = format!("{options:?} {machine:?} {plan:?} {messages:#?}");

    assert_eq!(
        (limits(&plan), plan.disabled),
        model::pools(&options, &machine),
        "{context}"
    );

    for (zone, pool) in plan.pools.iter() {
        let Some(Limits { min, max }) = *pool else {
            continue;
        };
        let managed = *machine.managed.get(zone);
        assert!(managed > 0, "in an empty zone: {context}");
        for size in [min, max] {
            assert!(
                size > 0 && size % machine.page_size == 0,
                "not in pages: {context}"
            );
        }
        assert!(min <= quarter(zone, &machine), "too large: {context}");
        assert!(min <= max && max <= managed, "ceiling: {context}");
    }

    if plan.disabled {
        assert!(some.is_empty() && !guest, "disabled: {context}");
    }
    if guest && !machine.zones().is_empty() {
        assert!(!some.is_empty(), "a guest without pools: {context}");
    }

    let users = machine.remap || machine.encryption != Encryption::None;
    match options.pool {
        None => {
            let expected = if users {
                machine.zones()
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
            assert_eq!(some, machine.zones(), "{context}");
            for (zone, got) in plan.pools.iter() {
                exact(size, zone, *got, &machine, &context);
            }
            let cut = zones(&machine.managed, |managed| {
                *managed > 0 && size.max.is_some_and(|max| max > *managed)
            });
            assert_eq!(count("than its zone has"), members(cut), "{context}");
        }
        Some(Selection::Mask(selected)) => {
            placed(selected, some, warned, &machine, &context);
        }
        Some(Selection::List(list)) => {
            let selected = zones(&list, |listed| listed.is_some());
            placed(selected, some, warned, &machine, &context);
            for (zone, listed) in list.iter() {
                // Where a pool comes from another zone the larger size counts.
                if let (Some(Listed::Size(size)), true) = (listed, machine.zones() == ZoneSet::ALL)
                {
                    exact(*size, zone, *plan.pools.get(zone), &machine, &context);
                }
            }
        }
    }

    // A guest that got pools against its will has a fixed size, however small a chunk is.
    let overridden = messages
        .iter()
        .any(|(_, message)| message.contains(" overridden"));
    assert!(!overridden || guest, "{context}");
    // A line for each pool that is smaller than what somebody typed, and none for a default.
    let typed = match (options.pool, options.size) {
        _ if overridden => Some(0),
        (Some(Selection::Size(size)), _) => Some(size.min),
        (None | Some(Selection::Mask(_)), Some(size)) => Some(size.clamp(128 << 10, 4 << 20)),
        (Some(Selection::List(PerZone(list))), _) if !list.iter().flatten().all(is_default) => None,
        _ => Some(0),
    };
    if let Some(typed) = typed {
        let cut = zones(&plan.pools, |pool| {
            pool.is_some_and(|pool| pool.min < typed)
        });
        assert_eq!(count("a quarter of its zone"), members(cut), "{context}");
    }

    if let (None | Some(Selection::Mask(_)), None, false) = (options.pool, options.size, overridden)
    {
        for (zone, pool) in plan.pools.iter() {
            let Some(Limits { min, max }) = *pool else {
                continue;
            };
            assert_eq!(max, quarter(zone, &machine), "default: {context}");
            if min == max {
                continue;
            }
            assert!(min.is_power_of_two(), "default: {context}");
            assert!(
                min >= 128 << 10 || min == machine.max_chunk,
                "default: {context}"
            );
            assert!(min <= machine.max_chunk, "default: {context}");
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
fn exact(asked: SizeRange, zone: Zone, got: Option<Limits>, machine: &Machine, context: &str) {
    let Some(got) = got else { return };
    let pages = |bytes: usize| bytes.div_ceil(machine.page_size);
    let managed = *machine.managed.get(zone);
    let quarter = quarter(zone, machine);

    assert_eq!(
        got.min / machine.page_size,
        pages(asked.min).min(quarter / machine.page_size),
        "not exact: {context}"
    );
    assert_eq!(
        got.max / machine.page_size,
        pages(asked.max.unwrap_or(quarter)).min(managed / machine.page_size),
        "ceiling not exact: {context}"
    );
}

/// A quarter of a zone, and at least a page.
fn quarter(zone: Zone, machine: &Machine) -> usize {
    let pages = machine.managed.get(zone) / 4 / machine.page_size;

    pages.max(1) * machine.page_size
}

fn is_default(listed: &Listed) -> bool {
    *listed == Listed::Default
}

/// The pools as the model writes them.
fn limits(plan: &Plan) -> [Option<model::Limits>; 3] {
    plan.pools
        .0
        .map(|pool| pool.map(|pool| (pool.min, pool.max)))
}

/// Selected pools are where they were selected; what is missing there is below, with a warning.
fn placed(selected: ZoneSet, some: ZoneSet, warned: bool, machine: &Machine, context: &str) {
    let mut expected = ZoneSet::EMPTY;

    for zone in Zone::ALL
        .into_iter()
        .filter(|zone| selected.contains(*zone))
    {
        if machine.zones().contains(zone) {
            expected = expected.with(zone);
            continue;
        }
        assert!(warned, "moved in silence: {context}");
        let place = Zone::ALL.iter().position(|other| *other == zone);
        let mut lower = model::down_from(place.expect("a zone")).map(|place| Zone::ALL[place]);
        if let Some(lower) = lower.find(|zone| machine.zones().contains(*zone)) {
            expected = expected.with(lower);
        }
    }
    if expected.is_empty() && machine.encryption == Encryption::Guest {
        expected = machine.zones();
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

fn members(zones: ZoneSet) -> usize {
    zones.mask().count_ones() as usize
}
