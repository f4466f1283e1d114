// SPDX-License-Identifier: GPL-2.0

//! Fuzzes the policy: the first line of the input is the text of `coherent_pool=`, the second that
//! of `coherent_pool_size=` (a line of `-` stands for an absent option), and what follows, if
//! anything, are the bytes that describe the machine.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rust_dma_pool_host::checks::{
    self,
    Scenario, //
};

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let mut option = || {
        lines
            .next()
            .filter(|text| *text != b"-")
            .map(<[u8]>::to_vec)
    };
    let (pool, size) = (option(), option());
    let mut machine = lines.next().unwrap_or_default().iter().copied();
    let mut byte = || machine.next().unwrap_or_default();

    let (flags, shifts) = (byte(), byte());
    let mut number = || u64::from_le_bytes(std::array::from_fn(|_| byte())) as usize;
    let scenario = Scenario {
        pool,
        size,
        page_size: 4096 << (shifts % 7),
        max_order: u32::from(shifts / 7),
        total_ram: number(),
        managed: std::array::from_fn(|_| number()),
        remap: flags & 1 != 0,
        encryption: flags >> 1,
    };
    checks::plan(&scenario);
    checks::no_panic(&scenario);
});
