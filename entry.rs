// SPDX-License-Identifier: GPL-2.0

//! What the DMA layer asks for, each by the shortest way that can do it.
//!
//! Requests come in two kinds: without a `phys_addr_ok` (dma-iommu.c), which need no call on
//! their way, and with one (direct.c, swiotlb.c). Each begins at the first attempt that may serve it,
//! and goes on with what can do more. That is a function of its own and called last, so that what
//! is rare costs the others neither registers nor a stack frame.
//!
//! Who calls is a [`Caller`]: `builtin.rs` or `provider.rs`. All of this is monomorphised for one of
//! them. Each attempt finds the pools that serve, under RCU, and asks them; who serves is in
//! [`pool`](crate::pool). RCU ends before memory is zeroed or a message printed: a block that is out
//! keeps its chunk and, as a module, the code. Any context but NMI; nothing here takes a lock.

use core::{
    borrow::Borrow,
    ptr::NonNull, //
};

use kernel::{
    bindings,
    page::PAGE_SIZE,
    prelude::*,
    sync::rcu, //
};

use crate::{
    pool::{
        free::{
            Free,
            Place, //
        },
        request::{
            AllocRequest,
            Kind,
            PhysAddrOk,
            WantedZone, //
        },
        Block,
        Pools, //
    },
    published,
    report::{
        failure::Failure,
        trace, //
    },
};

/// A call of the DMA layer: the RCU that it is under, and how it is answered.
///
/// # Safety
///
/// Pools that were found in one section are there until the call ends: they never go, or all sections
/// are within one.
pub(crate) unsafe trait Caller: Copy {
    /// A read section of RCU.
    type Section<'a>: Borrow<rcu::Guard>
    where
        Self: 'a;

    /// Whether memory was from the pools.
    type Freed;

    /// Begins a section, which ends with what is returned or later.
    fn section(&self) -> Self::Section<'_>;

    /// Hands out a block, outside of such a section: stores its address, and returns its page.
    ///
    /// # Safety
    ///
    /// The block belongs to who asked; `cpu_addr` is valid for writes.
    unsafe fn served(self, block: Block, cpu_addr: *mut *mut c_void) -> *mut bindings::page;

    /// Answers that there is no block, and has people told why.
    ///
    /// # Safety
    ///
    /// As [`Failure::report`].
    unsafe fn failed(
        self,
        failure: Failure,
        dev: *mut bindings::device,
        size: usize,
        gfp: bindings::gfp_t,
    ) -> *mut bindings::page;

    /// Answers that the pools are about to go, [`Failure::NotServing`].
    fn not_serving(self) -> *mut bindings::page;

    /// Answers what became of `size` bytes at `addr` that were to be given back, and has people told
    /// of a bad free.
    ///
    /// # Safety
    ///
    /// `dev` is NULL or a device.
    unsafe fn freed(
        self,
        free: Free,
        dev: *mut bindings::device,
        addr: u64,
        size: usize,
    ) -> Self::Freed;
}

/// Asks the pools, in a section of its own; `otherwise` is the answer if none serve.
#[inline(always)]
fn ask<T>(caller: impl Caller, otherwise: T, question: impl FnOnce(&Pools, &rcu::Guard) -> T) -> T {
    let section = caller.section();
    let guard: &rcu::Guard = section.borrow();

    crate::pools(guard).map_or(otherwise, |pools| question(&pools, guard))
}

