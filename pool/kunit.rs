// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of the pools as a whole, on pools of their own that serve nobody else. The tests in
//! [`kunit_growth`](super::kunit_growth) and [`kunit_shrink`](super::kunit_shrink) make their pools
//! here.

use kernel::{
    bindings,
    io::PhysAddr,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        atomic::Relaxed,
        rcu,
        Arc, //
    },
};

use super::{
    free::{
        first_page,
        Free,
        Place,
        Virt, //
    },
    growth,
    pool::Pool,
    request::{
        AllocRequest,
        PhysAddrOk,
        WantedZone, //
    },
    Block,
    Pools, //
};

use crate::{
    memory::set_memory::fault_injection,
    plan::{
        zones::{
            PerZone,
            Zone,
            ZoneSet, //
        },
        Limits,
        Plan, //
    },
    report::failure::Failure,
};

/// Bytes in each pool of these tests.
pub(super) const SIZE: usize = 8 * PAGE_SIZE;

/// One pool, in DMA32.
pub(super) const ONE: ZoneSet = ZoneSet::EMPTY.with(Zone::Dma32);

#[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
#[kunit_tests(rust_dma_pool)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_of_pools_serves_what_it_can() -> Result {
        for mask in 0..=7 {
            let present = ZoneSet::from_mask(mask).ok_or(EINVAL)?;
            let pools = pools_in(present, false)?;

            for zone in Zone::ALL {
                let block = alloc(&pools, zone, PAGE_SIZE);

                match block {
                    Ok(block) => {
                        assert!(!pools.present.is_empty());
                        assert!(free(&pools, &block, PAGE_SIZE));
                    }
                    Err(failure) => {
                        assert_eq!(failure, Failure::Missing);
                        assert!(pools.present.is_empty());
                    }
                }
            }
            growth::stop(&pools);
        }
        Ok(())
    }

    #[test]
    fn zones_are_those_of_the_flags() {
        use bindings::{
            GFP_ATOMIC,
            GFP_DMA,
            GFP_DMA32, //
        };
        let zone = |gfp| WantedZone::of(gfp).zone();

        assert_eq!(zone(GFP_ATOMIC), Zone::Kernel);
        assert_eq!(zone(GFP_ATOMIC | GFP_DMA), Zone::Dma);
        assert_eq!(zone(GFP_ATOMIC | GFP_DMA32), Zone::Dma32);
        assert_eq!(zone(GFP_ATOMIC | GFP_DMA | GFP_DMA32), Zone::Dma);
    }

    #[test]
    fn counts_what_is_out() -> Result {
        let pools = pools_in(ZoneSet::EMPTY.with(Zone::Dma32), false)?;
        let block = alloc(&pools, Zone::Dma32, PAGE_SIZE + 1).map_err(|_| ENOMEM)?;
        let used = used(&pools);
        let freed = free(&pools, &block, PAGE_SIZE + 1);

        growth::stop(&pools);
        assert_eq!(used, 2 * PAGE_SIZE);
        assert!(freed);
        assert_eq!(super::used(&pools), 0);
        Ok(())
    }

    #[test]
    fn leaves_alone_what_is_not_its_own() -> Result {
        let pools = pools_in(ZoneSet::ALL, false)?;
        let others = pools_in(ZoneSet::ALL, false)?;
        let block = alloc(&others, Zone::Kernel, PAGE_SIZE).map_err(|_| ENOMEM)?;
        let taken = free(&pools, &block, PAGE_SIZE) || free_page(&pools, &block, PAGE_SIZE);
        let freed = free_page(&others, &block, PAGE_SIZE);

        growth::stop(&others);
        assert!(!taken);
        assert!(freed);
        assert_eq!(used(&pools), 0);
        assert_eq!(used(&others), 0);
        Ok(())
    }

    #[test]
    fn decrypted_pools_serve_who_wants_them_decrypted() -> Result {
        let before = fault_injection::shared_pages();
        let pools = pools_with(ZoneSet::EMPTY.with(Zone::Dma32), false, true)?;
        let initial = fault_injection::shared_pages();
        let want = |cc_shared| {
            let request = request_with(None, Zone::Kernel, 4 * SIZE, cc_shared);

            pools.alloc(&rcu::read_lock(), &request)
        };
        let private = want(false).err();
        let exhausted = want(true).err();

        growth::stop(&pools);
        pools.follow_load();
        let grown = fault_injection::shared_pages();
        let freed = want(true).map(|block| free(&pools, &block, 4 * SIZE));

        growth::stop(&pools);
        drop(pools);
        assert_eq!(initial - before, SIZE / PAGE_SIZE);
        assert_eq!(private, Some(Failure::Missing));
        assert_eq!(exhausted, Some(Failure::Growing));
        assert!(grown - initial >= 4 * SIZE / PAGE_SIZE);
        assert_eq!(freed, Ok(true));
        assert_eq!(fault_injection::shared_pages(), before);
        Ok(())
    }

    #[test]
    fn tells_disabled_from_missing() -> Result {
        let disabled = pools_in(ZoneSet::EMPTY, true)?;
        let missing = pools_in(ZoneSet::EMPTY, false)?;

        assert_eq!(
            alloc(&disabled, Zone::Kernel, 1).err(),
            Some(Failure::Disabled)
        );
        assert_eq!(
            alloc(&missing, Zone::Kernel, 1).err(),
            Some(Failure::Missing)
        );
        Ok(())
    }
}

