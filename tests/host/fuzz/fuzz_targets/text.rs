// SPDX-License-Identifier: GPL-2.0

//! Fuzzes the options as text: the input is the text, as it is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rust_dma_pool_host::checks;

fuzz_target!(|text: &[u8]| {
    for page_shift in [12, 16] {
        checks::text(text, 1 << page_shift);
    }
});
