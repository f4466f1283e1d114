// SPDX-License-Identifier: GPL-2.0

//! The figures of the pools as text: `stats` for scripts, `summary` for people.
//!
//! `stats` is stable: a line `KEY=VALUE` each, sizes in bytes, the keys of a pool begin with its
//! name. Lines may be added, none goes away or changes its meaning without a new `version`.

use core::fmt::Write;

use kernel::{
    fmt,
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

/// A figure of a pool.
pub(super) struct Figure {
    pub(super) name: &'static CStr,
    value: fn(&Pools, &rcu::Guard, &Pool) -> usize,
}

impl Figure {
    /// Its value now.
    pub(super) fn of(&self, pools: &Pools, guard: &rcu::Guard, pool: &Pool) -> usize {
        (self.value)(pools, guard, pool)
    }
}

/// Declares the figures.
macro_rules! figures {
    ($($name:literal => |$pools:pat_param, $guard:pat_param, $pool:pat_param| $value:expr,)*) => {
        /// All figures of a pool, in the order in which they are written.
        pub(super) static FIGURES: &[Figure] = &[
            $(Figure {
                name: $name,
                value: |$pools, $guard, $pool| $value,
            },)*
        ];
    };
}

figures! {
    c"size" => |_, _, pool| read_once(&pool.size),
    c"min" => |_, _, pool| pool.initial(),
    c"max" => |_, _, pool| pool.max(),
    c"used" => |_, _, pool| pool.used(),
    c"used_hiwater" => |_, _, pool| pool.hiwater(),
    c"largest_free" => |pools, guard, pool| pools.largest_free(guard, pool.zone),
    c"chunks" => |pools, guard, pool| pools.chunks(guard, pool.zone).count(),
    c"blocks" => |_, _, pool| pool.blocks(),
    c"allocs" => |_, _, pool| pool.calls().0,
    c"frees" => |_, _, pool| pool.calls().1,
    c"failed_full" => |_, _, pool| read_once(&pool.figures.failed_full),
    c"failed_mask" => |_, _, pool| read_once(&pool.figures.failed_mask),
    c"largest_failed" => |_, _, pool| read_once(&pool.figures.largest_failed),
    c"growths" => |_, _, pool| read_once(&pool.figures.growths),
    c"failed_growths" => |_, _, pool| read_once(&pool.figures.failed_growths),
    c"shrinks" => |_, _, pool| read_once(&pool.figures.shrinks),
    c"leaked" => |_, _, pool| read_once(LEAKED.get(pool.zone)),
    c"cc_shared" => |_, _, pool| usize::from(pool.kind.is_shared()),
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

    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            // What does not fit is cut.
            let _ = self.0.push_within_capacity(*byte);
        }
    }

    /// A number and the end of a line.
    pub(super) fn line(&mut self, value: usize) {
        self.print(fmt::Arguments::from(fmt!("{value}\n")));
    }

    fn print(&mut self, args: fmt::Arguments<'_>) {
        // It is cut, but does not fail.
        let _ = self.write_fmt(args);
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

        for figure in FIGURES {
            text.push(name);
            text.push(b"_");
            text.push(figure.name.to_bytes());
            text.push(b"=");
            text.line(figure.of(pools, guard, pool));
        }
        text.push(name);
        text.push(b"_largest_failed_dev=");
        let dev = pool.figures.largest_failed_dev();

        text.push(dev.split(|byte| *byte == 0).next().unwrap_or_default());
        text.push(b"\n");
    }
    text.push(b"failed_no_pool=");
    text.line(read_once(&pools.missing_allocs));
    text.push(b"failed_disabled=");
    text.line(read_once(&pools.disabled_allocs));
}

/// A table of the pools, and one of their chunks.
pub(super) fn summary(text: &mut Text, pools: &Pools, guard: &rcu::Guard) {
    text.push(
        b"pool    size KiB      min      max     used     peak  largest  blocks   failed  grown  shrunk\n",
    );
    for pool in each_pool(pools) {
        let figures = &pool.figures;
        let kib = |bytes: usize| bytes >> 10;
        let failed = read_once(&figures.failed_full).wrapping_add(read_once(&figures.failed_mask));

        text.print(fmt!(
            "{:<6} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>7} {:>8} {:>6} {:>7}\n",
            pool.zone.name(),
            kib(read_once(&pool.size)),
            kib(pool.initial()),
            kib(pool.max()),
            kib(pool.used()),
            kib(pool.hiwater()),
            kib(pools.largest_free(guard, pool.zone)),
            pool.blocks(),
            failed,
            read_once(&figures.growths),
            read_once(&figures.shrinks),
        ));
    }
    text.push(b"\nchunk   size KiB     used  order  origin  address\n");
    for pool in each_pool(pools) {
        for chunk in pools.chunks(guard, pool.zone) {
            let pages = chunk.size() >> kernel::page::PAGE_SHIFT;

            text.print(fmt!(
                "{:<6} {:>9} {:>8} {:>6}  {:<6}  {:#x}\n",
                pool.zone.name(),
                chunk.size() >> 10,
                chunk.used() >> 10,
                pages.checked_ilog2().unwrap_or(0),
                chunk.origin(),
                chunk.phys_of(0),
            ));
        }
    }
}
