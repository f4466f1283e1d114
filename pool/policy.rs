// SPDX-License-Identifier: GPL-2.0

//! Which pools to make, how large, and how they grow.
//!
//! [`decide`] takes what the user asked for and what the machine is like, and says which pools
//! there shall be; each surprise on the way is a [`Note`] for the log, whose words are in [`note`].
//! Reading the options is in [`super::param`]; asking the machine, printing and allocating are
//! done by the caller. Pure: nothing but `core`, callable in any context. Sizes are in bytes.

mod note;

use note::Note;

use super::{
    param::{
        Listed,
        Request,
        Selection, //
    },
    zone::{
        lower_in,
        PerZone,
        Zone,
        ZoneSet, //
    }, //
};

/// The smallest default, the smallest `coherent_pool_size=`, and what an encrypted guest gets who
/// asked for no pools.
const MIN_SIZE: usize = 128 << 10;

/// The largest `coherent_pool_size=`.
const MAX_SIZE: usize = 4 << 20;

/// The default is [`MIN_SIZE`] for each GiB of memory: one byte in so many.
const RAM_PER_POOL: usize = (1 << 30) / MIN_SIZE;

/// Memory encryption, as far as it needs pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// None is active.
    None,
    /// The host encrypts its memory (SME): devices that cannot address it need pools.
    Host,
    /// This is an encrypted guest (SEV, TDX, CCA): all DMA goes through shared memory.
    Guest,
}

/// What [`decide`] needs to know of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    /// Bytes in a page, a power of two.
    pub(crate) page_size: usize,
    /// Bytes in the largest block the page allocator has, of order `MAX_PAGE_ORDER`.
    pub(crate) max_block: usize,
    /// Bytes of memory, `totalram_pages()` times the page size; `usize::MAX` where it is more.
    pub(crate) total_ram: usize,
    /// The zones that have managed pages.
    pub(crate) populated: ZoneSet,
    /// `DMA_DIRECT_REMAP` is built in: devices that are not coherent need pools.
    pub(crate) remap: bool,
    /// Memory encryption.
    pub(crate) encryption: Encryption,
}

/// The pools to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Size of each pool in bytes, a multiple of the page size and not 0; `None` for no pool.
    pub(crate) pools: PerZone<Option<usize>>,
    /// The user asked for no pools and gets none: an allocation that needs one is refused quietly.
    pub(crate) disabled: bool,
}

/// Decides which pools to make for `request` on `machine`.
///
/// Calls `note` for each thing the log should say, in order; nothing else is worth a line before
/// the pools are made. Any context that `note` can be called in.
pub(crate) fn decide(request: &Request, machine: &Machine, note: &mut dyn FnMut(Note)) -> Plan {
    let selection = request.pool;
    let asked = match selection {
        None => {
            if !machine.remap && machine.encryption == Encryption::None {
                note(Note::NoUsers);
                note_ignored(request, note);
                return Plan {
                    pools: PerZone::default(),
                    disabled: false,
                };
            }
            let size = common_size(request, machine, note);
            uniform(machine.populated, machine.fit(size, selection, note))
        }
        Some(Selection::Disabled) => {
            note_ignored(request, note);
            return disable(machine, note);
        }
        Some(Selection::Mask(zones)) => {
            let size = common_size(request, machine, note);
            uniform(zones, machine.fit(size, selection, note))
        }
        Some(Selection::Size(size)) => {
            note_ignored(request, note);
            uniform(machine.populated, machine.fit(size, selection, note))
        }
        Some(Selection::List(list)) => {
            note_ignored(request, note);
            list.map(|_, listed| {
                let size = match listed? {
                    Listed::Default => machine.default_size(),
                    Listed::Size(size) => size,
                };
                Some(machine.fit(size, selection, note))
            })
        }
    };

    let mut pools = place(asked, selection, machine, note);
    if machine.encryption == Encryption::Guest && pools == PerZone::default() {
        if let (Some(selection), false) = (selection, machine.populated.is_empty()) {
            note(Note::GuestNeedsPools { selection });
            pools = smallest(machine, note);
        }
    }
    Plan {
        pools,
        disabled: false,
    }
}

/// Plans for `coherent_pool=0`.
fn disable(machine: &Machine, note: &mut dyn FnMut(Note)) -> Plan {
    if machine.encryption == Encryption::Guest {
        note(Note::GuestNeedsPools {
            selection: Selection::Disabled,
        });
        return Plan {
            pools: smallest(machine, note),
            disabled: false,
        };
    }
    note(Note::Disabled {
        remap: machine.remap,
        host: machine.encryption == Encryption::Host,
    });
    Plan {
        pools: PerZone::default(),
        disabled: true,
    }
}

