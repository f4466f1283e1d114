// SPDX-License-Identifier: GPL-2.0

//! Lists of the chunks of all pools, of which states of the [`table`](super::table) are made.

use core::{
    ops::Deref,
    ptr::NonNull, //
};

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    index::granules,
    pool::Pool,
    request::Kind, //
};
use crate::{
    memory::chunk::Chunk,
    plan::zones::PerZone, //
};

/// A chunk, and the pool that it is part of.
pub(crate) struct Member {
    pub(crate) chunk: Chunk,
    pub(crate) pool: Kept<Pool>,
    /// That of the pool.
    pub(super) kind: Kind,
    /// The pool was created with less; it may go back.
    pub(super) is_added: bool,
    _keeps: Arc<Pool>,
}

impl Member {
    fn new(pool: &Arc<Pool>, chunk: Chunk, is_added: bool) -> Self {
        Self {
            chunk,
            // SAFETY: `_keeps` is a reference on it for as long as the member exists.
            pool: unsafe { Kept::new(pool) },
            kind: pool.kind,
            is_added,
            _keeps: pool.clone(),
        }
    }
}

/// What somebody else has a reference on, by its own address: that of an [`Arc`] is an addition away.
/// It cannot be copied, as a copy could live longer than the reference.
///
/// # Invariants
///
/// It lives as long as this object.
#[repr(transparent)]
pub(crate) struct Kept<T>(NonNull<T>);

// SAFETY: As the shared reference that it is used as.
unsafe impl<T: Sync> Send for Kept<T> {}

// SAFETY: As above.
unsafe impl<T: Sync> Sync for Kept<T> {}

impl<T> Kept<T> {
    /// # Safety
    ///
    /// There is a reference on it for as long as the result lives.
    pub(super) unsafe fn new(object: &Arc<T>) -> Self {
        // INVARIANT: As promised by the caller.
        Self(NonNull::from(&**object))
    }
}

impl<T> Deref for Kept<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: Valid by the type invariants.
        unsafe { self.0.as_ref() }
    }
}

/// The chunks of each pool, in the order in which they were added.
#[derive(Default)]
pub(crate) struct List {
    pub(super) zones: PerZone<KVec<Arc<Member>>>,
    /// What they need in an index.
    granules: usize,
}

impl List {
    /// The same list with one more chunk, of that pool. May sleep; on `ENOMEM` the chunk is given back.
    pub(super) fn with(&self, pool: &Arc<Pool>, chunk: Chunk, is_added: bool) -> Result<Self> {
        let member = Arc::new(Member::new(pool, chunk, is_added), GFP_KERNEL)?;
        let mut copy = self.without(None)?;

        copy.push(member)?;
        Ok(copy)
    }

    /// The same list, but for one member. May sleep; `ENOMEM`.
    pub(super) fn without(&self, left_out: Option<&Member>) -> Result<Self> {
        let mut copy = Self::default();

        for (zone, members) in self.zones.iter() {
            // Room for one more: `KVec::push()` would have panics, as far as the compiler knows.
            *copy.zones.get_mut(zone) =
                KVec::with_capacity(members.len().wrapping_add(1), GFP_KERNEL)?;
            for member in members.iter() {
                if !left_out.is_some_and(|left_out| core::ptr::eq(&**member, left_out)) {
                    copy.push(member.clone())?;
                }
            }
        }
        Ok(copy)
    }

    /// Adds a member, for which there is room.
    fn push(&mut self, member: Arc<Member>) -> Result {
        let (zone, size) = (member.pool.zone, member.chunk.size());

        self.granules = self.granules.saturating_add(granules(size));
        self.zones
            .get_mut(zone)
            .push_within_capacity(member)
            .map_err(|_| ENOMEM)
    }

    /// The chunks, pool by pool.
    pub(super) fn zones(&self) -> &[KVec<Arc<Member>>] {
        &self.zones.0
    }

    /// The entries that an index of them needs, at most.
    pub(super) fn granules(&self) -> usize {
        self.granules
    }
}
