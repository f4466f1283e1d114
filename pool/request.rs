// SPDX-License-Identifier: GPL-2.0

//! What a caller of the DMA layer wants, from the arguments of `dma_alloc_from_pool()`: how much
//! memory, from which zone, of which kind, and which device has to reach it.
//!
//! The flags are compared as they come, so that the common request costs no decision. Who serves it
//! is in [`pool`](super).

use kernel::{
    bindings,
    io::PhysAddr,
    prelude::*, //
};

use crate::{
    plan::zones::Zone,
    report::trace, //
};

/// Asks whether a device can address a block, as `phys_addr_ok` of `dma_alloc_from_pool()`.
pub(crate) type PhysAddrOk =
    Option<unsafe extern "C" fn(*mut bindings::device, PhysAddr, usize) -> bool>;

/// What a caller of `dma_alloc_from_pool()` wants.
///
/// # Invariants
///
/// `phys_addr_ok` may be called with `dev`, which is NULL or a device, for as long as this exists.
pub(crate) struct AllocRequest {
    dev: *mut bindings::device,
    phys_addr_ok: PhysAddrOk,
    /// Bytes.
    pub(super) size: usize,
    /// Which pool is searched first.
    pub(super) zone: WantedZone,
    pub(super) kind: Kind,
}

impl AllocRequest {
    /// Makes a request for `size` bytes from the zone and of the kind that `gfp` and `attrs` ask
    /// for. The device has to be able to address it, if `phys_addr_ok` is there to tell.
    ///
    /// # Safety
    ///
    /// `phys_addr_ok` may be called with `dev`, which is NULL or a device, in this context.
    #[inline(always)]
    pub(crate) unsafe fn new(
        dev: *mut bindings::device,
        size: usize,
        gfp: bindings::gfp_t,
        attrs: c_ulong,
        phys_addr_ok: PhysAddrOk,
    ) -> Self {
        // INVARIANT: As promised by the caller.
        Self {
            dev,
            phys_addr_ok,
            size,
            zone: WantedZone::of(gfp),
            kind: Kind::of(attrs),
        }
    }

    /// Tells who traces that it was served with `bytes` bytes at `phys`.
    pub(super) fn trace(&self, zone: Zone, bytes: usize, phys: PhysAddr) {
        // SAFETY: By the type invariants.
        unsafe { trace::alloc(self.dev, zone, bytes, phys) };
    }

    /// Whether the device can address memory at `phys`.
    #[inline(always)]
    pub(super) fn allows(&self, phys: PhysAddr) -> bool {
        match self.phys_addr_ok {
            None => true,
            // SAFETY: By the type invariants.
            Some(phys_addr_ok) => unsafe { phys_addr_ok(self.dev, phys, self.size) },
        }
    }
}

/// The zone that a request asks for, as it says so: the bits of its `gfp` flags.
///
/// # Invariants
///
/// Not more than [`Self::MASK`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct WantedZone(usize);

impl WantedZone {
    /// The flags that ask for a zone, and the one between them, which asks for nothing here: a mask
    /// without a gap is an immediate of arm64.
    const MASK: usize =
        (bindings::GFP_DMA | bindings::__GFP_HIGHMEM | bindings::GFP_DMA32) as usize;

    /// What the flags of a request say.
    #[inline(always)]
    pub(crate) fn of(gfp: bindings::gfp_t) -> Self {
        // CAST: Some of 32 bits.
        // INVARIANT: The mask leaves nothing else.
        Self(gfp as usize & Self::MASK)
    }

    /// The zone, as `dma_guess_pool()` reads the flags.
    pub(crate) fn zone(self) -> Zone {
        if self.0 & bindings::GFP_DMA as usize != 0 {
            Zone::Dma
        } else if self.0 & bindings::GFP_DMA32 as usize != 0 {
            Zone::Dma32
        } else {
            Zone::Kernel
        }
    }
}

/// One value for each [`WantedZone`].
pub(crate) struct PerWantedZone<T>([T; WantedZone::MASK + 1]);

impl<T> PerWantedZone<T> {
    /// Makes a value for each zone that can be asked for.
    pub(super) fn new(value: impl Fn(Zone) -> T) -> Self {
        Self(core::array::from_fn(|bits| {
            value(WantedZone(bits & WantedZone::MASK).zone())
        }))
    }

    /// The value for a zone.
    #[inline(always)]
    pub(super) fn get(&self, wanted: WantedZone) -> &T {
        // Never out of range, which the compiler sees.
        &self.0[wanted.0 & WantedZone::MASK]
    }
}

/// The kind of memory that a request asks for, and a pool has: attributes, of which only
/// `__DMA_ATTR_ALLOC_CC_SHARED` counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind(c_ulong);

impl Kind {
    const SHARED: c_ulong = bindings::__DMA_ATTR_ALLOC_CC_SHARED as c_ulong;

    /// What the attributes of a request say.
    #[inline(always)]
    pub(crate) fn of(attrs: c_ulong) -> Self {
        Self(attrs)
    }

    /// Decrypted memory, or such that nobody encrypts or decrypts.
    pub(crate) fn new(cc_shared: bool) -> Self {
        Self(if cc_shared { Self::SHARED } else { 0 })
    }

    /// Whether the memory is decrypted.
    pub(crate) fn is_shared(self) -> bool {
        self.0 & Self::SHARED != 0
    }
}

impl PartialEq for Kind {
    /// Compares that bit alone, and not two bits of which each was masked: an instruction less on
    /// arm64.
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        (self.0 ^ other.0) & Self::SHARED == 0
    }
}
