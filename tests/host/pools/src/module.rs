// SPDX-License-Identifier: GPL-2.0

//! The module whose code the pools are: its reference count, by the rules of kernel/module/main.c.
//! Each thread of the test program has one.

use kernel::sync::atomic::{
    Atomic,
    Full,
    Relaxed, //
};

use crate::sync::read_once;

thread_local! {
    /// References, one of which is that of a module that is there. 0 once it is going.
    static REFERENCES: Atomic<usize> = const { Atomic::new(1) };
}

/// The module was just loaded.
pub(crate) fn reset() {
    REFERENCES.with(|references| references.store(1, Relaxed));
}

/// Takes a reference, unless the module is going: `try_module_get()`.
pub(crate) fn pin() -> bool {
    REFERENCES.with(|references| {
        let mut old = read_once(references);

        while old != 0 {
            match references.cmpxchg(old, old + 1, Full) {
                Ok(_) => return true,
                Err(now) => old = now,
            }
        }
        false
    })
}

/// Drops a reference: `module_put()`.
pub(crate) fn unpin() {
    let before = REFERENCES.with(|references| references.fetch_sub(1, Full));

    assert!(before > 1, "a reference that nobody had");
}

/// References of blocks: what is there now, not what a load may still show.
pub(crate) fn pins() -> usize {
    REFERENCES
        .with(|references| references.fetch_add(0, Relaxed))
        .saturating_sub(1)
}

/// Lets the module go, unless somebody has a reference: `try_release_module_ref()`.
pub(crate) fn try_stop() -> bool {
    REFERENCES.with(|references| references.cmpxchg(1, 0, Full).is_ok())
}
