// SPDX-License-Identifier: GPL-2.0

//! The chunks of all pools, in one table that readers search without a lock.
//!
//! The table is published copy-on-write: whoever changes it makes a new one, publishes that, waits
//! for an RCU grace period and drops the old. A chunk that is taken away is claimed whole before, so
//! that nothing of it is or gets out. A chunk lives as long as a table that lists it, and a
//! reference into a table as long as the RCU guard it was read under. The one table that serves
//! requests is also found without going by who owns it. Which chunks there should be is decided
//! elsewhere.

use core::{
    marker::PhantomData,
    ptr::null_mut, //
};

use kernel::{
    io::PhysAddr,
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed,
            Release, //
        },
        rcu,
        Arc,
        Mutex, //
    },
};

use super::{
    index::Index,
    list::{
        Kept,
        List,
        Member, //
    },
    pool::Pool,
    request::{
        PerWantedZone,
        WantedZone, //
    }, //
};
use crate::{memory::chunk::Chunk, plan::zones::Zone, sync::read_once};

/// One state of the table. It does not change any more once it is published.
///
/// # Invariants
///
/// What `first`, `by_virt` and `by_phys` have is in `list`, which is dropped last.
#[repr(C)]
pub(crate) struct Chunks {
    /// The first chunk of each pool, which serves most requests. At offset 0, so that arm64 needs no
    /// instruction to add one.
    first: PerWantedZone<Option<Kept<Member>>>,
    by_virt: Index,
    /// Elsewhere the physical address tells the one that CPUs use.
    #[cfg(CONFIG_DMA_DIRECT_REMAP)]
    by_phys: Index,
    list: List,
}

impl Chunks {
    #[inline(never)]
    fn new(list: List) -> Result<KBox<Self>> {
        // SAFETY: The list is part of the result, and dropped last.
        let first = |zone| Some(unsafe { Kept::new(list.zones.get(zone).first()?) });

        // INVARIANT: All of it is of `list`.
        let this = Self {
            first: PerWantedZone::new(first),
            // CAST: Of the same size.
            // SAFETY: As above.
            by_virt: unsafe { Index::new(&list, |member| member.chunk.virt() as u64) }?,
            #[cfg(CONFIG_DMA_DIRECT_REMAP)]
            // SAFETY: As above.
            by_phys: unsafe { Index::new(&list, |member| member.chunk.phys()) }?,
            list,
        };

        Ok(KBox::new(this, GFP_KERNEL)?)
    }

    /// The first chunk of a pool; `None` if there is no such pool.
    #[inline(always)]
    pub(crate) fn first_of(&self, wanted: WantedZone) -> Option<&Member> {
        self.first.get(wanted).as_deref()
    }

    /// The chunks of one pool, in the order in which they were added.
    pub(crate) fn of(&self, zone: Zone) -> &[Arc<Member>] {
        self.list.zones.get(zone)
    }

    /// As [`at_virt`](Self::at_virt), at the first attempt: `None` says nothing.
    #[inline(always)]
    pub(crate) fn likely_at_virt(&self, virt: usize) -> Option<(&Member, usize)> {
        // CAST: Of the same size.
        let member = self.by_virt.first(virt as u64)?;

        Some((member, member.chunk.page_at(virt)?))
    }

    /// As [`at_phys`](Self::at_phys), at the first attempt: `None` says nothing.
    #[cfg(CONFIG_DMA_DIRECT_REMAP)]
    #[inline(always)]
    pub(crate) fn likely_at_phys(&self, phys: PhysAddr) -> Option<(&Member, usize)> {
        let member = self.by_phys.first(phys)?;

        Some((member, member.chunk.page_at_phys(phys)?))
    }

    /// The chunk that has this kernel address, and the number of the page.
    pub(crate) fn at_virt(&self, virt: usize) -> Option<(&Member, usize)> {
        // CAST: Of the same size.
        self.by_virt
            .find(virt as u64, |member| member.chunk.page_at(virt))
    }

