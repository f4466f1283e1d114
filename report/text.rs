// SPDX-License-Identifier: GPL-2.0

//! The figures of the pools as text: `stats` for scripts, `summary` for people.
//!
//! `stats` is stable: a line `KEY=VALUE` each, sizes in bytes, the keys of a pool begin with its
//! name. Lines may be added, none goes away or changes its meaning without a new `version`.

use core::fmt::Write;

use kernel::{
    page::{
        PAGE_SHIFT,
        PAGE_SIZE, //
    },
    prelude::*,
    str::CStr,
    sync::rcu, //
};

use crate::{
    memory::chunk_memory::LEAKED,
    plan::zones::Zone,
    pool::{
        pool::Pool,
        Pools, //
    },
    sync::read_once,
};

/// The figures of a pool, in the order in which they are written.
pub(super) const NAMES: [&CStr; 19] = [
    c"size",
    c"min",
    c"max",
    c"used",
    c"used_hiwater",
    c"largest_free",
    c"chunks",
    c"blocks",
    c"allocs",
    c"frees",
    c"failed_full",
    c"failed_mask",
    c"largest_request",
    c"largest_failed",
    c"growths",
    c"failed_growths",
    c"shrinks",
    c"leaked",
    c"cc_shared",
];

/// The place of the one that can be set back.
pub(super) const HIWATER: usize = 4;

/// Their values now.
#[inline(never)]
pub(super) fn values(pools: &Pools, guard: &rcu::Guard, pool: &Pool) -> [usize; NAMES.len()] {
    let figures = &pool.figures;
    let (allocs, frees) = pool.calls();

    [
        read_once(&pool.size),
        pool.initial(),
        pool.max(),
        pool.used(),
        pool.hiwater(),
        pools.largest_free(guard, pool.zone),
        pools
            .chunks(guard, pool.zone)
            .fold(0, |count, _| usize::wrapping_add(count, 1)),
        pool.blocks(),
        allocs,
        frees,
        read_once(&figures.failed_full),
        read_once(&figures.failed_mask),
        read_once(&figures.largest_request).max(if allocs == 0 { 0 } else { PAGE_SIZE }),
        read_once(&figures.largest_failed),
        read_once(&figures.growths),
        read_once(&figures.failed_growths),
        read_once(&figures.shrinks),
        read_once(LEAKED.get(pool.zone)),
        usize::from(pool.kind.is_shared()),
    ]
}

/// Text with room for so much; the rest is cut.
pub(super) struct Text(KVVec<u8>);

impl Text {
    /// May sleep; `ENOMEM` if there is no memory.
    pub(super) fn with_capacity(capacity: usize) -> Result<Self> {
        Ok(Self(KVVec::with_capacity(capacity, GFP_KERNEL)?))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    #[inline(never)]
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            // What does not fit is cut.
            let _ = self.0.push_within_capacity(*byte);
        }
    }

    /// A number and the end of a line.
    pub(super) fn line(&mut self, value: usize) {
        self.cell(value, 0);
        self.push(b"\n");
    }

    /// A number, with spaces before it.
    #[inline(never)]
    pub(super) fn cell(&mut self, value: usize, width: usize) {
        // It is cut, but does not fail.
        let _ = write!(self, "{value:width$}");
    }

    /// The name of a pool, with spaces after it.
    #[inline(never)]
    pub(super) fn name(&mut self, zone: Zone) {
        self.push(zone.name().as_bytes());
        self.push(b"      ".get(zone.name().len()..).unwrap_or_default());
    }

    /// A name, which may be padded with NUL.
    #[inline(never)]
    pub(super) fn padded(&mut self, name: &[u8]) {
        self.push(name.split(|byte| *byte == 0).next().unwrap_or_default());
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// The pools that there are.
fn each_pool<'a>(pools: &'a Pools) -> impl Iterator<Item = &'a Pool> {
    Zone::ALL
        .into_iter()
        .filter_map(|zone| Some(&**pools.pool(zone)?))
}

/// All figures, one per line.
pub(super) fn stats(text: &mut Text, pools: &Pools, guard: &rcu::Guard) {
    text.push(b"version=1\n");
    for pool in each_pool(pools) {
        let name = pool.zone.name().as_bytes();

        for (figure, value) in NAMES.into_iter().zip(values(pools, guard, pool)) {
            text.push(name);
            text.push(b"_");
            text.padded(figure.to_bytes_with_nul());
            text.push(b"=");
            text.line(value);
        }
        text.push(name);
        text.push(b"_largest_failed_dev=");
        text.padded(&pool.figures.largest_failed_dev());
        text.push(b"\n");
    }
    text.push(b"failed_no_pool=");
    text.line(read_once(&pools.missing_allocs));
    text.push(b"failed_disabled=");
    text.line(read_once(&pools.disabled_allocs));
    text.push(b"leaked=");
    text.line(
        LEAKED
            .iter()
            .map(|(_, bytes)| read_once(bytes))
            .fold(0, usize::wrapping_add),
    );
}

/// A table of the pools, and one of their chunks. Sizes are in KiB.
pub(super) fn summary(text: &mut Text, pools: &Pools, guard: &rcu::Guard) {
    text.push(
        b"pool    size KiB      min      max     used     peak  largest  blocks   failed  grown  shrunk\n",
    );
    for pool in each_pool(pools) {
        let [size, min, max, used, hiwater, largest_free, _, blocks, _, _, full, mask, _, _, growths, _, shrinks, ..] =
            values(pools, guard, pool);

        text.name(pool.zone);
        for (value, width) in [
            (size >> 10, 10),
            (min >> 10, 9),
            (max >> 10, 9),
            (used >> 10, 9),
            (hiwater >> 10, 9),
            (largest_free >> 10, 9),
            (blocks, 8),
            (full.wrapping_add(mask), 9),
            (growths, 7),
            (shrinks, 8),
        ] {
            text.cell(value, width);
        }
        text.push(b"\n");
    }
    text.push(b"\nchunk   size KiB     used  order  origin  address\n");
    for pool in each_pool(pools) {
        for chunk in pools.chunks(guard, pool.zone) {
            let order = (chunk.size() >> PAGE_SHIFT).checked_ilog2().unwrap_or(0);

            text.name(pool.zone);
            text.cell(chunk.size() >> 10, 10);
            text.cell(chunk.used() >> 10, 9);
            // CAST: A small number.
            text.cell(order as usize, 7);
            // It is cut, but does not fail.
            let _ = writeln!(text, "  {:<6}  {:#x}", chunk.origin(), chunk.phys_of(0));
        }
    }
}
