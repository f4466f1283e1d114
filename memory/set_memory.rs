// SPDX-License-Identifier: GPL-2.0

//! Decrypting pages where memory encryption is active, and back; nothing happens elsewhere.
//!
//! In a kernel with KUnit, tests see what was asked for and make it fail ([`fault_injection`]):
//! no machine without encryption would ever do either.

use kernel::{
    bindings,
    error::to_result,
    prelude::*, //
};

/// Lets devices, or the host of an encrypted guest, read the `count` pages at `linear`.
///
/// # Context
///
/// Process context; may sleep.
///
/// # Errors
///
/// As `set_memory_decrypted()`. The pages are in an unknown state then, some of them may be
/// decrypted.
///
/// # Safety
///
/// The pages belong to the caller; the address is the one in the linear map.
pub(super) unsafe fn decrypt(linear: usize, count: usize) -> Result {
    // CAST: The pages of a chunk.
    let pages = count as c_int;

    #[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
    fault_injection::decrypt(linear, pages)?;
    // SAFETY: As promised by the caller.
    to_result(unsafe { bindings::set_memory_decrypted(linear, pages) })
}

/// Undoes [`decrypt`], with the same context and errors.
///
/// # Safety
///
/// As for [`decrypt`].
pub(super) unsafe fn encrypt(linear: usize, count: usize) -> Result {
    // CAST: The pages of a chunk.
    let pages = count as c_int;

    #[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
    fault_injection::encrypt(linear, pages)?;
    // SAFETY: As promised by the caller.
    to_result(unsafe { bindings::set_memory_encrypted(linear, pages) })
}

/// What KUnit tests know and decide. They run one after the other.
#[cfg(CONFIG_DMA_POOL_RUST_KUNIT_TEST)]
pub(crate) mod fault_injection {
    use kernel::{
        prelude::*,
        sync::atomic::{
            Atomic,
            Relaxed, //
        },
    };

    /// Pages that were decrypted and not encrypted again.
    static SHARED: Atomic<usize> = Atomic::new(0);
    /// The last address that was decrypted or encrypted.
    static LINEAR: Atomic<usize> = Atomic::new(0);
    static DECRYPT_FAILS: Atomic<u32> = Atomic::new(0);
    static ENCRYPT_FAILS: Atomic<u32> = Atomic::new(0);

    pub(crate) fn shared_pages() -> usize {
        SHARED.load(Relaxed)
    }

    pub(crate) fn last_linear() -> usize {
        LINEAR.load(Relaxed)
    }

    /// From now on, either of the two fails with `EIO` or does not.
    pub(crate) fn fail(decrypt: bool, encrypt: bool) {
        DECRYPT_FAILS.store(decrypt.into(), Relaxed);
        ENCRYPT_FAILS.store(encrypt.into(), Relaxed);
    }

    /// That many pages stay decrypted for ever.
    pub(crate) fn forget_pages(count: usize) {
        SHARED.fetch_sub(count, Relaxed);
    }

    pub(super) fn decrypt(linear: usize, pages: c_int) -> Result {
        LINEAR.store(linear, Relaxed);
        if DECRYPT_FAILS.load(Relaxed) != 0 {
            return Err(EIO);
        }
        // CAST: The pages of a chunk.
        SHARED.add(pages as usize, Relaxed);
        Ok(())
    }

    pub(super) fn encrypt(linear: usize, pages: c_int) -> Result {
        LINEAR.store(linear, Relaxed);
        if ENCRYPT_FAILS.load(Relaxed) != 0 {
            return Err(EIO);
        }
        // CAST: The pages of a chunk.
        SHARED.fetch_sub(pages as usize, Relaxed);
        Ok(())
    }
}
