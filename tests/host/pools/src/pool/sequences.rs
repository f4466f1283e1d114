// SPDX-License-Identifier: GPL-2.0

//! Random sequences of what happens to pools: requests, frees, growth, idle time, memory that is
//! short, allocations that fail. After each step the pools are held against a list of the blocks
//! that are out ([`model`](super::model)).

use kernel::{
    bindings,
    io::PhysAddr,
    machine,
    page::PAGE_SIZE,
    sync::{
        rcu,
        Arc, //
    },
};
use proptest::{
    collection::vec,
    prelude::*, //
};

use crate::{
    module,
    plan::zones::{
        PerZone,
        Zone,
        ZoneSet, //
    },
    report::failure::Failure,
    sync::read_once,
};

use super::{
    alloc,
    free,
    free_at,
    model::{
        expect,
        largest_free,
        Expected,
        Out,
        REACH, //
    },
    plan,
    request,
    work, //
};

use crate::pool::{
    free::{
        Free,
        Virt, //
    },
    Pools, //
};

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    /// A request of a device, which can address all memory or not.
    Alloc {
        zone: Zone,
        size: usize,
        everywhere: bool,
    },
    /// One of the blocks comes back, by its page or its address, and perhaps twice.
    Free {
        which: usize,
        by_page: bool,
        twice: bool,
    },
    /// One comes back in two pieces. Nobody should do that, and it does no harm.
    FreeInPieces { which: usize },
    /// Memory that is not the pools' comes back.
    Foreign { addr: usize },
    /// The worker has its turn after so many milliseconds.
    Work { ms: u64 },
    /// The page allocator is short of memory.
    Pressure,
    /// The machine has so many pages.
    Limit { pages: usize },
    /// One of the next allocations fails.
    Failing { number: usize },
}

fn zone() -> impl Strategy<Value = Zone> {
    prop_oneof![Just(Zone::Kernel), Just(Zone::Dma), Just(Zone::Dma32)]
}

fn step() -> impl Strategy<Value = Step> {
    let pages = prop_oneof![4 => 1usize..=4, 2 => 1usize..=64, 1 => 60usize..=200];
    let size = (pages, 0..PAGE_SIZE).prop_map(|(pages, less)| pages * PAGE_SIZE - less);
    let alloc = (zone(), size, prop::bool::weighted(0.8)).prop_map(|(zone, size, everywhere)| {
        Step::Alloc {
            zone,
            size,
            everywhere,
        }
    });
    let free =
        (any::<usize>(), any::<bool>(), any::<bool>()).prop_map(|(which, by_page, twice)| {
            Step::Free {
                which,
                by_page,
                twice,
            }
        });

    prop_oneof![
        12 => alloc,
        9 => free,
        1 => any::<usize>().prop_map(|which| Step::FreeInPieces { which }),
        1 => any::<usize>().prop_map(|addr| Step::Foreign { addr }),
        4 => (0u64..40_000).prop_map(|ms| Step::Work { ms }),
        1 => Just(Step::Pressure),
        1 => (100usize..4000).prop_map(|pages| Step::Limit { pages }),
        1 => (0usize..20).prop_map(|number| Step::Failing { number }),
    ]
}

/// # Safety
///
/// Nothing is required; `phys_addr_ok` is of an unsafe type.
unsafe extern "C" fn is_in_reach(_: *mut bindings::device, phys: PhysAddr, size: usize) -> bool {
    phys + size as u64 <= REACH
}

struct Sequence {
    pools: Arc<Pools>,
    present: ZoneSet,
    max: usize,
    out: Vec<Out>,
    /// Pieces that came back beyond the number of blocks that did.
    pieces: PerZone<usize>,
    cc_shared: bool,
}

impl Sequence {
    fn step(&mut self, step: &Step) {
        match *step {
            Step::Alloc {
                zone,
                size,
                everywhere,
            } => self.alloc(zone, size, everywhere),
            Step::Free {
                which,
                by_page,
                twice,
            } => {
                if !self.out.is_empty() {
                    let out = self.out.swap_remove(which % self.out.len());

                    self.free(&out, by_page, twice);
                }
            }
            Step::FreeInPieces { which } => {
                if !self.out.is_empty() {
                    let out = self.out.swap_remove(which % self.out.len());

                    self.free_in_pieces(&out);
                }
            }
            Step::Foreign { addr } => self.free_foreign(addr),
            Step::Work { ms } => {
                machine::pass(ms);
                work(&self.pools);
            }
            Step::Pressure => {
                self.pools.press();
                work(&self.pools);
            }
            Step::Limit { pages } => machine::limit_pages(pages),
            Step::Failing { number } => machine::fail_allocation(Some(number)),
        }
        self.check();
    }

