// SPDX-License-Identifier: GPL-2.0

//! Which sizes of a chunk to try, when a pool is created and when it grows.
//!
//! Where the memory comes from, and what happens when there is none, is in
//! [`pool`](crate::pool).

/// The smallest default and the smallest `coherent_pool_size=`. An encrypted guest that asks for no
/// pools gets pools of this size.
pub(crate) const MIN_SIZE: usize = 128 << 10;

/// Sizes to try for a new chunk, in pages, until memory is found: the largest, and then each smaller
/// power of two.
///
/// Any context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// The first to try.
    pub(crate) largest: usize,
    /// The smallest that is of use, at least one page.
    pub(crate) smallest: usize,
}

impl Iterator for Sizes {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let pages = self.largest;

        if pages < self.smallest {
            return None;
        }
        self.largest = power_of_two(pages.saturating_sub(1));
        Some(pages)
    }
}

/// Returns the largest power of two that is not more than `pages`; 0 for 0.
fn power_of_two(pages: usize) -> usize {
    pages
        .checked_ilog2()
        .and_then(|order| 1usize.checked_shl(order))
        .unwrap_or(0)
}

/// Returns the sizes to try for the next chunk of a new pool that lacks `missing` bytes, a multiple
/// of `page_size`, when `max_order` is the largest order there is.
///
/// The pool gets what it lacks in one piece if there is one, so that a request for all of it can be
/// served, and never more. The `first` chunk may be as small as a page. Later ones are not smaller
/// than [`MIN_SIZE`]: such a chunk costs more than it holds. Any context.
pub(crate) fn creation(missing: usize, first: bool, page_size: usize, max_order: u32) -> Sizes {
    let pages = |bytes: usize| bytes.checked_div(page_size).unwrap_or(0).max(1);
    let largest = pages(missing).min(1usize.checked_shl(max_order).unwrap_or(usize::MAX));

    Sizes {
        largest,
        smallest: if first {
            1
        } else {
            largest.min(pages(MIN_SIZE))
        },
    }
}

/// Returns the sizes to try when a pool of `pool_size` bytes grows that has `room` bytes to its
/// ceiling, when `max_order` is the largest order there is.
///
/// A pool that runs low (`failed_size` is 0) grows by its own size, or by as much of it as there is,
/// but not by less than [`MIN_SIZE`], except for the last step to the ceiling. After an allocation of
/// `failed_size` bytes failed, the new chunk must hold that many, and may be as small as that if there
/// is no more. `None` when no chunk can hold it, or the ceiling is in the way. Any context.
pub(crate) fn growth(
    pool_size: usize,
    failed_size: usize,
    room: usize,
    page_size: usize,
    max_order: u32,
) -> Option<Sizes> {
    let most = power_of_two(room.checked_div(page_size)?).min(1usize.checked_shl(max_order)?);
    let piece = MIN_SIZE.checked_div(page_size)?.max(1).min(most);
    let smallest = if failed_size == 0 {
        piece
    } else {
        failed_size
            .checked_next_multiple_of(page_size)?
            .checked_div(page_size)?
            .checked_next_power_of_two()?
    };

    if smallest > most || most == 0 {
        return None;
    }
    let largest = power_of_two(pool_size.checked_div(page_size)?).min(most);

    Some(Sizes {
        largest: largest.max(piece).max(smallest),
        smallest,
    })
}