/// Returns the pools of the smallest size, for every zone that has memory.
fn smallest(machine: &Machine, note: &mut dyn FnMut(Note)) -> PerZone<Option<usize>> {
    uniform(machine.populated, machine.fit(MIN_SIZE, None, note))
}

/// Returns pools of one size for `zones`.
fn uniform(zones: ZoneSet, size: usize) -> PerZone<Option<usize>> {
    PerZone(Zone::ALL).map(|_, zone| zones.contains(zone).then_some(size))
}

/// Returns the size for all pools where `coherent_pool=` gives none: that of
/// `coherent_pool_size=` in its range, or else the default.
fn common_size(request: &Request, machine: &Machine, note: &mut dyn FnMut(Note)) -> usize {
    let Some(size) = request.size else {
        return machine.default_size();
    };
    let clamped = size.clamp(MIN_SIZE, MAX_SIZE);
    if clamped != size {
        note(Note::SizeClamped { size, clamped });
    }
    clamped
}

/// Says so if a `coherent_pool_size=` was given that has no effect.
fn note_ignored(request: &Request, note: &mut dyn FnMut(Note)) {
    if let Some(size) = request.size {
        note(Note::SizeIgnored {
            size,
            selection: request.pool,
        });
    }
}

/// Moves each pool whose zone has no memory to the nearest lower zone that has some.
fn place(
    asked: PerZone<Option<usize>>,
    selection: Option<Selection>,
    machine: &Machine,
    note: &mut dyn FnMut(Note),
) -> PerZone<Option<usize>> {
    let populated = machine.populated;
    let mut pools = asked.map(|zone, size| size.filter(|_| populated.contains(zone)));
    let Some(selection) = selection else {
        return pools;
    };

    for (from, size) in asked.iter() {
        if size.is_none() || populated.contains(from) {
            continue;
        }
        let Some(to) = lower_in(from, populated) else {
            note(Note::NoZone { selection, from });
            continue;
        };
        let own = asked.get(to).is_some();
        if !own {
            // Two pools may end up here; the larger size serves both.
            let pool = pools.get_mut(to);
            *pool = (*pool).max(*size);
        }
        note(Note::Moved {
            selection,
            from,
            to,
            own,
        });
    }
    pools
}

impl Machine {
    /// Returns the default size of a pool, as C has it: [`MIN_SIZE`] for each GiB of memory, as
    /// one block of the page allocator.
    fn default_size(&self) -> usize {
        // Whole pages, and division first: a product of all memory could overflow.
        let pages = self.total_ram.checked_div(self.page_size).unwrap_or(0) / RAM_PER_POOL;
        pages
            .saturating_mul(self.page_size)
            .max(MIN_SIZE)
            .checked_next_power_of_two()
            .unwrap_or(usize::MAX)
            .min(self.max_block)
    }

    /// Returns `size` in whole pages, and not above a quarter of memory.
    fn fit(&self, size: usize, selection: Option<Selection>, note: &mut dyn FnMut(Note)) -> usize {
        let quarter = self.total_ram / 4;
        let part = quarter.checked_rem(self.page_size).unwrap_or(0);
        let limit = quarter.saturating_sub(part).max(self.page_size);

        match size.checked_next_multiple_of(self.page_size) {
            Some(aligned) if aligned <= limit => aligned,
            _ => {
                note(Note::Cut {
                    selection,
                    size,
                    limit,
                });
                limit
            }
        }
    }
}

/// Returns the order of the largest block that is not larger than `remaining` bytes, at most
/// `max_order`; 0 where that is less than a page.
///
/// A pool is made of such blocks until nothing remains, so its size is exact. Any context.
pub(crate) fn largest_order(remaining: usize, page_size: usize, max_order: u32) -> u32 {
    let pages = remaining.checked_div(page_size).unwrap_or(0);
    pages.checked_ilog2().unwrap_or(0).min(max_order)
}

/// The orders of blocks to try when a pool grows: from `first` down to `last`, until one is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Growth {
    /// The largest order, not below `last`.
    pub(crate) first: u32,
    /// The smallest order that is of use.
    pub(crate) last: u32,
}

/// Says how to grow a pool of `pool_size` bytes, with blocks of at most `max_order`.
///
/// A pool that runs low (`wanted` is 0) grows by its own size, or by as much of it as there is.
/// After an allocation of `wanted` bytes failed, the new block must hold that many; `None` when no
/// block can. Any context.
pub(crate) fn growth(
    pool_size: usize,
    wanted: usize,
    page_size: usize,
    max_order: u32,
) -> Option<Growth> {
    // `get_order()`: the smallest block that holds all of it.
    let pages = wanted
        .checked_next_multiple_of(page_size)?
        .checked_div(page_size)?;
    let last = pages.checked_next_power_of_two()?.trailing_zeros();
    if last > max_order {
        return None;
    }
    Some(Growth {
        first: largest_order(pool_size, page_size, max_order).max(last),
        last,
    })
}
