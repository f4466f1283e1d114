// SPDX-License-Identifier: GPL-2.0

//! What the running kernel says about the machine, in the terms of [`policy`](crate::policy).

use kernel::{
    bindings::{
        self,
        MAX_PAGE_ORDER, //
    },
    page::PAGE_SIZE, //
};

use crate::plan::{
    zones::{
        PerZone,
        Zone, //
    }, //
};
use crate::policy::{
    Encryption,
    Machine, //
};

/// Describes this machine. Any context after the zones are set up.
pub(crate) fn describe() -> Machine {
    Machine {
        page_size: PAGE_SIZE,
        max_chunk: PAGE_SIZE << MAX_PAGE_ORDER,
        // CAST: `unsigned long` is `usize` in the kernel.
        // SAFETY: An FFI call with no additional requirements.
        total_ram: unsafe { bindings::totalram_pages() }.saturating_mul(PAGE_SIZE),
        managed: PerZone(Zone::ALL).map(|_, zone| managed(zone)),
        remap: cfg!(CONFIG_DMA_DIRECT_REMAP),
        encryption: encryption(|attr| {
            // SAFETY: An FFI call with no additional requirements.
            unsafe { bindings::cc_platform_has(attr) }
        }),
    }
}

/// Bytes that the page allocator manages in a zone.
fn managed(zone: Zone) -> usize {
    let zone = match zone {
        Zone::Kernel => bindings::zone_type_ZONE_NORMAL,
        #[cfg(CONFIG_ZONE_DMA)]
        Zone::Dma => bindings::zone_type_ZONE_DMA,
        #[cfg(CONFIG_ZONE_DMA32)]
        Zone::Dma32 => bindings::zone_type_ZONE_DMA32,
        #[cfg(not(all(CONFIG_ZONE_DMA, CONFIG_ZONE_DMA32)))]
        _ => return 0,
    };

    // CAST: `unsigned long` is `usize` in the kernel.
    // SAFETY: An FFI call with no additional requirements.
    unsafe { bindings::zone_type_managed_pages(zone) }.saturating_mul(PAGE_SIZE)
}

/// As in C, whatever encrypts memory and is not the host is a guest.
fn encryption(has: impl Fn(bindings::cc_attr) -> bool) -> Encryption {
    if !has(bindings::cc_attr_CC_ATTR_MEM_ENCRYPT) {
        Encryption::None
    } else if has(bindings::cc_attr_CC_ATTR_HOST_MEM_ENCRYPT) {
        Encryption::Host
    } else {
        Encryption::Guest
    }
}

#[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
use kernel::prelude::*;

#[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
#[kunit_tests(rust_dma_pool_machine)]
mod tests {
    use super::*;

    /// No other machine here has any of these.
    #[test]
    fn tells_hosts_from_guests() {
        let memory = bindings::cc_attr_CC_ATTR_MEM_ENCRYPT;
        let host = bindings::cc_attr_CC_ATTR_HOST_MEM_ENCRYPT;
        let guest = bindings::cc_attr_CC_ATTR_GUEST_MEM_ENCRYPT;
        let of = |attrs: [bindings::cc_attr; 2]| encryption(|attr| attrs.contains(&attr));

        assert_eq!(of([memory, host]), Encryption::Host);
        assert_eq!(of([memory, guest]), Encryption::Guest);
        assert_eq!(of([memory, memory]), Encryption::Guest);
        assert_eq!(of([guest, host]), Encryption::None);
    }

    #[cfg(MODULE)]
    #[test]
    fn knows_the_largest_chunk() -> Result {
        let machine = describe();
        let pages =
            crate::memory::pages::Pages::new(Zone::Dma32, 1 << MAX_PAGE_ORDER).ok_or(ENOMEM)?;

        assert_eq!(machine.max_chunk, pages.size());
        assert_eq!(machine.page_size, PAGE_SIZE);
        Ok(())
    }

    /// Where these tests run, no memory is in a zone that can have no pool.
    #[test]
    fn sees_all_memory_in_zones() {
        let machine = describe();
        let managed = machine
            .managed
            .iter()
            .fold(0, |sum, (_, managed)| sum + managed);

        assert!(!machine.zones().is_empty());
        assert_eq!(managed, machine.total_ram);
    }
}
