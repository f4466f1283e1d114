// SPDX-License-Identifier: GPL-2.0

//! What the log says about the choice of pools.
//!
//! A message carries the numbers and puts them into words when it is printed, so that nothing has to
//! be allocated. When there is reason for one is decided in [`super`].

use core::fmt;

use super::{
    options::{
        Bytes,
        Selection, //
    },
    MAX_SIZE, //
};
use crate::plan::{
    sizes::MIN_SIZE,
    zones::Zone, //
};

/// One line for the log.
///
/// [`fmt::Display`] prints one sentence without a newline.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message {
    /// Without an option, pools are made only where something can use them.
    NoUsers,
    /// `coherent_pool=0` is honoured; what fails depends on who needs pools here.
    Disabled {
        /// Devices that are not coherent.
        remap: bool,
        /// Devices that cannot address encrypted memory.
        host: bool,
    },
    /// The options would leave an encrypted guest without any pool, and are not honoured.
    GuestNeedsPools {
        /// The value of `coherent_pool=`.
        selection: Selection,
    },
    /// `coherent_pool_size=` is outside its range.
    SizeClamped {
        /// The size given.
        size: usize,
        /// The size used.
        clamped: usize,
    },
    /// `coherent_pool_size=` has no effect.
    SizeIgnored {
        /// The size given.
        size: usize,
        /// The reason: a `coherent_pool=` that needs no size, or that no pools are made.
        selection: Option<Selection>,
    },
    /// A pool would be larger than a quarter of its zone.
    Cut {
        /// The value of `coherent_pool=`, if there is one.
        selection: Option<Selection>,
        /// The zone that the pool is in.
        zone: Zone,
        /// The size asked for.
        size: usize,
        /// The size used.
        limit: usize,
    },
    /// A pool could grow to more than its zone has.
    CeilingCut {
        /// The value of `coherent_pool=`, if there is one.
        selection: Option<Selection>,
        /// The zone that the pool is in.
        zone: Zone,
        /// The ceiling asked for.
        max: usize,
        /// The ceiling used.
        limit: usize,
    },
    /// The zone of a pool has no memory, a lower one has.
    Moved {
        /// The value of `coherent_pool=`.
        selection: Selection,
        /// The zone asked for.
        from: Zone,
        /// The zone used.
        to: Zone,
        /// The options have a pool for `to` anyway.
        own: bool,
    },
    /// The zone of a pool has no memory, nor has a lower one.
    NoZone {
        /// The value of `coherent_pool=`.
        selection: Selection,
        /// The zone asked for.
        from: Zone,
    },
}

impl Message {
    /// Tells whether this is a warning; otherwise it is information.
    pub(crate) fn is_warning(&self) -> bool {
        match self {
            Message::NoUsers | Message::SizeIgnored { .. } => false,
            Message::Disabled { remap, host } => *remap || *host,
            Message::GuestNeedsPools { .. }
            | Message::SizeClamped { .. }
            | Message::Cut { .. }
            | Message::CeilingCut { .. }
            | Message::Moved { .. }
            | Message::NoZone { .. } => true,
        }
    }
}

/// Begins a sentence with the value of `coherent_pool=`, if there is one.
fn because(selection: Option<Selection>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match selection {
        None => Ok(()),
        Some(selection) => write!(f, "coherent_pool={selection}: "),
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DMA: ")?;
        match *self {
            Message::NoUsers => f.write_str(
                "no atomic pools: nothing on this machine can use them \
                 (no DMA_DIRECT_REMAP, no memory encryption), coherent_pool=128K makes them anyway",
            ),
            Message::Disabled { remap, host } => {
                f.write_str("atomic pools disabled by coherent_pool=0")?;
                f.write_str(match (remap, host) {
                    (false, false) => "",
                    (true, false) => {
                        ", atomic coherent allocations of non-coherent devices \
                         (NVMe PRP lists, USB, ...) will fail"
                    }
                    (false, true) => {
                        ", atomic coherent allocations of devices that cannot address \
                         encrypted memory and dynamic growth of swiotlb will fail"
                    }
                    (true, true) => {
                        ", atomic coherent allocations of non-coherent devices \
                         (NVMe PRP lists, USB, ...) and of devices that cannot address \
                         encrypted memory and dynamic growth of swiotlb will fail"
                    }
                })
            }
            Message::GuestNeedsPools { selection } => write!(
                f,
                "coherent_pool={selection} overridden, an encrypted guest cannot do I/O without \
                 atomic pools: making them of the smallest size",
            ),
            Message::SizeClamped { size, clamped } => write!(
                f,
                "coherent_pool_size={} is not from {} to {}, using {}",
                Bytes(size),
                Bytes(MIN_SIZE),
                Bytes(MAX_SIZE),
                Bytes(clamped),
            ),
            Message::SizeIgnored { size, selection } => {
                write!(f, "coherent_pool_size={} ignored", Bytes(size))?;
                match selection {
                    Some(selection) => write!(f, " next to coherent_pool={selection}"),
                    None => f.write_str(" as no pools are made"),
                }
            }
            Message::Cut {
                selection,
                zone,
                size,
                limit,
            } => {
                because(selection, f)?;
                write!(
                    f,
                    "a {} pool of {} is more than a quarter of its zone, using {}",
                    zone.name(),
                    Bytes(size),
                    Bytes(limit),
                )
            }
            Message::CeilingCut {
                selection,
                zone,
                max,
                limit,
            } => {
                because(selection, f)?;
                write!(
                    f,
                    "a {} pool of up to {} is more than its zone has, using {}",
                    zone.name(),
                    Bytes(max),
                    Bytes(limit),
                )
            }
            Message::Moved {
                selection,
                from,
                to,
                own,
            } => write!(
                f,
                "coherent_pool={selection}: no memory in the zone of the {} pool, {} the {} pool",
                from.name(),
                if own { "left to" } else { "making" },
                to.name(),
            ),
            Message::NoZone { selection, from } => write!(
                f,
                "coherent_pool={selection}: no memory in the zone of the {} pool or below, \
                 not making it",
                from.name(),
            ),
        }
    }
}
