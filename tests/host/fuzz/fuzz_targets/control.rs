// SPDX-License-Identifier: GPL-2.0

//! Fuzzes how the size of a pool follows the load: three bytes are its limits, and each eight bytes
//! after that are something that happens.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rust_dma_pool_host::checks::{
    follows_load,
    Event, //
};

/// Longer histories find nothing that several short ones do not.
const MAX_EVENTS: usize = 32;

fuzz_target!(|input: &[u8]| {
    let Some(([min, more, more_high], events)) = input.split_first_chunk() else {
        return;
    };
    let events: Vec<Event> = events
        .chunks_exact(8)
        .take(MAX_EVENTS)
        .map(|bytes| event(bytes.try_into().expect("eight bytes")))
        .collect();
    let more = usize::from(u16::from_le_bytes([*more, *more_high]));

    follows_load(1 + usize::from(*min), more % 4096, &events);
});

/// The exponents of what differs by orders of magnitude, with what comes below them.
fn event([after, ms, used, used_low, failed, failed_low, memory, pressure]: [u8; 8]) -> Event {
    let number = |exponent: u8, low: u8, max: u8| match exponent % (max + 1) {
        0 => 0,
        exponent => (256 + usize::from(low)) << exponent >> 8,
    };

    Event {
        after: number(after, ms, 18) as u64,
        used: number(used, used_low, 24),
        failed: number(failed, failed_low, 23),
        memory: (memory < 250).then_some(u32::from(memory) % 11),
        pressure: pressure % 8 == 0,
    }
}
