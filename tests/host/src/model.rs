// SPDX-License-Identifier: GPL-2.0

//! Second opinions: the same answers as the code under test, found in another way.
//!
//! Written for being seen to be right, with `std`, wide integers and panics where they help. Do
//! not share code with `policy/`: two equal mistakes would cancel out.

use crate::plan::{
    zones::{
        PerZone,
        Zone,
        ZoneSet, //
    }, //
};
use crate::policy::{
    options::{
        Listed,
        Options,
        Selection,
        SizeRange, //
    },
    Encryption,
    Machine, //
};

/// Reads a number as `memparse()` does, except that all of it must be used and must fit.
pub(crate) fn number(text: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(text).ok()?.to_ascii_lowercase();
    let hex = text
        .strip_prefix("0x")
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_hexdigit()));
    let (radix, digits) = match hex {
        Some(rest) => (16, rest),
        None if text.starts_with('0') => (8, text.as_str()),
        None => (10, text.as_str()),
    };
    let end = digits
        .find(|c: char| !c.is_digit(radix))
        .unwrap_or(digits.len());
    let (digits, suffix) = digits.split_at(end);
    let number = u128::from_str_radix(digits, radix).ok()?;
    let power = match suffix {
        "" => 0,
        _ => {
            1 + ["k", "m", "g", "t", "p", "e"]
                .iter()
                .position(|s| *s == suffix)?
        }
    };

    // Neither the number nor the unit alone may exceed C's `unsigned long long`.
    let number = u64::try_from(number).ok()?;
    let unit = 1024u128.pow(u32::try_from(power).ok()?);
    usize::try_from(u128::from(number) * unit).ok()
}

/// Reads a value of `coherent_pool=`.
pub(crate) fn selection(text: &[u8], page_size: usize) -> Option<Selection> {
    match number(text) {
        Some(0) => return Some(Selection::Disabled),
        Some(number @ 1..=7) => {
            return Some(Selection::Mask(
                ZoneSet::from_mask(number as u8).expect("three bits"),
            ))
        }
        _ => (),
    }

    let text = std::str::from_utf8(text).ok()?;
    let size = |text: &str| {
        let sides: Option<Vec<usize>> = text
            .split('-')
            .map(|side| number(side.as_bytes()).filter(|size| *size >= page_size))
            .collect();

        match sides?[..] {
            [min] => Some(SizeRange { min, max: None }),
            [min, max] if min <= max => Some(SizeRange {
                min,
                max: Some(max),
            }),
            _ => None,
        }
    };

    if let Some(size) = size(text) {
        return Some(Selection::Size(size));
    }
    let (mut kernel, mut dma, mut dma32) = (None, None, None);
    for item in text.split(',') {
        let (name, listed) = match item.split_once(':') {
            None => (item, Listed::Default),
            Some((name, text)) => (name, Listed::Size(size(text)?)),
        };
        let slot = match name {
            "kernel" => &mut kernel,
            "dma" => &mut dma,
            "dma32" => &mut dma32,
            _ => return None,
        };
        if slot.is_some() {
            return None;
        }
        *slot = Some(listed);
    }
    Some(Selection::List(PerZone([kernel, dma, dma32])))
}

/// Bytes that a pool has at first, and bytes that it may grow to.
pub(crate) type Limits = (usize, usize);

/// The same as they were asked for.
type Asked = (u128, Option<u128>);

/// The limits of each pool, in the order kernel, dma, dma32, and whether the user switched all off:
/// the tables of the admin guide, one case after the other.
pub(crate) fn pools(options: &Options, machine: &Machine) -> ([Option<Limits>; 3], bool) {
    let guest = machine.encryption == Encryption::Guest;
    let everywhere = |asked: Asked| machine.managed.0.map(|bytes| (bytes > 0).then_some(asked));
    let range = |size: SizeRange| (size.min as u128, size.max.map(|max| max as u128));
    let smallest = limits(everywhere((128 << 10, None)), machine);

    let asked = match options.pool {
        None if machine.remap || machine.encryption != Encryption::None => {
            everywhere((common(options, machine), None))
        }
        None => return ([None; 3], false),
        Some(Selection::Disabled) if guest => return (smallest, false),
        Some(Selection::Disabled) => return ([None; 3], true),
        Some(Selection::Size(size)) => everywhere(range(size)),
        Some(Selection::Mask(mask)) => ZONES.map(|zone| {
            mask.contains(zone)
                .then(|| (common(options, machine), None))
        }),
        Some(Selection::List(PerZone(list))) => list.map(|listed| match listed {
            None => None,
            Some(Listed::Default) => Some((default(machine), None)),
            Some(Listed::Size(size)) => Some(range(size)),
        }),
    };

    let made = limits(asked, machine);
    if guest && made == [None; 3] {
        return (smallest, false);
    }
    (made, false)
}

