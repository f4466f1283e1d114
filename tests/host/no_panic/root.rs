// SPDX-License-Identifier: GPL-2.0

//! A crate that uses everything the pure files offer, as kernel code would: see
//! `src/no_panic.rs`. Nothing here is ever run.

#![no_std]

use core::fmt::{
    self,
    Write, //
};

#[path = "../../../plan/mod.rs"]
mod plan;
#[path = "../../../policy/mod.rs"]
mod policy;

use plan::{
    control::{
        Action,
        Control,
        Load, //
    },
    sizes::{
        creation,
        growth, //
    }, //
    zones::{
        search_order,
        PerZone,
        Zone,
        ZoneSet, //
    },
    Limits, //
};
use policy::{
    decide,
    options::{
        parse_pool,
        parse_size,
        BadValue,
        Options, //
    },
    Encryption,
    Machine, //
};

/// Takes text wherever the caller wants it.
struct Sink(fn(&str) -> bool);

impl Write for Sink {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if (self.0)(text) {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}

/// Reads, prints and refuses text.
#[no_mangle]
pub extern "Rust" fn pure_text(
    text: &[u8],
    page_size: usize,
    print: fn(&str) -> bool,
) -> fmt::Result {
    let mut sink = Sink(print);

    if let Ok(selection) = parse_pool(text, page_size) {
        write!(sink, "{selection}")?;
    }
    write!(
        sink,
        "{}",
        BadValue {
            option: "coherent_pool",
            value: text,
            page_size,
        }
    )
}

/// Decides about anything, and prints the messages.
#[no_mangle]
pub extern "Rust" fn pure_decide(
    text: [&[u8]; 2],
    [page_size, max_chunk, total_ram]: [usize; 3],
    managed: [usize; 3],
    flags: u8,
    print: fn(&str) -> bool,
) -> Option<[Option<[usize; 2]>; 3]> {
    let [pool, size] = text;
    let machine = Machine {
        page_size,
        max_chunk,
        total_ram,
        managed: PerZone(managed),
        remap: flags & 1 != 0,
        encryption: match flags & 6 {
            2 => Encryption::Host,
            4 => Encryption::Guest,
            _ => Encryption::None,
        },
    };
    let options = Options {
        pool: parse_pool(pool, page_size).ok(),
        size: parse_size(size).ok(),
    };
    let mut sink = Sink(print);
    let mut failed = false;
    let plan = decide(&options, &machine, &mut |message| {
        failed |= write!(sink, "{} {message}", message.is_warning()).is_err();
    });

    if failed || plan.disabled {
        return None;
    }
    let limits = |Limits { min, max }| [min, max];
    Some(plan.pools.0.map(|pool| pool.map(limits)))
}

/// Calculates sizes of chunks.
#[no_mangle]
pub extern "Rust" fn pure_sizes(
    pool_size: usize,
    failed_size: usize,
    page_size: usize,
    max_order: u32,
) -> Option<[usize; 3]> {
    let sizes = growth(pool_size, failed_size, page_size, page_size, max_order)?;
    let pages = creation(pool_size, false, page_size, max_order).fold(0, usize::wrapping_add);
    Some([sizes.largest, sizes.smallest, pages])
}

/// Lets the control of a pool look twice, and says how that went.
#[no_mangle]
pub(crate) extern "Rust" fn pure_control(
    limits: [usize; 2],
    page_size: usize,
    loads: [Load; 2],
) -> u64 {
    let [min, max] = limits;
    let mut control = Control::new(Limits { min, max }, page_size, 10);
    let mut next = 0;

    for load in &loads {
        match control.look(load) {
            Action::Rest => (),
            Action::Grow(sizes) => control.grew(load.now, Some(sizes.largest)),
            Action::Shrink { keep } => {
                control.shrunk(load);
                control.grew(keep as u64, None);
            }
        }
        if control.reached_ceiling() {
            control.stop();
        }
        next ^= control
            .next_look(load)
            .unwrap_or(control.reach(load.size) as u64);
    }
    next
}

/// Walks zones, sets and tables.
#[no_mangle]
pub extern "Rust" fn pure_zones(
    wanted: u8,
    present: u8,
    values: [usize; 3],
    visit: fn(&str, &str),
) -> usize {
    let wanted = match wanted {
        0 => Zone::Kernel,
        1 => Zone::Dma,
        _ => Zone::Dma32,
    };
    let present = ZoneSet::from_mask(present).unwrap_or(ZoneSet::EMPTY);
    let mut table = PerZone(values);

    for zone in search_order(wanted, present) {
        *table.get_mut(zone) = *table.get(wanted);
    }
    for zone in Zone::ALL {
        if !present.contains(zone) && !present.with(zone).is_empty() {
            visit(zone.name(), zone.gfp_name());
        }
    }
    let wanted_size = *table.get(wanted);
    for (zone, value) in table.iter() {
        if *value == wanted_size && zone != wanted {
            visit("", "");
        }
    }
    *table
        .map(|zone, value| value ^ usize::from(zone.bit()))
        .get(wanted)
}
