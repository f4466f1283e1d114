// SPDX-License-Identifier: GPL-2.0

//! The bitmap allocator of one chunk: a safe owner of `struct gen_pool`.
//!
//! Only what a pool that holds a single, fixed range of whole pages needs is here; where that
//! memory comes from is the business of [`chunk_memory`](super::chunk_memory).
//!
//! C header: [`include/linux/genalloc.h`](srctree/include/linux/genalloc.h)

use core::ptr::{
    null_mut,
    NonNull, //
};

use kernel::{
    bindings,
    error::to_result,
    io::PhysAddr,
    page::PAGE_SHIFT,
    prelude::*, //
};

/// An allocator of page-sized granules in one range of addresses.
///
/// # Invariants
///
/// `ptr` is a valid `struct gen_pool` that this object owns. It manages `size` bytes in one range,
/// and its granules are pages.
pub(crate) struct GenPool {
    ptr: NonNull<bindings::gen_pool>,
    size: usize,
}

impl GenPool {
    /// Creates an allocator for the `size` bytes at the kernel address `start`.
    ///
    /// `size` is a multiple of the page size and `phys` is the physical address of `start`. The
    /// memory itself is not touched.
    ///
    /// # Context
    ///
    /// Process context; may sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if the bitmap cannot be allocated.
    pub(crate) fn new(start: usize, phys: PhysAddr, size: usize) -> Result<Self> {
        // CAST: A page shift fits any integer.
        // SAFETY: An FFI call with no additional requirements.
        let ptr = unsafe { bindings::gen_pool_create(PAGE_SHIFT as c_int, bindings::NUMA_NO_NODE) };
        // INVARIANT: A pool just created is ours alone, and it has no range yet.
        let mut pool = Self {
            ptr: NonNull::new(ptr).ok_or(ENOMEM)?,
            size: 0,
        };

        // Natural alignment is part of the contract of coherent DMA memory.
        //
        // SAFETY: The pool is valid by the type invariants; the algorithm takes no data.
        unsafe {
            bindings::gen_pool_set_algo(
                pool.ptr.as_ptr(),
                Some(bindings::gen_pool_first_fit_order_align),
                null_mut(),
            )
        };

        // SAFETY: The pool is valid by the type invariants. The range is only bookkeeping to it.
        to_result(unsafe {
            bindings::gen_pool_add_owner(
                pool.ptr.as_ptr(),
                start,
                phys,
                size,
                bindings::NUMA_NO_NODE,
                null_mut(),
            )
        })?;
        // INVARIANT: The range was just added.
        pool.size = size;
        Ok(pool)
    }

    /// Takes `size` bytes, rounded up to pages and aligned within the range to the next power of
    /// two, and returns their address.
    ///
    /// `None` if no such piece is free, and for a `size` of 0.
    ///
    /// # Context
    ///
    /// Any context, lock-less; not NMI where `cmpxchg` is not NMI-safe.
    pub(crate) fn alloc(&self, size: usize) -> Option<usize> {
        // SAFETY: The pool is valid by the type invariants, and the algorithm is the one that
        // `new` set, which takes no data.
        let addr = unsafe {
            bindings::gen_pool_alloc_algo_owner(
                self.ptr.as_ptr(),
                size,
                Some(bindings::gen_pool_first_fit_order_align),
                null_mut(),
                null_mut(),
            )
        };

        (addr != 0).then_some(addr)
    }

    /// Gives back what [`alloc`](Self::alloc) returned.
    ///
    /// # Context
    ///
    /// As [`alloc`](Self::alloc).
    ///
    /// # Safety
    ///
    /// `addr` was returned by [`alloc`](Self::alloc) of this object for a size that rounds up to
    /// as many pages as `size` does, and was not given back since. `gen_pool` answers anything
    /// else with `BUG()`.
    pub(crate) unsafe fn free(&self, addr: usize, size: usize) {
        // SAFETY: The pool is valid by the type invariants, and the caller promises that the
        // range is allocated.
        unsafe { bindings::gen_pool_free_owner(self.ptr.as_ptr(), addr, size, null_mut()) };
    }

    /// Bytes that are not allocated.
    pub(crate) fn avail(&self) -> usize {
        // SAFETY: The pool is valid by the type invariants.
        unsafe { bindings::gen_pool_avail(self.ptr.as_ptr()) }
    }

    /// Whether nothing is allocated.
    pub(crate) fn is_idle(&self) -> bool {
        self.avail() == self.size
    }
}

impl Drop for GenPool {
    fn drop(&mut self) {
        // `gen_pool_destroy()` answers a live allocation with `BUG()`. Whoever holds one has to be
        // able to give it back, so the bookkeeping stays.
        if !self.is_idle() {
            pr_err!("DMA: a pool chunk is dropped while in use; leaking its allocator\n");
            return;
        }
        // SAFETY: The pool is valid by the type invariants, nobody else can use it any more, and
        // nothing is allocated from it.
        unsafe { bindings::gen_pool_destroy(self.ptr.as_ptr()) };
    }
}

// SAFETY: `struct gen_pool` is not tied to a thread.
unsafe impl Send for GenPool {}

// SAFETY: Allocation, free and the sums are lock-less and may run concurrently (head of
// `lib/genalloc.c`); the only range is added before the object is shared.
unsafe impl Sync for GenPool {}

#[kunit_tests(rust_dma_pool_allocator)]
mod tests {
    use super::*;
    use kernel::page::PAGE_SIZE;

    // `gen_pool` never touches the memory, so that any range will do.
    const START: usize = 0x4000_0000;
    const PAGES: usize = 8;

    #[test]
    fn hands_out_each_page_once() -> Result {
        let pool = GenPool::new(START, 0, PAGES * PAGE_SIZE)?;
        let mut seen = 0usize;

        for _ in 0..PAGES {
            let page = (pool.alloc(1).ok_or(ENOMEM)? - START) / PAGE_SIZE;

            assert!(page < PAGES);
            assert_eq!(seen & 1 << page, 0);
            seen |= 1 << page;
        }
        assert!(pool.alloc(1).is_none());
        assert_eq!(pool.avail(), 0);
        for page in 0..PAGES {
            // SAFETY: Each page is allocated, as just seen.
            unsafe { pool.free(START + page * PAGE_SIZE, 1) };
        }
        assert!(pool.is_idle());
        Ok(())
    }

    #[test]
    fn aligns_to_the_order_of_the_size() -> Result {
        let pool = GenPool::new(START, 0, PAGES * PAGE_SIZE)?;
        let page = pool.alloc(PAGE_SIZE).ok_or(ENOMEM)?;
        let three = pool.alloc(3 * PAGE_SIZE).ok_or(ENOMEM)?;

        assert_eq!(three % (4 * PAGE_SIZE), 0);
        assert_eq!(pool.avail(), (PAGES - 4) * PAGE_SIZE);
        // SAFETY: Both were just allocated with these sizes.
        unsafe {
            pool.free(page, PAGE_SIZE);
            pool.free(three, 3 * PAGE_SIZE);
        }
        assert!(pool.is_idle());
        Ok(())
    }

    #[test]
    fn refuses_nothing_and_too_much() -> Result {
        let pool = GenPool::new(START, 0, PAGES * PAGE_SIZE)?;

        assert!(pool.alloc(0).is_none());
        assert!(pool.alloc((PAGES + 1) * PAGE_SIZE).is_none());
        assert!(pool.alloc(usize::MAX).is_none());
        assert!(pool.is_idle());
        Ok(())
    }
}
