// SPDX-License-Identifier: GPL-2.0

//! The pools as a module: init, exit, and what keeps it from going.
//!
//! What the DMA layer calls is in [`provider`](crate::provider), the parameters are in
//! [`module_params`]. The counterpart, for pools that are part of the kernel image, is `builtin.rs`.

use kernel::{
    bindings,
    prelude::*, //
};

use crate::{
    module_params,
    platform::{
        self,
        cmdline::RawOptions, //
    },
    pool::Pools,
    provider::Registration,
    published::Published, //
};

/// This module.
pub(crate) const THIS: *const bindings::module = &raw const bindings::__this_module;

/// The module while it is loaded: it provides the pools.
///
/// No block is out when it goes, as blocks pin the module.
pub(crate) struct RustDmaPool {
    // First, so that nobody reads sizes of pools that are going away.
    #[cfg(CONFIG_DEBUG_FS)]
    _debugfs: crate::report::debugfs::Debugfs,
    // Then their memory, before the C pools ask for theirs: a zone may not have room for both.
    _pools: Published,
    _registration: Registration,
}

impl kernel::Module for RustDmaPool {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let mut raw = module_params::given();

        // Any parameter of its own makes the module ignore the kernel command line.
        if raw.pool.is_none() && raw.size.is_none() {
            raw = RawOptions::of_kernel_command_line();
        }

        let (options, valid) = raw.parse();

        // Nobody boots through insmod, so that a value that is not understood may be an error.
        valid?;

        let plan = platform::plan(&options);
        let pools = Pools::new(&plan)?;
        let published = Published::new(pools.clone());
        // The last that can fail: blocks may be out from here on.
        let registration = Registration::new()?;

        // Only now has the memory of the C pools gone back, without which a zone may be too tight.
        pools.fill(&plan);
        pools.log(&plan);

        Ok(Self {
            #[cfg(CONFIG_DEBUG_FS)]
            // SAFETY: A module is initialised once.
            _debugfs: unsafe { crate::report::debugfs::Debugfs::new(&pools) },
            _pools: published,
            _registration: registration,
        })
    }
}

/// Takes a reference on the module, unless it is about to go.
pub(crate) fn pin() -> bool {
    // SAFETY: The module's code runs, so that it is there.
    unsafe { bindings::try_module_get(THIS.cast_mut()) }
}

/// Drops a reference that [`pin`] took. The module may go when RCU allows it.
pub(crate) fn unpin() {
    // SAFETY: The caller has a reference.
    unsafe { bindings::module_put(THIS.cast_mut()) };
}
