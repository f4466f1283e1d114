// SPDX-License-Identifier: GPL-2.0

//! Which pools to make, and how large: what is decided once, before there are pools.
//!
//! [`decide`] takes what the user asked for and what the machine is like, and returns a [`Plan`];
//! each surprise on the way is a [`Message`] for the log. The words of messages are in [`messages`],
//! the grammar of the options is in [`options`]. How a pool that was asked for gets its zone and its
//! limits is in [`wish`]. The caller asks the machine, prints and allocates. What the pools need
//! later, too, is in [`plan`](crate::plan).
//!
//! All of this directory is pure: it uses nothing but `core`, any context may call it, and it is
//! tested on the host. Sizes are in bytes.

pub(crate) mod messages;
pub(crate) mod options;
mod wish;

use self::{
    messages::Message,
    options::{
        Listed,
        Options,
        Selection, //
    },
    wish::{
        place,
        Wish, //
    }, //
};
use crate::plan::{
    sizes::MIN_SIZE,
    zones::{
        PerZone,
        Zone,
        ZoneSet, //
    },
    Limits,
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
    /// Bytes that the page allocator manages in each zone, in whole pages; 0 for no memory.
    pub(crate) managed: PerZone<usize>,
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
            uniform(machine.zones(), common_size(options, machine, message))
        }
        Some(Selection::Disabled) => {
            message_ignored(options, message);
            return disable(machine, message);
        }
        Some(Selection::Mask(zones)) => uniform(zones, common_size(options, machine, message)),
        Some(Selection::Size(size)) => {
            message_ignored(options, message);
            uniform(machine.zones(), size.into())
        }
        Some(Selection::List(list)) => {
            message_ignored(options, message);
            list.map(|_, listed| match listed? {
                Listed::Default => Some(machine.default_size()),
                Listed::Size(size) => Some(size.into()),
            })
        }
    };

    let placed = place(asked, selection, machine, message);
    let mut pools = machine.bound(placed, selection, message);
    if machine.encryption == Encryption::Guest && pools == PerZone::default() {
        if let (Some(selection), false) = (selection, machine.zones().is_empty()) {
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
fn smallest(machine: &Machine, message: &mut dyn FnMut(Message)) -> PerZone<Option<Limits>> {
    let pools = uniform(machine.zones(), Wish::by_default(MIN_SIZE));

    machine.bound(pools, None, message)
}

/// Returns the same pool for each of `zones`.
fn uniform(zones: ZoneSet, wish: Wish) -> PerZone<Option<Wish>> {
    PerZone(Zone::ALL).map(|_, zone| zones.contains(zone).then_some(wish))
}

/// Returns the size for all pools where `coherent_pool=` gives none: that of
/// `coherent_pool_size=` in its range, or else the default.
fn common_size(options: &Options, machine: &Machine, message: &mut dyn FnMut(Message)) -> Wish {
    let Some(size) = options.size else {
        return machine.default_size();
    };
    let clamped = size.clamp(MIN_SIZE, MAX_SIZE);
    if clamped != size {
        message(Message::SizeClamped { size, clamped });
    }
    Wish {
        size: clamped,
        typed: true,
        max: None,
    }
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

impl Machine {
    fn plan(&self, pools: PerZone<Option<Limits>>, disabled: bool) -> Plan {
        Plan {
            pools,
            disabled,
            cc_shared: self.encryption != Encryption::None,
        }
    }

    /// Returns the zones that have memory.
    pub(crate) fn zones(&self) -> ZoneSet {
        self.managed
            .iter()
            .filter(|(_, managed)| **managed != 0)
            .fold(ZoneSet::EMPTY, |zones, (zone, _)| zones.with(zone))
    }

    /// Returns the default size of a pool, as C has it: [`MIN_SIZE`] for each GiB of memory, rounded
    /// up to a power of two, but no more than one chunk.
    fn default_size(&self) -> Wish {
        // Whole pages, and division first: a product of all memory could overflow.
        let pages = self.total_ram.checked_div(self.page_size).unwrap_or(0) / RAM_PER_POOL;

        Wish::by_default(
            pages
                .saturating_mul(self.page_size)
                .max(MIN_SIZE)
                .checked_next_power_of_two()
                .unwrap_or(usize::MAX)
                .min(self.max_chunk),
        )
    }
}
