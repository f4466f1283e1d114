// SPDX-License-Identifier: GPL-2.0

//! What the atomics of the `kernel` crate lack.

use kernel::sync::atomic::{
    Atomic,
    AtomicType,
    Full, //
};

/// Reads a value once, as C's `READ_ONCE()`.
///
/// The same as a relaxed load, but inline in every kernel: without `CONFIG_RUST_INLINE_HELPERS` each
/// operation of [`Atomic`] is a call. As with `rcu_dereference()`, what is read through a pointer
/// comes after the pointer itself.
#[inline(always)]
pub(crate) fn read_once<T: AtomicType>(value: &Atomic<T>) -> T {
    // SAFETY: The reference is valid. Every architecture's atomic load is a volatile read of the
    // machine word, which other CPUs may write meanwhile.
    unsafe { value.as_ptr().read_volatile() }
}

/// Makes a value at least this large, and returns whether it was less. Any context.
pub(crate) fn raise(value: &Atomic<usize>, at_least: usize) -> bool {
    let mut old = read_once(value);

    while old < at_least {
        match value.cmpxchg(old, at_least, Full) {
            Ok(_) => return true,
            Err(now) => old = now,
        }
    }
    false
}
