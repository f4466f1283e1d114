// SPDX-License-Identifier: GPL-2.0

//! The chunks of all pools, in one table that readers walk without a lock.
//!
//! The table is published copy-on-write: whoever changes it makes a new one, publishes that, waits
//! for an RCU grace period and drops the old. A chunk lives as long as a table that lists it, and a
//! reference into a table as long as the RCU guard it was read under. Which chunks there should be
//! is decided in [`pool`](super::pool) and [`growth`](super::growth).

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        rcu,
        Arc,
        Mutex, //
    },
};

use crate::{
    memory::chunk::Chunk,
    policy::zones::Zone, //
};

/// One state of the table. It does not change any more once it is published.
pub(crate) struct Chunks(KVec<Arc<Chunk>>);

impl Chunks {
    /// No chunk at all.
    pub(crate) const fn new() -> Self {
        Self(KVec::new())
    }

    /// Adds a chunk. May sleep; on `ENOMEM` the chunk is given back.
    pub(crate) fn push(&mut self, chunk: Chunk) -> Result {
        let chunk = Arc::new(chunk, GFP_KERNEL)?;

        Ok(self.0.push(chunk, GFP_KERNEL)?)
    }

    /// All chunks of all pools.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Chunk> {
        self.0.iter().map(|chunk| &**chunk)
    }

    /// The chunks of one pool, in the order in which they were added.
    pub(crate) fn of(&self, zone: Zone) -> impl Iterator<Item = &Chunk> {
        self.iter().filter(move |chunk| chunk.zone() == zone)
    }

    /// A copy with room for one more. May sleep.
    fn try_clone(&self) -> Result<Self> {
        let mut copy = KVec::with_capacity(self.0.len() + 1, GFP_KERNEL)?;

        for chunk in &self.0 {
            copy.push(chunk.clone(), GFP_KERNEL)?;
        }
        Ok(Self(copy))
    }
}

/// The current table.
///
/// # Invariants
///
/// `current` is the pointer of a `KBox<Chunks>` that this object owns. A table that was replaced is
/// dropped only after a grace period.
#[pin_data(PinnedDrop)]
pub(crate) struct Table {
    current: Atomic<*mut Chunks>,
    /// Held while the table is changed.
    #[pin]
    update: Mutex<()>,
}

impl Table {
    /// Publishes a first state. May sleep.
    pub(crate) fn new(chunks: Chunks) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            // INVARIANT: The box is owned by this object from here on.
            current: Atomic::new(KBox::into_raw(KBox::new(chunks, GFP_KERNEL)?)),
            update <- new_mutex!((), "dma_pool_table"),
        })
    }

    /// The current state. Any context; takes no lock.
    #[inline]
    pub(crate) fn read<'a>(&'a self, _guard: &'a rcu::Guard) -> &'a Chunks {
        // SAFETY: By the type invariants the pointer is valid, and the table is not dropped before
        // a grace period has passed, which the guard holds off. Acquire pairs with the release in
        // `add`.
        unsafe { &*self.current.load(Acquire) }
    }

    /// Adds a chunk.
    ///
    /// # Context
    ///
    /// Process context; sleeps for a grace period. Takes the table's mutex.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; the chunk is given back then.
    pub(crate) fn add(&self, chunk: Chunk) -> Result {
        let _update = self.update.lock();
        // SAFETY: By the type invariants the pointer is valid; the mutex keeps anyone from
        // replacing the table.
        let mut chunks = unsafe { &*self.current.load(Relaxed) }.try_clone()?;

        chunks.push(chunk)?;
        self.replace(chunks)
    }

    /// Gives all chunks back.
    ///
    /// # Context
    ///
    /// As [`add`](Self::add).
    ///
    /// # Errors
    ///
    /// `ENOMEM`; the chunks stay then.
    pub(crate) fn clear(&self) -> Result {
        let _update = self.update.lock();

        self.replace(Chunks::new())
    }

    /// Publishes a new state and drops the old one. The caller holds the mutex.
    fn replace(&self, chunks: Chunks) -> Result {
        let new = KBox::new(chunks, GFP_KERNEL)?;
        let old = self.current.load(Relaxed);

        // INVARIANT: The new box is owned by this object from here on, and the old one no longer.
        self.current.store(KBox::into_raw(new), Release);
        rcu::synchronize_rcu();
        // SAFETY: The pointer is that of a box, by the type invariants. No reader can have it any
        // more.
        drop(unsafe { KBox::from_raw(old) });
        Ok(())
    }
}