    fn alloc(&mut self, zone: Zone, size: usize, everywhere: bool) {
        let expected = expect(&self.pools, self.present, &self.out, zone, size, everywhere);
        let phys_addr_ok: crate::pool::request::PhysAddrOk =
            if everywhere { None } else { Some(is_in_reach) };
        let request = request(phys_addr_ok, zone, size, self.cc_shared);
        let result = alloc(&self.pools, &request, !everywhere);

        match (result, expected) {
            (Ok(block), Expected::Block(virt, zone)) => {
                assert_eq!(block.virt.as_ptr() as usize, virt, "at another place");
                assert_eq!(block.size, size.next_multiple_of(PAGE_SIZE));
                self.out.push(Out { block, size, zone });
            }
            (Err(Failure::Exhausted | Failure::Growing), Expected::Full)
            | (Err(Failure::NotAddressable), Expected::NotAddressable)
            | (Err(Failure::Missing), Expected::Missing) => (),
            (result, expected) => {
                panic!(
                    "{:?} in place of {expected:?}",
                    result.map(|block| block.virt)
                )
            }
        }
    }

    fn free(&self, out: &Out, by_page: bool, twice: bool) {
        assert_eq!(free(&self.pools, &out.block, out.size, by_page), Free::Done);
        if twice {
            assert_eq!(free(&self.pools, &out.block, out.size, by_page), Free::Bad);
        }
    }

    /// Each begins as a block of its size may.
    fn free_in_pieces(&mut self, out: &Out) {
        let half = out.pages().next_power_of_two() / 2 * PAGE_SIZE;
        let addr = out.block.virt.as_ptr() as usize;

        if half == 0 {
            return self.free(out, false, false);
        }
        for (addr, size) in [(addr, half), (addr + half, out.block.size - half)] {
            assert_eq!(free_at(&self.pools, Virt(addr), size), Free::Done);
        }
        *self.pieces.get_mut(out.zone) += 1;
    }

    fn free_foreign(&self, addr: usize) {
        let guard = rcu::read_lock();
        let is_ours = self.pools.table.read(&guard).at_virt(addr).is_some();
        let dev = core::ptr::null_mut();
        let is_out = self
            .out
            .iter()
            .any(|out| addr.wrapping_sub(out.block.virt.as_ptr() as usize) < out.block.size);

        if is_out {
            return;
        }
        // SAFETY: It is not in use.
        let freed = unsafe { self.pools.free(&guard, dev, Virt(addr), PAGE_SIZE) };

        assert_eq!(freed, if is_ours { Free::Bad } else { Free::Foreign });
    }

    /// Figures, sizes and pins are those of the blocks that are out and of the chunks there are.
    fn check(&self) {
        let guard = rcu::read_lock();
        let mut chunks = 0;
        let mut pinning = 0;

        for zone in Zone::ALL {
            let Some(pool) = self.pools.pool(zone) else {
                continue;
            };
            let out = || self.out.iter().filter(|out| out.zone == zone);
            let pages: usize = out().map(Out::pages).sum();
            let members = self.pools.table.read(&guard).of(zone).iter();
            let size: usize = members.map(|member| member.chunk.size()).sum();
            let (allocs, frees) = pool.calls();

            assert_eq!(pool.used(), pages * PAGE_SIZE);
            let (blocks, pieces) = (out().count(), *self.pieces.get(zone));

            assert_eq!(pool.blocks(), blocks.saturating_sub(pieces));
            assert_eq!(allocs.wrapping_sub(frees), blocks.wrapping_sub(pieces));
            assert_eq!(read_once(&pool.size), size);
            assert!(pool.initial() <= size && size <= pool.max(), "{size}");
            assert!(pool.max() <= self.max.max(pool.initial()));
            assert!(pool.hiwater() >= pool.used());
            chunks += size / PAGE_SIZE;
            pinning += usize::from(pages != 0);
        }
        assert_eq!(machine::pages_out(), chunks);
        assert_eq!(module::pins(), pinning);
    }

    /// All comes back, and time passes until nobody waits for anything.
    fn end(mut self) {
        machine::fail_allocation(None);
        for zone in Zone::ALL {
            assert_eq!(
                self.pools.largest_free(&rcu::read_lock(), zone),
                largest_free(&self.pools, &self.out, zone)
            );
        }
        while let Some(out) = self.out.pop() {
            self.free(&out, false, false);
        }
        self.check();
        for _ in 0..100_000 {
            machine::pass(5_000);
            if !work(&self.pools) {
                break;
            }
            self.check();
        }
        for zone in Zone::ALL {
            if let Some(pool) = self.pools.pool(zone) {
                assert_eq!(read_once(&pool.size), pool.initial(), "memory stays");
            }
        }
        drop(self.pools);
        machine::check_nothing_is_left();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("SEQUENCES").map_or(300, |text| text.parse().expect("SEQUENCES= is a number")),
    ))]

    #[test]
    fn sequences(
        mask in 0u8..8,
        pages in 1usize..130,
        more in 0usize..400,
        cc_shared in any::<bool>(),
        steps in vec(step(), 1..120),
    ) {
        machine::reset();
        module::reset();
        let zones = ZoneSet::from_mask(mask).expect("three bits");
        let pools = Pools::new(&plan(zones, pages, pages + more, cc_shared));
        let pools = pools.expect("there is memory");
        let mut sequence = Sequence {
            present: zones,
            max: (pages + more) * PAGE_SIZE,
            pools,
            out: Vec::new(),
            pieces: PerZone::default(),
            cc_shared,
        };

        for step in &steps {
            sequence.step(step);
        }
        sequence.end();
    }
}
