// SPDX-License-Identifier: GPL-2.0

//! The kernel's filter of addresses, which keeps frees of all other memory away from the pools.
//!
//! C source: `kernel/dma/pool_filter.c` of the patch series.

use kernel::bindings;

/// Makes frees of an address range reach the pools, for as long as this object lives.
///
/// Frees of other addresses may reach them, too.
pub(crate) struct Filtered {
    addr: usize,
    size: usize,
}

impl Filtered {
    /// Adds a range of addresses: those that CPUs use, or physical ones.
    ///
    /// # Context
    ///
    /// Process context; takes the filter's mutex. The same when it is dropped.
    pub(crate) fn new(addr: usize, size: usize) -> Self {
        // SAFETY: An FFI call with no additional requirements.
        unsafe { bindings::dma_pool_filter_add(addr, size) };
        Self { addr, size }
    }
}

impl Drop for Filtered {
    fn drop(&mut self) {
        // SAFETY: The same range was added by `new`.
        unsafe { bindings::dma_pool_filter_remove(self.addr, self.size) };
    }
}