    /// The chunk that has this physical address, and the number of the page.
    #[cfg(CONFIG_DMA_DIRECT_REMAP)]
    pub(crate) fn at_phys(&self, phys: PhysAddr) -> Option<(&Member, usize)> {
        self.by_phys
            .find(phys, |member| member.chunk.page_at_phys(phys))
    }
}

/// The current state of the table that serves, for those who have no time to ask a table for it.
/// NULL if none does.
///
/// # Invariants
///
/// A state that was here is dropped only a grace period after it has gone from here.
static SERVING: Atomic<*mut Chunks> = Atomic::new(null_mut());

/// The current state of the table that serves. Any context; takes no lock.
#[inline(always)]
pub(crate) fn serving(_guard: &rcu::Guard) -> Option<&Chunks> {
    // SAFETY: By its invariants what is there is valid for as long as the guard is held. It was written
    // before the pointer was, with a release.
    unsafe { read_once(&SERVING).as_ref() }
}

/// No table serves from here on. What was found before can be used until RCU's readers are gone.
pub(super) fn retract() {
    SERVING.store(null_mut(), Relaxed);
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
    /// As an atomic pointer may be shared whatever it points to.
    _owns: PhantomData<KBox<Chunks>>,
    /// Held while the table is changed.
    #[pin]
    update: Mutex<()>,
}

