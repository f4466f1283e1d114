// SPDX-License-Identifier: GPL-2.0

//! The directory `dma_pools` in debugfs: sizes and counters, one decimal number per file.
//!
//! The files are made by `debugfs_create_ulong()`. Its code is in the core kernel, and removing the
//! directory waits for those who are inside: so a file that is still open after the module is gone
//! runs nothing of ours, which files of `kernel::debugfs` would.

use core::ptr::null_mut;

use kernel::{
    bindings,
    str::CStr,
    sync::{
        atomic::Atomic,
        Arc, //
    },
};

#[cfg(CONFIG_DEBUG_FS)]
use kernel::prelude::*;

use crate::{
    plan::zones::Zone,
    pool::Pools, //
};

/// Read by root only, as C's files.
const MODE: bindings::umode_t = 0o400;

/// The directory, for as long as this object lives.
pub(crate) struct Debugfs {
    dir: *mut bindings::dentry,
    /// The files point into it.
    _pools: Arc<Pools>,
}

impl Debugfs {
    /// Makes the directory. Process context; may sleep.
    ///
    /// Cannot fail: as for all of debugfs, pools without it are as good.
    #[cfg_attr(
        not(any(MODULE, CONFIG_DMA_POOL_RUST_KUNIT_TEST)),
        link_section = ".init.text"
    )]
    pub(crate) fn new(pools: &Arc<Pools>) -> Self {
        #[cfg(CONFIG_DEBUG_FS)]
        // SAFETY: The name is a C string; NULL stands for the root of debugfs.
        let dir = unsafe { bindings::debugfs_create_dir(c"dma_pools".as_char_ptr(), null_mut()) };
        #[cfg(not(CONFIG_DEBUG_FS))]
        let dir = null_mut();
        let this = Self {
            dir,
            _pools: pools.clone(),
        };

        for zone in Zone::ALL {
            this.file(file_name(zone), pools.size(zone));
        }
        this.file(c"disabled_allocs", &pools.disabled_allocs);
        this
    }

    /// Makes a file that shows `value`, which is part of the pools.
    #[cfg_attr(
        not(any(MODULE, CONFIG_DMA_POOL_RUST_KUNIT_TEST)),
        link_section = ".init.text"
    )]
    fn file(&self, name: &CStr, value: &Atomic<usize>) {
        #[cfg(not(CONFIG_DEBUG_FS))]
        let _ = (name, value, MODE, self.dir);
        #[cfg(CONFIG_DEBUG_FS)]
        // CAST: `unsigned long` is `usize` in the kernel.
        // SAFETY: The directory is valid or an error pointer, which is fine. The value lives as
        // long as the pools, hence longer than the file, and is only read, by one load.
        unsafe {
            bindings::debugfs_create_ulong(
                name.as_char_ptr(),
                MODE,
                self.dir,
                value.as_ptr().cast(),
            )
        };
    }
}

impl Drop for Debugfs {
    fn drop(&mut self) {
        #[cfg(CONFIG_DEBUG_FS)]
        // SAFETY: The directory is valid or an error pointer, which is fine.
        unsafe {
            bindings::debugfs_remove(self.dir)
        };
    }
}

// SAFETY: A dentry is not tied to a thread.
unsafe impl Send for Debugfs {}

// SAFETY: There is nothing to do with a shared reference.
unsafe impl Sync for Debugfs {}

fn file_name(zone: Zone) -> &'static CStr {
    match zone {
        Zone::Kernel => c"pool_size_kernel",
        Zone::Dma => c"pool_size_dma",
        Zone::Dma32 => c"pool_size_dma32",
    }
}