#[pinned_drop]
impl PinnedDrop for Table {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: The pointer is that of a box, by the type invariants, and every reader borrows
        // this object.
        drop(unsafe { KBox::from_raw(self.current.load(Relaxed)) });
    }
}

#[kunit_tests(rust_dma_pool_table)]
mod tests {
    use super::*;
    use kernel::{
        cpu::nr_cpu_ids,
        sync::Completion,
        time::{
            delay::udelay,
            Delta, //
        },
        workqueue::system_unbound, //
    };

    /// A table, and how far another CPU is that changes it.
    #[pin_data]
    struct Changing {
        #[pin]
        table: Table,
        returned: Atomic<usize>,
        #[pin]
        end: Completion,
    }

    fn one_chunk() -> Result<Chunks> {
        let mut chunks = Chunks::new();

        chunks.push(Chunk::of_order(Zone::Dma32, 0)?)?;
        Ok(chunks)
    }

    #[test]
    fn readers_keep_the_state_they_read() -> Result {
        let chunks = one_chunk()?;
        let reader = Arc::pin_init(
            try_pin_init!(Changing {
                table <- Table::new(chunks),
                returned: Atomic::new(0),
                end <- Completion::new(),
            }),
            GFP_KERNEL,
        )?;
        let writer = reader.clone();
        let guard = rcu::read_lock();
        let before = reader.table.read(&guard);

        system_unbound().try_spawn(GFP_ATOMIC, move || {
            let chunk = Chunk::of_order(Zone::Dma32, 1);
            let result = chunk.and_then(|chunk| writer.table.add(chunk));

            writer
                .returned
                .store(1 + usize::from(result.is_err()), Relaxed);
            writer.end.complete_all();
        })?;

        // Seconds at most, and then enough for `add` to return if it waited for nobody.
        let is_published = || !core::ptr::eq(before, reader.table.read(&guard));
        let spins = (0..50_000).find(|_| {
            udelay(Delta::from_micros(100));
            is_published()
        });
        (0..50).for_each(|_| udelay(Delta::from_micros(100)));
        let returned = reader.returned.load(Relaxed);
        let kept = before.iter().count();

        drop(guard);
        reader.end.wait_for_completion();
        assert_eq!(returned, 0);
        assert_eq!(kept, 1);
        // Without another CPU that runs meanwhile, all of this says nothing. Preparing a chunk
        // may itself wait for readers, where memory is remapped.
        assert!(spins.is_some() || nr_cpu_ids() == 1 || cfg!(CONFIG_DMA_DIRECT_REMAP));
        assert_eq!(reader.returned.load(Relaxed), 1);
        assert_eq!(count(&reader.table, Zone::Dma32), 2);
        Ok(())
    }

    #[test]
    fn is_the_sum_of_what_was_added() -> Result {
        let table = KBox::pin_init(Table::new(one_chunk()?), GFP_KERNEL)?;
        let before = count(&table, Zone::Dma32);

        table.add(Chunk::of_order(Zone::Dma32, 1)?)?;
        assert_eq!(before, 1);
        assert_eq!(count(&table, Zone::Dma32), 2);
        assert_eq!(count(&table, Zone::Dma), 0);
        table.clear()?;
        assert_eq!(count(&table, Zone::Dma32), 0);
        Ok(())
    }

    fn count(table: &Table, zone: Zone) -> usize {
        table.read(&rcu::read_lock()).of(zone).count()
    }
}
