// SPDX-License-Identifier: GPL-2.0

//! The machines of the tables in `plans.rs` and `limits.rs`.

use crate::{
    plan::zones::PerZone,
    policy::{
        Encryption,
        Machine, //
    },
};

use super::{
    G,
    K,
    M, //
};

/// x86_64 with all three zones, and nothing that needs pools.
pub(super) const PC: Machine = Machine {
    page_size: 4 * K,
    max_chunk: 4 * M,
    total_ram: 6 * G,
    managed: PerZone([2 * G, 15 * M, 4 * G]),
    remap: false,
    encryption: Encryption::None,
};

/// A crash kernel on x86_64, all of it below 4 GiB.
pub(super) const CRASH: Machine = Machine {
    total_ram: 192 * M,
    managed: PerZone([0, 0, 192 * M]),
    ..PC
};

/// A crash kernel on x86_64, `crashkernel=…,high`.
pub(super) const CRASH_HIGH: Machine = Machine {
    managed: PerZone([128 * M, 0, 64 * M]),
    ..CRASH
};

/// An encrypted host: SME.
pub(super) const SME: Machine = Machine {
    encryption: Encryption::Host,
    ..PC
};

/// An encrypted guest: SEV, TDX.
pub(super) const SEV: Machine = Machine {
    encryption: Encryption::Guest,
    ..PC
};

/// An encrypted guest's crash kernel.
pub(super) const SEV_CRASH: Machine = Machine {
    encryption: Encryption::Guest,
    ..CRASH
};

/// arm64 with devices that are not coherent.
pub(super) const ARM: Machine = Machine { remap: true, ..PC };

/// arm64 with pages of 64 KiB, whose ZONE_DMA reaches to 4 GiB.
pub(super) const ARM_64K: Machine = Machine {
    page_size: 64 * K,
    max_chunk: 512 * M,
    managed: PerZone([2 * G, 4 * G, 0]),
    ..ARM
};

/// A small board with one zone.
pub(super) const BOARD: Machine = board(2 * M);

pub(super) const fn board(total_ram: usize) -> Machine {
    Machine {
        total_ram,
        managed: PerZone([0, total_ram, 0]),
        ..ARM
    }
}
