// SPDX-License-Identifier: GPL-2.0

//! Default sizes, the chunks a pool is made of, and those it grows by.

use crate::{
    checks::run,
    plan::{
        sizes::{
            creation,
            growth,
            Sizes, //
        }, //
        zones::{
            PerZone,
            Zone, //
        },
    },
    policy::{
        options::Options,
        Encryption,
        Machine, //
    },
};

use super::{
    G,
    K,
    M, //
};

/// Memory, page size, MAX_PAGE_ORDER; the default size of a pool, as C makes it.
#[rustfmt::skip]
const DEFAULTS: &[(usize, usize, u32, usize)] = &[
    // 128 KiB at least.
    (64 * M,            4 * K,  10, 128 * K),
    (G,                 4 * K,  10, 128 * K),
    // 128 KiB for each GiB begun: a power of two.
    (G + 32 * M,        4 * K,  10, 256 * K),
    (2 * G,             4 * K,  10, 256 * K),
    (3 * G,             4 * K,  10, 512 * K),
    (6 * G,             4 * K,  10, M),
    (22 * G,            4 * K,  10, 4 * M),
    // At most one chunk.
    (1024 * G,          4 * K,  10, 4 * M),
    (1024 * G,          4 * K,   4, 64 * K),
    (usize::MAX,        4 * K,  10, 4 * M),
    (1024 * G,         16 * K,  11, 32 * M),
    (1024 * G,         64 * K,  13, 128 * M),
    (4096 * G,         64 * K,  13, 512 * M),
    // Pages larger than the smallest pool.
    (64 * M,          256 * K,  10, 256 * K),
];

/// Size of a pool, page size, largest order; the pages of its chunks.
#[rustfmt::skip]
const CHUNKS: &[(usize, usize, u32, &[usize])] = &[
    (4 * K,     4 * K,  10, &[1]),
    (64 * K,    4 * K,  10, &[16]),
    (72 * K,    4 * K,  10, &[18]),
    (192 * K,   4 * K,  10, &[48]),
    (3 * M,     4 * K,  10, &[768]),
    (4 * M,     4 * K,  10, &[1024]),
    (16 * M,    4 * K,  10, &[1024, 1024, 1024, 1024]),
    (7 * M,     4 * K,  10, &[1024, 768]),
    (16 * K,    4 * K,   0, &[1, 1, 1, 1]),
    (192 * K,  64 * K,  13, &[3]),
];

/// Bytes that a new pool lacks, whether they are its first; the pages to try, with pages of 4 KiB
/// and a largest order of 10.
#[rustfmt::skip]
const PIECES: &[(usize, bool, &[usize])] = &[
    (192 * K,   true,   &[48, 32, 16, 8, 4, 2, 1]),
    (192 * K,   false,  &[48, 32]),
    (64 * K,    false,  &[16]),
    (3 * M,     false,  &[768, 512, 256, 128, 64, 32]),
    (16 * M,    false,  &[1024, 512, 256, 128, 64, 32]),
];

/// The largest and the smallest order to try.
type Orders = (u32, u32);

/// Size of the pool, bytes that could not be had (or 0), bytes to the ceiling; the orders to try,
/// with pages of 4 KiB and a largest order of 10.
#[rustfmt::skip]
const GROWTH: &[(usize, usize, usize, Option<Orders>)] = &[
    // It runs low: its own size, or less, but never small pieces.
    (128 * K,   0,          64 * M,     Some((5, 5))),
    (4 * K,     0,          64 * M,     Some((5, 5))),
    (3 * M,     0,          64 * M,     Some((9, 5))),
    (4 * M,     0,          64 * M,     Some((10, 5))),
    (64 * M,    0,          64 * M,     Some((10, 5))),
    (0,         0,          64 * M,     Some((5, 5))),
    // The last steps to the ceiling.
    (3 * M,     0,          M,          Some((8, 5))),
    (3 * M,     0,          300 * K,    Some((6, 5))),
    (3 * M,     0,          100 * K,    Some((4, 4))),
    (3 * M,     0,          4 * K,      Some((0, 0))),
    (3 * M,     0,          4 * K - 1,  None),
    (3 * M,     0,          0,          None),
    // An allocation failed: no less than that.
    (128 * K,   1,          64 * M,     Some((5, 0))),
    (128 * K,   4 * K,      64 * M,     Some((5, 0))),
    (128 * K,   4 * K + 1,  64 * M,     Some((5, 1))),
    (128 * K,   128 * K,    64 * M,     Some((5, 5))),
    (128 * K,   172_928,    64 * M,     Some((6, 6))),
    (128 * K,   4 * M,      64 * M,     Some((10, 10))),
    (64 * M,    64 * K,     64 * M,     Some((10, 4))),
    // The ceiling is in the way.
    (128 * K,   172_928,    255 * K,    None),
    (128 * K,   172_928,    256 * K,    Some((6, 6))),
    // No chunk holds so many.
    (128 * K,   4 * M + 1,  64 * M,     None),
    (64 * M,    usize::MAX, usize::MAX, None),
];

#[test]
fn defaults() {
    for (total_ram, page_size, max_order, size) in DEFAULTS {
        let machine = Machine {
            page_size: *page_size,
            max_chunk: page_size << max_order,
            total_ram: *total_ram,
            // The default is not cut.
            managed: PerZone([usize::MAX, 0, 0]),
            remap: true,
            encryption: Encryption::None,
        };
        let (plan, messages) = run(&Options::default(), &machine);

        let got = plan.pools.get(Zone::Kernel).map(|pool| pool.min);

        assert_eq!(got, Some(*size), "{machine:?}");
        assert!(messages.is_empty(), "{messages:?}");
    }
}

#[test]
fn chunks() {
    for (size, page_size, max_order, expected) in CHUNKS {
        let mut remaining = *size;
        let mut chunks = Vec::new();

        while remaining > 0 {
            let sizes = creation(remaining, chunks.is_empty(), *page_size, *max_order);

            remaining -= page_size * sizes.largest;
            chunks.push(sizes.largest);
        }
        assert_eq!(chunks, *expected, "{size} bytes in pages of {page_size}");
    }
}

#[test]
fn pieces() {
    for (missing, first, expected) in PIECES {
        let sizes: Vec<usize> = creation(*missing, *first, 4 * K, 10).collect();

        assert_eq!(sizes, *expected, "{missing} bytes, first: {first}");
    }
}

#[test]
fn growths() {
    for (pool_size, failed_size, room, orders) in GROWTH {
        let expected = orders.map(|(largest, smallest)| Sizes {
            largest: 1 << largest,
            smallest: 1 << smallest,
        });
        let got = growth(*pool_size, *failed_size, *room, 4 * K, 10);

        assert_eq!(
            got, expected,
            "a pool of {pool_size}, {failed_size} failed, {room} left"
        );
    }
}
