// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of the pools as a whole, on pools of their own that serve nobody else.

use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        atomic::Relaxed,
        rcu,
        Arc, //
    },
};

use super::{
    failure::Failure,
    growth,
    policy::Plan,
    set_memory::trial,
    zone::{
        PerZone,
        Zone,
        ZoneSet, //
    },
    Block,
    Pools,
    Request, //
};

/// Bytes in each pool of these tests.
const SIZE: usize = 8 * PAGE_SIZE;

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
    fn counts_what_is_out() -> Result {
        let pools = pools_in(ZoneSet::EMPTY.with(Zone::Dma32), false)?;
        let block = alloc(&pools, Zone::Dma32, PAGE_SIZE + 1).map_err(|_| ENOMEM)?;
        let in_use = in_use(&pools);
        let freed = free(&pools, &block, PAGE_SIZE + 1);

        growth::stop(&pools);
        assert_eq!(in_use, 2 * PAGE_SIZE);
        assert!(freed);
        assert_eq!(super::in_use(&pools), 0);
        Ok(())
    }

    #[test]
    fn grows_to_fit_a_request_that_failed() -> Result {
        let pools = pools_in(ZoneSet::EMPTY.with(Zone::Dma32), false)?;
        let first = alloc(&pools, Zone::Dma32, 4 * SIZE).err();

        growth::stop(&pools);
        pools.grow(pools.pools.get(Zone::Dma32).as_ref().ok_or(EINVAL)?);
        let second = alloc(&pools, Zone::Dma32, 4 * SIZE);
        let freed = second.map(|block| free(&pools, &block, 4 * SIZE));

        growth::stop(&pools);
        assert_eq!(first, Some(Failure::Exhausted));
        assert_eq!(freed, Ok(true));
        Ok(())
    }

    #[test]
    fn decrypted_pools_serve_who_wants_them_decrypted() -> Result {
        let before = trial::shared_pages();
        let pools = pools_with(ZoneSet::EMPTY.with(Zone::Dma32), false, true)?;
        let initial = trial::shared_pages();
        let want = |cc_shared| {
            let request = Request {
                cc_shared,
                ..request(Zone::Kernel, 4 * SIZE)
            };

            pools.as_arc_borrow().alloc(&rcu::read_lock(), &request)
        };
        let private = want(false).err();
        let exhausted = want(true).err();

        growth::stop(&pools);
        pools.grow(pools.pools.get(Zone::Dma32).as_ref().ok_or(EINVAL)?);
        let grown = trial::shared_pages();
        let freed = want(true).map(|block| free(&pools, &block, 4 * SIZE));

        pools.retire();
        drop(pools);
        assert_eq!(initial - before, SIZE / PAGE_SIZE);
        assert_eq!(private, Some(Failure::Missing));
        assert_eq!(exhausted, Some(Failure::Exhausted));
        assert!(grown - initial >= 4 * SIZE / PAGE_SIZE);
        assert_eq!(freed, Ok(true));
        assert_eq!(trial::shared_pages(), before);
        Ok(())
    }

    #[test]
    fn pools_that_cannot_be_decrypted_are_not_made_and_do_not_grow() -> Result {
        let zone = ZoneSet::EMPTY.with(Zone::Dma32);

        trial::fail(true, false);
        let none = pools_with(zone, false, true);

        trial::fail(false, false);
        let pools = pools_with(zone, false, true)?;
        let pool = pools.pools.get(Zone::Dma32).as_ref().ok_or(EINVAL)?;

        trial::fail(true, false);
        pool.want(4 * SIZE);
        pools.grow(pool);
        trial::fail(false, false);
        let size = pool.size.load(Relaxed);

        pools.retire();
        assert!(none?.present.is_empty());
        assert_eq!(size, SIZE);
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
fn pools_in(zones: ZoneSet, disabled: bool) -> Result<Arc<Pools>> {
    pools_with(zones, disabled, false)
}

fn pools_with(zones: ZoneSet, disabled: bool, cc_shared: bool) -> Result<Arc<Pools>> {
    let pools =
        PerZone::<Option<usize>>::default().map(|zone, _| zones.contains(zone).then_some(SIZE));

    Pools::new(&Plan { pools, disabled }, cc_shared)
}

fn request(zone: Zone, size: usize) -> Request {
    Request {
        dev: core::ptr::null_mut(),
        size,
        zone,
        cc_shared: false,
        phys_addr_ok: None,
    }
}

fn alloc(pools: &Arc<Pools>, zone: Zone, size: usize) -> Result<Block, Failure> {
    pools
        .as_arc_borrow()
        .alloc(&rcu::read_lock(), &request(zone, size))
}

fn free(pools: &Arc<Pools>, block: &Block, size: usize) -> bool {
    // SAFETY: The tests free what `alloc` returned, once, with its size.
    unsafe { pools.free(&rcu::read_lock(), block.virt as usize, size) }
}

fn in_use(pools: &Pools) -> usize {
    pools
        .pools
        .iter()
        .filter_map(|(_, pool)| pool.as_ref())
        .map(|pool| pool.in_use.load(Relaxed))
        .sum()
}