/// Pools of [`SIZE`] in the zones that are asked for, or in DMA32 where a zone has no memory.
pub(super) fn pools_in(zones: ZoneSet, disabled: bool) -> Result<Arc<Pools>> {
    pools_with(zones, disabled, false)
}

pub(super) fn pools_with(zones: ZoneSet, disabled: bool, cc_shared: bool) -> Result<Arc<Pools>> {
    Pools::new(&plan(zones, 64 << 20, disabled, cc_shared))
}

/// Lets time pass without waiting for it, and the worker work as often as it wants to.
pub(super) fn pass(pools: &Pools, ms: u64) {
    for _ in 0..16 {
        pools.skipped.add((ms / 16) as usize, Relaxed);
        pools.follow_load();
    }
}

/// Pools that may grow to `max` bytes.
pub(super) fn pools_up_to(zones: ZoneSet, max: usize) -> Result<Arc<Pools>> {
    Pools::new(&plan(zones, max, false, false))
}

fn plan(zones: ZoneSet, max: usize, disabled: bool, cc_shared: bool) -> Plan {
    let limits = Limits { min: SIZE, max };

    Plan {
        pools: PerZone::default().map(|zone, (): ()| zones.contains(zone).then_some(limits)),
        disabled,
        cc_shared,
    }
}

fn request(zone: Zone, size: usize) -> AllocRequest {
    request_with(None, zone, size, false)
}

pub(super) fn request_with(
    phys_addr_ok: PhysAddrOk,
    zone: Zone,
    size: usize,
    cc_shared: bool,
) -> AllocRequest {
    let gfp = match zone {
        Zone::Kernel => bindings::GFP_ATOMIC,
        Zone::Dma => bindings::GFP_ATOMIC | bindings::GFP_DMA,
        Zone::Dma32 => bindings::GFP_ATOMIC | bindings::GFP_DMA32,
    };
    let attrs = if cc_shared {
        bindings::__DMA_ATTR_ALLOC_CC_SHARED as c_ulong
    } else {
        0
    };

    // SAFETY: The functions of these tests do not look at the device.
    unsafe { AllocRequest::new(core::ptr::null_mut(), size, gfp, attrs, phys_addr_ok) }
}

pub(super) fn dma32(pools: &Pools) -> Result<&Arc<Pool>> {
    pools.pools.get(Zone::Dma32).as_ref().ok_or(EINVAL)
}

/// A device that can address nothing.
///
/// # Safety
///
/// Nothing is required; `phys_addr_ok` is of an unsafe type.
pub(super) unsafe extern "C" fn never(_: *mut bindings::device, _: PhysAddr, _: usize) -> bool {
    false
}

/// The way of most requests where there is one, as the DMA layer goes it.
pub(super) fn alloc(pools: &Arc<Pools>, zone: Zone, size: usize) -> Result<Block, Failure> {
    let (guard, request) = (rcu::read_lock(), request(zone, size));
    let chunks = pools.table.read(&guard);
    let taken = match size {
        1..=PAGE_SIZE => chunks.take_page(request.zone, request.kind),
        _ => None,
    }
    .or_else(|| chunks.take_run(size, request.zone, request.kind));

    match taken {
        Some((block, 0)) => Ok(block),
        Some((block, unsettled)) => pools
            .settle(&guard, block.virt.as_ptr() as usize, size, unsettled)
            .map(|()| block),
        None => pools.alloc(&guard, &request),
    }
}

pub(super) fn free(pools: &Arc<Pools>, block: &Block, size: usize) -> bool {
    free_at(pools, Virt(block.virt.as_ptr() as usize), size)
}

fn free_page(pools: &Arc<Pools>, block: &Block, size: usize) -> bool {
    // SAFETY: That of a block is valid.
    free_at(pools, unsafe { first_page(block.page.as_ptr()) }, size)
}

fn free_at(pools: &Pools, at: impl Place, size: usize) -> bool {
    let (guard, dev) = (rcu::read_lock(), core::ptr::null_mut());

    // SAFETY: The tests free what `alloc` returned, once, with its size.
    unsafe {
        pools.table.read(&guard).free_likely(at, size)
            || pools.free(&guard, dev, at, size) == Free::Done
    }
}

fn used(pools: &Pools) -> usize {
    pools
        .pools
        .iter()
        .filter_map(|(_, pool)| pool.as_ref())
        .map(|pool| pool.used())
        .sum()
}