impl Table {
    /// Publishes a first state. May sleep.
    pub(crate) fn new(list: List) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            // INVARIANT: The box is owned by this object from here on.
            current: Atomic::new(KBox::into_raw(Chunks::new(list)?)),
            _owns: PhantomData,
            update <- new_mutex!((), "dma_pool_table"),
        })
    }

    /// Has [`serving`] find this table from here on, until [`retract`]. May sleep; takes the table's
    /// mutex.
    ///
    /// # Safety
    ///
    /// No other table serves. After [`retract`] a grace period passes before this one is dropped.
    pub(super) unsafe fn publish(&self) {
        let _update = self.update.lock();

        // INVARIANT: The current state of this table. Who replaces it replaces that, too, and the
        // last one is dropped as promised by the caller.
        SERVING.store(self.current.load(Relaxed), Release);
    }

    /// The current state. Any context; takes no lock.
    #[inline(always)]
    pub(crate) fn read<'a>(&'a self, _guard: &'a rcu::Guard) -> &'a Chunks {
        // SAFETY: By the type invariants the pointer is valid, and the table is not dropped before
        // a grace period has passed, which the guard holds off. What it points to was written
        // before the pointer was published, with a release in `replace`.
        unsafe { &*read_once(&self.current) }
    }

    /// Adds a chunk to a pool, and its size to that of the pool.
    ///
    /// # Context
    ///
    /// Process context; sleeps for a grace period. Takes the table's mutex.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; the chunk is given back then.
    pub(crate) fn add(&self, pool: &Arc<Pool>, chunk: Chunk, is_added: bool) -> Result {
        let _update = self.update.lock();
        // SAFETY: By the type invariants the pointer is valid; the mutex keeps anyone from
        // replacing the table.
        let current = unsafe { &*self.current.load(Relaxed) };
        let size = chunk.size();
        let new = Chunks::new(current.list.with(pool, chunk, is_added)?)?;

        // Who is told of the memory has to find it, and who is served from it takes it off.
        pool.size.add(size, Relaxed);
        self.replace(new);
        Ok(())
    }

    /// Takes the last chunk away that was added to a pool, of which nothing is out, and without
    /// which at least `keep` bytes stay. Returns its size and its first physical address; `None` if
    /// there is no such chunk.
    ///
    /// # Context
    ///
    /// Process context; sleeps for a grace period. Takes the table's mutex.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; nothing is changed then.
    pub(crate) fn remove(&self, pool: &Pool, keep: usize) -> Result<Option<(usize, PhysAddr)>> {
        let _update = self.update.lock();
        // SAFETY: As in `add`.
        let current = unsafe { &*self.current.load(Relaxed) };
        let can_go = |member: &&Arc<Member>| {
            let rest = read_once(&pool.size).checked_sub(member.chunk.size());

            member.is_added && rest.is_some_and(|rest| rest >= keep) && member.chunk.is_idle()
        };

        for member in current.of(pool.zone).iter().rev().filter(can_go) {
            // First what may fail.
            let list = current.list.without(Some(member))?;
            let new = Chunks::new(list)?;

            if !member.chunk.claim() {
                continue;
            }
            let member = member.clone();
            let size = member.chunk.size();

            pool.size.fetch_sub(size, Relaxed);
            self.replace(new);
            // Nobody can find it any more, and it is dropped here.
            member.chunk.unclaim();
            return Ok(Some((size, member.chunk.phys_of(0))));
        }
        Ok(None)
    }

    /// Publishes a new state and drops the old one. The caller holds the mutex.
    fn replace(&self, new: KBox<Chunks>) {
        let (old, new) = (self.current.load(Relaxed), KBox::into_raw(new));

        // INVARIANT: The new box is owned by this object from here on, and the old one no longer.
        self.current.store(new, Release);
        // INVARIANT: If this table serves, its state is the new one from here on.
        let _ = SERVING.cmpxchg(old, new, Full);

        rcu::synchronize_rcu();
        // SAFETY: The pointer is that of a box, by the type invariants. No reader can have it any
        // more.
        drop(unsafe { KBox::from_raw(old) });
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
#[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
#[kunit_tests(rust_dma_pool_table)]
mod tests {
    use super::*;
    use kernel::{
        cpu::nr_cpu_ids,
        page::PAGE_SIZE,
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

    /// A pool, and the list of its one chunk.
    fn one_chunk() -> Result<(Arc<Pool>, List)> {
        let mut list = List::default();
        let pool = Pool::new(Zone::Dma32, PAGE_SIZE, false, &mut list)?.ok_or(ENOMEM)?;

        Ok((pool, list))
    }

    #[test]
    fn readers_keep_the_state_they_read() -> Result {
        let (pool, list) = one_chunk()?;
        let reader = Arc::pin_init(
            try_pin_init!(Changing {
                table <- Table::new(list),
                returned: Atomic::new(0),
                end <- Completion::new(),
            }),
            GFP_KERNEL,
        )?;
        let writer = reader.clone();
        // Where memory is remapped, this waits for readers itself.
        let chunk = Chunk::of_pages(Zone::Dma32, 2)?;
        let guard = rcu::read_lock();
        let before = reader.table.read(&guard);

        system_unbound().try_spawn(GFP_ATOMIC, move || {
            let result = writer.table.add(&pool, chunk, true);

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
        let kept = before.of(Zone::Dma32).len();

        drop(guard);
        reader.end.wait_for_completion();
        assert_eq!(returned, 0);
        assert_eq!(kept, 1);
        // Without another CPU that runs meanwhile, all of this says nothing.
        assert!(spins.is_some() || nr_cpu_ids() == 1);
        assert_eq!(reader.returned.load(Relaxed), 1);
        assert_eq!(count(&reader.table, Zone::Dma32), 2);
        Ok(())
    }

    #[test]
    fn is_the_sum_of_what_was_added() -> Result {
        let (pool, list) = one_chunk()?;
        let table = KBox::pin_init(Table::new(list), GFP_KERNEL)?;
        let before = count(&table, Zone::Dma32);

        table.add(&pool, Chunk::of_pages(Zone::Dma32, 2)?, true)?;
        assert_eq!(before, 1);
        assert_eq!(count(&table, Zone::Dma32), 2);
        assert_eq!(count(&table, Zone::Dma), 0);
        Ok(())
    }

    fn count(table: &Table, zone: Zone) -> usize {
        table.read(&rcu::read_lock()).of(zone).len()
    }
}
