// SPDX-License-Identifier: GPL-2.0

//! Which pools to make, and how large: what is decided once, before there are pools.
//!
//! [`decide`] takes what the user asked for and what the machine is like, and returns a [`Plan`];
//! each surprise on the way is a [`Message`] for the log. The words of messages are in [`messages`],
//! the grammar of the options is in [`options`]. The caller asks the machine, prints and allocates.
//! What the pools need later, too, is in [`plan`](crate::plan).
//!
//! All of this directory is pure: it uses nothing but `core`, any context may call it, and it is
//! tested on the host. Sizes are in bytes.

pub(crate) mod messages;
pub(crate) mod options;

use self::{
    messages::Message,
    options::{
        Listed,
        Options,
        Selection, //
    }, //
};
use crate::plan::{
    sizes::MIN_SIZE,
    zones::{
        lower_in,
        PerZone,
        Zone,
        ZoneSet, //
    },
    Plan, //
};

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
    /// Bytes in the largest chunk: what the page allocator hands out at once, of `MAX_PAGE_ORDER`.
    pub(crate) max_chunk: usize,
    /// Bytes of memory, `totalram_pages()` times the page size; `usize::MAX` where it is more.
    pub(crate) total_ram: usize,
    /// The zones that have managed pages.
    pub(crate) managed: ZoneSet,
    /// `DMA_DIRECT_REMAP` is built in: devices that are not coherent need pools.
    pub(crate) remap: bool,
    /// Memory encryption.
    pub(crate) encryption: Encryption,
}

/// Decides which pools `options` make on `machine`.
///
/// Calls `message` for each line of the log, in order; nothing else is worth a line before the
/// pools are made. Any context that `message` can be called in.
pub(crate) fn decide(
    options: &Options,
    machine: &Machine,
    message: &mut dyn FnMut(Message),
) -> Plan {
    let selection = options.pool;
    let asked = match selection {
        None => {
            if !machine.remap && machine.encryption == Encryption::None {
                message(Message::NoUsers);
                message_ignored(options, message);
                return machine.plan(PerZone::default(), false);
            }
            let size = common_size(options, machine, message);
            uniform(machine.managed, machine.fit(size, selection, message))
        }
        Some(Selection::Disabled) => {
            message_ignored(options, message);
            return disable(machine, message);
        }
        Some(Selection::Mask(zones)) => {
            let size = common_size(options, machine, message);
            uniform(zones, machine.fit(size, selection, message))
        }
        Some(Selection::Size(size)) => {
            message_ignored(options, message);
            uniform(machine.managed, machine.fit(size.min, selection, message))
        }
        Some(Selection::List(list)) => {
            message_ignored(options, message);
            list.map(|_, listed| {
                let size = match listed? {
                    Listed::Default => machine.default_size(),
                    Listed::Size(size) => size.min,
                };
                Some(machine.fit(size, selection, message))
            })
        }
    };

    let mut pools = place(asked, selection, machine, message);
    if machine.encryption == Encryption::Guest && pools == PerZone::default() {
        if let (Some(selection), false) = (selection, machine.managed.is_empty()) {
            message(Message::GuestNeedsPools { selection });
            pools = smallest(machine, message);
        }
    }
    machine.plan(pools, false)
}

/// Plans for `coherent_pool=0`.
fn disable(machine: &Machine, message: &mut dyn FnMut(Message)) -> Plan {
    if machine.encryption == Encryption::Guest {
        message(Message::GuestNeedsPools {
            selection: Selection::Disabled,
        });
        return machine.plan(smallest(machine, message), false);
    }
    message(Message::Disabled {
        remap: machine.remap,
        host: machine.encryption == Encryption::Host,
    });
    machine.plan(PerZone::default(), true)
}

/// Returns the pools of the smallest size, for every zone that has memory.
fn smallest(machine: &Machine, message: &mut dyn FnMut(Message)) -> PerZone<Option<usize>> {
    uniform(machine.managed, machine.fit(MIN_SIZE, None, message))
}

/// Returns pools of one size for `zones`.
fn uniform(zones: ZoneSet, size: usize) -> PerZone<Option<usize>> {
    PerZone(Zone::ALL).map(|_, zone| zones.contains(zone).then_some(size))
}

/// Returns the size for all pools where `coherent_pool=` gives none: that of
/// `coherent_pool_size=` in its range, or else the default.
fn common_size(options: &Options, machine: &Machine, message: &mut dyn FnMut(Message)) -> usize {
    let Some(size) = options.size else {
        return machine.default_size();
    };
    let clamped = size.clamp(MIN_SIZE, MAX_SIZE);
    if clamped != size {
        message(Message::SizeClamped { size, clamped });
    }
    clamped
}

/// Says so if a `coherent_pool_size=` was given that has no effect.
fn message_ignored(options: &Options, message: &mut dyn FnMut(Message)) {
    if let Some(size) = options.size {
        message(Message::SizeIgnored {
            size,
            selection: options.pool,
        });
    }
}

/// Moves each pool whose zone has no memory to the nearest lower zone that has some.
fn place(
    asked: PerZone<Option<usize>>,
    selection: Option<Selection>,
    machine: &Machine,
    message: &mut dyn FnMut(Message),
) -> PerZone<Option<usize>> {
    let managed = machine.managed;
    let mut pools = asked.map(|zone, size| size.filter(|_| managed.contains(zone)));
    let Some(selection) = selection else {
        return pools;
    };

    for (from, size) in asked.iter() {
        if size.is_none() || managed.contains(from) {
            continue;
        }
        let Some(to) = lower_in(from, managed) else {
            message(Message::NoZone { selection, from });
            continue;
        };
        let own = asked.get(to).is_some();
        if !own {
            // Two pools may end up here; the larger size serves both.
            let pool = pools.get_mut(to);
            *pool = (*pool).max(*size);
        }
        message(Message::Moved {
            selection,
            from,
            to,
            own,
        });
    }
    pools
}

impl Machine {
    fn plan(&self, pools: PerZone<Option<usize>>, disabled: bool) -> Plan {
        Plan {
            pools,
            disabled,
            cc_shared: self.encryption != Encryption::None,
        }
    }

    /// Returns the default size of a pool, as C has it: [`MIN_SIZE`] for each GiB of memory, rounded
    /// up to a power of two, but no more than one chunk.
    fn default_size(&self) -> usize {
        // Whole pages, and division first: a product of all memory could overflow.
        let pages = self.total_ram.checked_div(self.page_size).unwrap_or(0) / RAM_PER_POOL;
        pages
            .saturating_mul(self.page_size)
            .max(MIN_SIZE)
            .checked_next_power_of_two()
            .unwrap_or(usize::MAX)
            .min(self.max_chunk)
    }

    /// Returns `size` in whole pages, and not above a quarter of memory.
    fn fit(
        &self,
        size: usize,
        selection: Option<Selection>,
        message: &mut dyn FnMut(Message),
    ) -> usize {
        let quarter = self.total_ram / 4;
        let part = quarter.checked_rem(self.page_size).unwrap_or(0);
        let limit = quarter.saturating_sub(part).max(self.page_size);

        match size.checked_next_multiple_of(self.page_size) {
            Some(aligned) if aligned <= limit => aligned,
            _ => {
                message(Message::Cut {
                    selection,
                    size,
                    limit,
                });
                limit
            }
        }
    }
}
