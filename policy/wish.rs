// SPDX-License-Identifier: GPL-2.0

//! Pools as they were asked for, and what becomes of them on a machine.
//!
//! A pool is placed first, in its zone or in a lower one, and bounded then: the bounds are those of
//! the zone that it ends up in. What is asked for is decided in [`super`]. Pure, as all of this
//! directory.

use super::{
    messages::Message,
    options::{
        Selection,
        SizeRange, //
    },
    Machine, //
};
use crate::plan::{
    zones::{
        lower_in,
        PerZone,
        Zone, //
    },
    Limits, //
};

/// A pool that was asked for. Which zone it will be in is open, and so are the bounds.
#[derive(Clone, Copy)]
pub(super) struct Wish {
    /// Bytes at creation.
    pub(super) size: usize,
    /// Somebody typed that size, so that a cut is worth a line.
    pub(super) typed: bool,
    /// Bytes that it may grow to, if somebody typed that.
    pub(super) max: Option<usize>,
}

impl Wish {
    /// A pool of a size that nobody typed.
    pub(super) fn by_default(size: usize) -> Self {
        Self {
            size,
            typed: false,
            max: None,
        }
    }

    /// Returns the one pool for two: as large as the larger, at creation and by growth, where
    /// `ceiling` is that of one without any.
    fn join(self, other: Self, ceiling: usize) -> Self {
        let (size, typed) = (self.size, self.typed).max((other.size, other.typed));
        let max = |wish: Self| wish.max.unwrap_or(ceiling);

        Self {
            size,
            typed,
            max: Some(max(self).max(max(other))),
        }
    }
}

impl From<SizeRange> for Wish {
    fn from(range: SizeRange) -> Self {
        Self {
            size: range.min,
            typed: true,
            max: range.max,
        }
    }
}

/// Moves each pool whose zone has no memory to the nearest lower zone that has some.
pub(super) fn place(
    asked: PerZone<Option<Wish>>,
    selection: Option<Selection>,
    machine: &Machine,
    message: &mut dyn FnMut(Message),
) -> PerZone<Option<Wish>> {
    let managed = machine.zones();
    let mut placed = asked.map(|zone, wish| wish.filter(|_| managed.contains(zone)));
    let Some(selection) = selection else {
        return placed;
    };

    for (from, wish) in asked.iter() {
        let Some(wish) = wish.filter(|_| !managed.contains(from)) else {
            continue;
        };
        let Some(to) = lower_in(from, managed) else {
            message(Message::NoZone { selection, from });
            continue;
        };
        let pool = placed.get_mut(to);
        *pool = Some(match pool {
            None => wish,
            Some(other) => other.join(wish, machine.quarter(to)),
        });
        message(Message::Moved {
            selection,
            from,
            to,
            own: asked.get(to).is_some(),
        });
    }
    placed
}

impl Machine {
    /// Returns a quarter of what `zone` has, in whole pages and at least one: the most that a pool
    /// has at creation, and what it may grow to if nothing else is said.
    fn quarter(&self, zone: Zone) -> usize {
        let quarter = *self.managed.get(zone) / 4;
        let part = quarter.checked_rem(self.page_size).unwrap_or(0);

        quarter.saturating_sub(part).max(self.page_size)
    }

    /// Returns the sizes of pools that are where they will be: in whole pages, at creation not above
    /// a quarter of the zone, and by growth not above all of it.
    pub(super) fn bound(
        &self,
        pools: PerZone<Option<Wish>>,
        selection: Option<Selection>,
        message: &mut dyn FnMut(Message),
    ) -> PerZone<Option<Limits>> {
        pools.map(|zone, wish| {
            let Wish { size, typed, max } = wish?;
            let quarter = self.quarter(zone);
            let min = self.fit(size, quarter).unwrap_or_else(|| {
                if typed {
                    message(Message::Cut {
                        selection,
                        zone,
                        size,
                        limit: quarter,
                    });
                }
                quarter
            });
            let max = max.map_or(quarter, |max| {
                let limit = *self.managed.get(zone);

                self.fit(max, limit).unwrap_or_else(|| {
                    message(Message::CeilingCut {
                        selection,
                        zone,
                        max,
                        limit,
                    });
                    limit
                })
            });

            Some(Limits {
                min,
                max: max.max(min),
            })
        })
    }

    /// Returns `size` in whole pages; `None` when that is above `limit`.
    fn fit(&self, size: usize, limit: usize) -> Option<usize> {
        size.checked_next_multiple_of(self.page_size)
            .filter(|aligned| *aligned <= limit)
    }
}
