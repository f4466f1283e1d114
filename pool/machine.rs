// SPDX-License-Identifier: GPL-2.0

//! What the running kernel says about the machine, in the terms of [`policy`](super::policy).

use kernel::{
    bindings,
    page::PAGE_SIZE, //
};

use super::{
    policy::{
        Encryption,
        Machine, //
    },
    zone::{
        Zone,
        ZoneSet, //
    },
    MAX_ORDER,
};

/// Describes this machine. Any context after the zones are set up.
pub(crate) fn describe() -> Machine {
    let mut populated = ZoneSet::EMPTY;

    for zone in Zone::ALL {
        if has_memory(zone) {
            populated = populated.with(zone);
        }
    }
    Machine {
        page_size: PAGE_SIZE,
        max_block: PAGE_SIZE << MAX_ORDER,
        // CAST: `unsigned long` is `usize` in the kernel.
        // SAFETY: An FFI call with no additional requirements.
        total_ram: unsafe { bindings::totalram_pages() as usize }.saturating_mul(PAGE_SIZE),
        populated,
        remap: cfg!(CONFIG_DMA_DIRECT_REMAP),
        encryption: encryption(),
    }
}

fn has_memory(zone: Zone) -> bool {
    let zone = match zone {
        Zone::Kernel => bindings::zone_type_ZONE_NORMAL,
        #[cfg(CONFIG_ZONE_DMA)]
        Zone::Dma => bindings::zone_type_ZONE_DMA,
        #[cfg(CONFIG_ZONE_DMA32)]
        Zone::Dma32 => bindings::zone_type_ZONE_DMA32,
        #[cfg(not(all(CONFIG_ZONE_DMA, CONFIG_ZONE_DMA32)))]
        _ => return false,
    };

    // SAFETY: An FFI call with no additional requirements.
    unsafe { bindings::has_managed_zone(zone) }
}

/// As in C, whatever encrypts memory and is not the host is a guest.
fn encryption() -> Encryption {
    // SAFETY: An FFI call with no additional requirements.
    let has = |attr| unsafe { bindings::cc_platform_has(attr) };

    if !has(bindings::cc_attr_CC_ATTR_MEM_ENCRYPT) {
        Encryption::None
    } else if has(bindings::cc_attr_CC_ATTR_HOST_MEM_ENCRYPT) {
        Encryption::Host
    } else {
        Encryption::Guest
    }
}