/// Serves a request of `dma_alloc_from_pool()`.
///
/// # Safety
///
/// `dev` is NULL or a device, `cpu_addr` is valid for writes, and `phys_addr_ok` may be called for
/// this device in this context.
#[inline(always)]
pub(crate) unsafe fn alloc(
    caller: impl Caller,
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> *mut bindings::page {
    if trace::traces_allocs() {
        // SAFETY: As promised by the caller.
        return unsafe { alloc_any(caller, dev, size, cpu_addr, gfp, attrs, phys_addr_ok) };
    }
    if phys_addr_ok.is_some() {
        // SAFETY: As promised by the caller.
        return unsafe { alloc_checked(caller, dev, size, cpu_addr, gfp, attrs, phys_addr_ok) };
    }
    if size > PAGE_SIZE {
        // SAFETY: As promised by the caller.
        return unsafe { alloc_run(caller, dev, size, cpu_addr, gfp, attrs) };
    }
    let taken = ask(caller, None, |pools, guard| {
        pools.take_page(guard, size, WantedZone::of(gfp), Kind::of(attrs))
    });

    match taken {
        // SAFETY: As promised by the caller; it was taken in this call.
        Some((block, unsettled)) => unsafe { hand_over(caller, block, cpu_addr, unsettled) },
        // SAFETY: As promised by the caller.
        None => unsafe { alloc_run(caller, dev, size, cpu_addr, gfp, attrs) },
    }
}

/// Serves what is more than a page, or not in the first chunk.
///
/// # Safety
///
/// As [`alloc`].
#[inline(never)]
unsafe fn alloc_run(
    caller: impl Caller,
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
) -> *mut bindings::page {
    let taken = ask(caller, None, |pools, guard| {
        pools.take_run(guard, size, WantedZone::of(gfp), Kind::of(attrs))
    });

    match taken {
        // SAFETY: As promised by the caller; it was taken in this call.
        Some((block, unsettled)) => unsafe { hand_over(caller, block, cpu_addr, unsettled) },
        // SAFETY: As promised by the caller.
        None => unsafe { alloc_any(caller, dev, size, cpu_addr, gfp, attrs, None) },
    }
}

/// Answers with a block that was taken, for which most have nothing left to do.
///
/// # Safety
///
/// As [`settle`].
#[inline(always)]
unsafe fn hand_over(
    caller: impl Caller,
    block: Block,
    cpu_addr: *mut *mut c_void,
    unsettled: usize,
) -> *mut bindings::page {
    let Block { virt, page, size } = block;

    // SAFETY: As promised by the caller.
    unsafe {
        if unsettled == 0 {
            caller.served(block, cpu_addr)
        } else {
            settle(caller, virt, page, size, cpu_addr, unsettled)
        }
    }
}

/// Does what is left to do for a block that was taken, see [`Pools::settle`].
///
/// # Safety
///
/// The block was taken in this call; `cpu_addr` is valid for writes.
#[cold]
#[inline(never)]
unsafe fn settle(
    caller: impl Caller,
    virt: NonNull<u8>,
    page: NonNull<bindings::page>,
    size: usize,
    cpu_addr: *mut *mut c_void,
    unsettled: usize,
) -> *mut bindings::page {
    let settled = {
        let section = caller.section();
        let guard: &rcu::Guard = section.borrow();
        // Not those that serve: if they do no more, the module cannot be pinned, and has to have
        // the block back.
        //
        // SAFETY: As promised by the caller, and by who implements `Caller`.
        let pools = unsafe { published::latest(guard) };

        pools.settle(guard, virt.as_ptr() as usize, size, unsettled)
    };

    match settled {
        // SAFETY: As promised by the caller.
        Ok(()) => unsafe { caller.served(Block { virt, page, size }, cpu_addr) },
        Err(_) => caller.not_serving(),
    }
}

/// Serves requests with a `phys_addr_ok`.
///
/// # Safety
///
/// As [`alloc`].
#[inline(never)]
unsafe fn alloc_checked(
    caller: impl Caller,
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> *mut bindings::page {
    // SAFETY: As promised by the caller.
    let request = unsafe { AllocRequest::new(dev, size, gfp, attrs, phys_addr_ok) };
    let block = ask(caller, None, |pools, guard| {
        pools.alloc_page(guard, &request)
    });

    match block {
        // SAFETY: As promised by the caller.
        Some(block) => unsafe { caller.served(block, cpu_addr) },
        // SAFETY: As promised by the caller.
        None => unsafe { alloc_any(caller, dev, size, cpu_addr, gfp, attrs, phys_addr_ok) },
    }
}

/// Serves any request. This is also the way for those who trace.
///
/// # Safety
///
/// As [`alloc`].
#[inline(never)]
unsafe fn alloc_any(
    caller: impl Caller,
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> *mut bindings::page {
    // SAFETY: As promised by the caller.
    let request = unsafe { AllocRequest::new(dev, size, gfp, attrs, phys_addr_ok) };
    let not_serving = Err(Failure::NotServing);

    match ask(caller, not_serving, |pools, guard| {
        pools.alloc(guard, &request)
    }) {
        // SAFETY: As promised by the caller.
        Ok(block) => unsafe { caller.served(block, cpu_addr) },
        // SAFETY: As promised by the caller.
        Err(failure) => unsafe { caller.failed(failure, dev, size, gfp) },
    }
}

/// Gives memory back, if it is from the pools. Most is a page that is done with at the first attempt.
///
/// # Safety
///
/// As [`Pools::free`].
#[inline(always)]
pub(crate) unsafe fn free<C: Caller>(
    caller: C,
    dev: *mut bindings::device,
    at: impl Place,
    size: usize,
) -> C::Freed {
    let section = caller.section();
    let guard: &rcu::Guard = section.borrow();
    let done = match crate::pools(guard) {
        // SAFETY: As promised by the caller.
        Some(pools) if !trace::traces_frees() => unsafe { pools.free_likely(guard, at, size) },
        _ => false,
    };

    if done {
        // SAFETY: As promised by the caller.
        return unsafe { caller.freed(Free::Done, dev, at.addr(), size) };
    }
    // SAFETY: As promised by the caller.
    unsafe { free_any(caller, section, dev, at, size) }
}

/// Gives back what is not done with at once, and ends the section of RCU: [`free`], to which nothing
/// comes back then, needs no registers for it.
///
/// # Safety
///
/// As [`Pools::free`].
#[inline(never)]
unsafe fn free_any<'a, C: Caller + 'a>(
    caller: C,
    section: C::Section<'a>,
    dev: *mut bindings::device,
    at: impl Place,
    size: usize,
) -> C::Freed {
    let guard: &rcu::Guard = section.borrow();
    // SAFETY: As promised by the caller.
    let free = crate::pools(guard).map_or(Free::Foreign, |pools| unsafe {
        pools.free(guard, dev, at, size)
    });

    drop(section);
    // SAFETY: As promised by the caller.
    unsafe { caller.freed(free, dev, at.addr(), size) }
}