/// The pools at the end of their way down: of all that come to a zone, the most.
fn limits(asked: [Option<Asked>; 3], machine: &Machine) -> [Option<Limits>; 3] {
    let managed = machine.managed.0;
    let page = machine.page_size as u128;
    let in_pages = |bytes: u128| bytes.div_ceil(page) * page;

    [0, 1, 2].map(|place| {
        let zone = managed[place] as u128;
        let quarter = (zone / (4 * page)).max(1) * page;
        let here: Vec<Asked> = (0..3)
            .filter(|from| down_from(*from).find(|to| managed[*to] > 0) == Some(place))
            .filter_map(|from| asked[from])
            .collect();
        let min = here.iter().map(|(min, _)| in_pages(*min)).max()?;
        let max = here
            .iter()
            .map(|(_, max)| max.map_or(quarter, in_pages))
            .max()?;
        let number = |bytes: u128| usize::try_from(bytes).expect("less than memory");

        Some((number(min.min(quarter)), number(max.min(zone))))
    })
}

/// In the order of [`pools`]'s result.
const ZONES: [Zone; 3] = [Zone::Kernel, Zone::Dma, Zone::Dma32];

/// The places of a zone and of those of lower addresses.
pub(crate) fn down_from(place: usize) -> impl Iterator<Item = usize> {
    let order = [0, 2, 1];

    order.into_iter().skip_while(move |other| *other != place)
}

/// The size that is not said with the pools.
fn common(options: &Options, machine: &Machine) -> u128 {
    match options.size {
        None => default(machine),
        Some(bytes) if bytes < 128 << 10 => 128 << 10,
        Some(bytes) if bytes > 4 << 20 => 4 << 20,
        Some(bytes) => bytes as u128,
    }
}

/// 128 KiB for each GiB, in whole pages, then up to a power of two that is one block.
fn default(machine: &Machine) -> u128 {
    let page = machine.page_size as u128;
    let mut power = 128 << 10;

    while power < machine.total_ram as u128 / page / 8192 * page {
        power *= 2;
    }
    power.min(machine.max_chunk as u128)
}

/// The pools that `dma_alloc_from_pool()` of kernel/dma/pool.c asks, in order: its loop over
/// `dma_guess_pool()`, line by line.
pub(crate) fn search_order(gfp: Zone, present: ZoneSet) -> Vec<Zone> {
    let mut asked = Vec::new();
    let mut dma_pool = None;

    loop {
        dma_pool = dma_guess_pool(dma_pool, gfp, present);
        match dma_pool {
            None => return asked,
            Some(pool) => asked.push(pool),
        }
    }
}

/// `dma_guess_pool()`; "no pointer" is `None`.
fn dma_guess_pool(prev: Option<Zone>, gfp: Zone, present: ZoneSet) -> Option<Zone> {
    use Zone::{
        Dma,
        Dma32,
        Kernel, //
    };

    let guess = |first: Zone, second: Option<Zone>, third: Option<Zone>| -> Option<Zone> {
        if present.contains(first) {
            return Some(first);
        }
        if second.is_some_and(|second| present.contains(second)) {
            return second;
        }
        if third.is_some_and(|third| present.contains(third)) {
            return third;
        }
        None
    };

    let Some(prev) = prev else {
        if gfp == Dma {
            return guess(Dma, Some(Dma32), Some(Kernel));
        }
        if gfp == Dma32 {
            return guess(Dma32, Some(Dma), Some(Kernel));
        }
        return guess(Kernel, Some(Dma32), Some(Dma));
    };

    if prev == Kernel {
        return guess(Dma32, Some(Dma), None);
    }
    if prev == Dma32 {
        return guess(Dma, None, None);
    }
    None
}
