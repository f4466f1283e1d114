// SPDX-License-Identifier: GPL-2.0

//! The plan of the pools, how their size follows the load ([`control`]), and the words in which all
//! of that is spoken of: [`zones`] and [`sizes`].
//!
//! Apart from [`policy`](crate::policy), which makes the plan: that is done once, and built in it is
//! freed after boot, while this stays. Pure as well: nothing but `core`, callable in any context,
//! and tested on the host. Sizes are in bytes where nothing else is said.

pub(crate) mod control;
pub(crate) mod sizes;
pub(crate) mod zones;

use self::zones::PerZone;

/// The size of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes at creation, which are never given back.
    pub(crate) min: usize,
    /// Bytes that it may grow to.
    pub(crate) max: usize,
}

/// The pools to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Size of each pool, in multiples of the page size and not 0; `None` for no pool.
    pub(crate) pools: PerZone<Option<Limits>>,
    /// The user asked for no pools and gets none: an allocation that needs one is refused quietly.
    pub(crate) disabled: bool,
    /// Their memory has to be decrypted.
    pub(crate) cc_shared: bool,
}
