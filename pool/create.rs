// SPDX-License-Identifier: GPL-2.0

//! Creating all pools of a plan, and saying what became of it. Once, at boot or as the module loads.
//!
//! What the plan says is decided in the policy. How one pool is filled is in [`pool`](super::pool).

use kernel::{
    bindings::MAX_PAGE_ORDER,
    new_mutex,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            AtomicFlag, //
        },
        Arc, //
    },
    workqueue::new_delayed_work, //
};

use super::{
    growth,
    list::List,
    pool::Pool,
    table::Table,
    Pools, //
};
#[cfg(MODULE)]
use crate::{
    memory::chunk::Chunk,
    plan::sizes,
    sync::read_once, //
};
use crate::{
    plan::{
        control::Control,
        zones::{
            PerZone,
            ZoneSet, //
        },
        Limits,
        Plan, //
    },
    report::ratelimit::RateLimit, //
};

impl Pools {
    /// Creates the pools of a plan, as far as there is memory.
    ///
    /// # Context
    ///
    /// Process context; may sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if memory for the bookkeeping is missing. A pool whose zone is out of memory is
    /// left out.
    #[cfg_attr(
        not(any(MODULE, CONFIG_DMA_POOL_RUST_KUNIT_TEST)),
        link_section = ".init.text"
    )]
    pub(crate) fn new(plan: &Plan) -> Result<Arc<Self>> {
        let mut list = List::default();
        let mut present = ZoneSet::EMPTY;
        let mut pools = PerZone::default();
        let mut controls = PerZone::default();

        for (zone, limits) in plan.pools.iter() {
            let Some(limits) = *limits else {
                continue;
            };

            if let Some(pool) = Pool::new(zone, limits.min, plan.cc_shared, &mut list)? {
                *controls.get_mut(zone) = Some(control(&pool, limits.max));
                *pools.get_mut(zone) = Some(pool);
                present = present.with(zone);
            }
        }

        Arc::pin_init(
            try_pin_init!(Self {
                pools,
                table <- Table::new(list),
                present,
                disabled: plan.disabled,
                disabled_allocs: Atomic::new(0),
                missing_allocs: Atomic::new(0),
                limit <- RateLimit::new(),
                mask_limit <- RateLimit::new(),
                named_impossible: AtomicFlag::new(false),
                no_size: Atomic::new(0),
                controls <- new_mutex!(controls, "dma_pool_controls"),
                growth <- new_delayed_work!("dma_pool_growth"),
                growth_queued: AtomicFlag::new(false),
                pressure: AtomicFlag::new(false),
                since: growth::clock(),
                #[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
                skipped: Atomic::new(0),
            }),
            GFP_KERNEL,
        )
    }

    /// Gives pools the memory that was not there when they were created.
    ///
    /// Process context; may sleep.
    #[cfg(MODULE)]
    pub(crate) fn fill(&self, plan: &Plan) {
        let mut controls = self.controls.lock();

        for (zone, limits) in plan.pools.iter() {
            let (Some(Limits { min, max }), Some(pool)) = (*limits, self.pool(zone)) else {
                continue;
            };

            if pool.initial() >= min {
                continue;
            }
            while let Some(missing) = min
                .checked_sub(read_once(&pool.size))
                .filter(|missing| *missing != 0)
            {
                let sizes = sizes::creation(missing, false, PAGE_SIZE, MAX_PAGE_ORDER);
                let added = Chunk::new(zone, sizes, pool.kind.is_shared())
                    .is_ok_and(|chunk| self.table.add(pool, chunk, false).is_ok());

                if !added {
                    break;
                }
            }
            pool.set_initial(read_once(&pool.size).min(min));
            *controls.get_mut(zone) = Some(control(pool, max));
        }
    }

    /// Logs what became of the plan that these pools were created from.
    #[cfg_attr(
        not(any(MODULE, CONFIG_DMA_POOL_RUST_KUNIT_TEST)),
        link_section = ".init.text"
    )]
    pub(crate) fn log(&self, plan: &Plan) {
        for (zone, limits) in plan.pools.iter() {
            let Some(Limits { min: size, .. }) = *limits else {
                continue;
            };
            let Some(pool) = self.pools.get(zone) else {
                pr_err!(
                    "DMA: failed to allocate {} KiB {} pool for atomic allocation\n",
                    size >> 10,
                    zone.gfp_name()
                );
                continue;
            };

            pr_info!(
                "DMA: preallocated {} KiB {} pool for atomic allocations\n",
                pool.initial() >> 10,
                zone.gfp_name()
            );
            let missing = size.saturating_sub(pool.initial());

            if missing != 0 {
                pr_warn!(
                    "DMA: memory is short, the {} pool lacks {} of {} KiB\n",
                    zone.name(),
                    missing >> 10,
                    size >> 10
                );
            }
        }
    }
}

/// How the size of a new pool follows the load, up to `max` bytes.
fn control(pool: &Pool, max: usize) -> Control {
    let min = pool.initial();
    let limits = Limits {
        min,
        max: max.max(min),
    };

    pool.set_max(limits.max);
    Control::new(limits, PAGE_SIZE, MAX_PAGE_ORDER)
}
