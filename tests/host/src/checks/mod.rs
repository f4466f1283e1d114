// SPDX-License-Identifier: GPL-2.0

//! What holds for every input, as functions that panic where it does not.
//!
//! Where inputs come from is not known here: proptest makes them up, and the fuzzer searches for
//! them. Arguments are plain numbers and text for that reason.
//!
//! - `text.rs`: options as text;
//! - `plan.rs`: from options and machine to pools;
//! - `control.rs`: the size of a pool over time;
//! - `orders.rs`: chunks, growth, search order, zones.

mod control;
mod orders;
mod plan;
mod text;

pub use control::{
    follows_load,
    Event,
    Simulation, //
};
pub use orders::{
    chunks,
    grows,
    search_orders,
    zone_facts, //
};
pub use plan::{
    last_occurrence,
    no_panic,
    plan, //
};
pub use text::text;

use crate::{
    plan::{
        zones::PerZone,
        Plan, //
    },
    policy::{
        decide,
        options::{
            parse_pool,
            parse_size,
            Options, //
        },
        Encryption,
        Machine, //
    },
};

/// Options and a machine to decide about, as plain numbers.
#[derive(Clone, Debug, Default)]
pub struct Scenario {
    /// The text after `coherent_pool=`, if given.
    pub pool: Option<Vec<u8>>,
    /// The text after `coherent_pool_size=`, if given.
    pub size: Option<Vec<u8>>,
    /// Bytes in a page.
    pub page_size: usize,
    /// The largest order of the page allocator.
    pub max_order: u32,
    /// Bytes of memory.
    pub total_ram: usize,
    /// Bytes of memory in the zones of the kernel, dma and dma32 pool.
    pub managed: [usize; 3],
    /// `DMA_DIRECT_REMAP` is built in.
    pub remap: bool,
    /// None, host, guest: the remainder of a division by 3.
    pub encryption: u8,
}

/// A line that the log shows as it is, whole (a record holds about 1000 bytes).
fn log_line(line: &str) {
    assert!(line.starts_with("DMA: "), "{line}");
    assert!(line.len() < 700, "{line}");
    assert!(
        line.bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic()),
        "{line}"
    );
    assert!(!line.ends_with(['.', ' ']), "{line}");
}

/// Runs the policy; each message comes with whether it is a warning.
pub(crate) fn run(options: &Options, machine: &Machine) -> (Plan, Vec<(bool, String)>) {
    let mut messages = Vec::new();
    let plan = decide(options, machine, &mut |message| {
        let line = message.to_string();
        log_line(&line);
        assert!(!line.contains("  "), "{line}");
        messages.push((message.is_warning(), line));
    });
    (plan, messages)
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
        managed: PerZone(scenario.managed).map(|_, bytes| bytes / page_size * page_size),
        remap: scenario.remap,
        encryption: match scenario.encryption % 3 {
            0 => Encryption::None,
            1 => Encryption::Host,
            _ => Encryption::Guest,
        },
    }
}
