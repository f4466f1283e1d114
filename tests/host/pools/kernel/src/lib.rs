// SPDX-License-Identifier: GPL-2.0

//! A stand-in for the `kernel` crate, with what the pools use of it, so that their own files run on
//! this machine as they are.
//!
//! The names are those of the kernel. What is behind them is only as much as the pools rely on:
//!
//! - [`sync`]: atomics with the kernel's orderings, RCU, `Arc`, a mutex. In an exploration by loom
//!   ([`explore`]) they are loom's, so that weak memory is seen; otherwise they are the machine's;
//! - [`alloc`]: `KBox`, `KVec`, `KVVec`. Each allocation can be made to fail ([`machine`]);
//! - [`bindings`]: constants, and C functions that work on memory of the test: pages, `gen_pool`;
//! - [`init`], [`workqueue`], [`time`]: in-place initialisation, work items that the test runs, and
//!   a clock that it sets.
//!
//! [`machine`] and [`explore`] are for tests; the kernel has no such things. Nothing here is meant
//! to be fast, and all state is of one thread: tests that run side by side do not see each other.

pub mod alloc;
pub mod bindings;
pub mod explore;
mod gen_pool;
pub mod init;
pub mod machine;
mod pages;
pub mod prelude;
pub mod sync;
pub mod time;
pub mod workqueue;

pub use core::fmt;

/// Error numbers.
pub mod error {
    use crate::alloc::AllocError;

    /// A negative error number of C.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Error(i32);

    /// What most functions return.
    pub type Result<T = (), E = Error> = core::result::Result<T, E>;

    impl From<AllocError> for Error {
        fn from(_: AllocError) -> Self {
            code::ENOMEM
        }
    }

    impl From<core::convert::Infallible> for Error {
        fn from(never: core::convert::Infallible) -> Self {
            match never {}
        }
    }

    /// What C returns, as a result.
    ///
    /// # Errors
    ///
    /// The error that a negative number stands for.
    pub fn to_result(status: i32) -> Result {
        if status < 0 {
            return Err(Error(status));
        }
        Ok(())
    }

    /// The errors by their names.
    pub mod code {
        use super::Error;

        /// Input/output error.
        pub const EIO: Error = Error(-5);
        /// Out of memory.
        pub const ENOMEM: Error = Error(-12);
        /// Invalid argument.
        pub const EINVAL: Error = Error(-22);
    }
}

/// Addresses of devices.
pub mod io {
    /// A physical address.
    pub type PhysAddr = u64;
}

/// The size of a page.
pub mod page {
    /// As a shift.
    pub const PAGE_SHIFT: usize = 12;
    /// In bytes.
    pub const PAGE_SIZE: usize = 1 << PAGE_SHIFT;
}

/// C strings.
pub mod str {
    pub use core::ffi::CStr;

    /// What the kernel's `CStr` can do besides.
    pub trait CStrExt {
        /// The string as C has it, whose `char` has no sign.
        fn as_char_ptr(&self) -> *const u8;
    }

    impl CStrExt for CStr {
        fn as_char_ptr(&self) -> *const u8 {
            self.as_ptr().cast()
        }
    }
}

/// Trace events, which nobody traces.
pub mod tracepoint {
    pub use crate::declare_trace;
}

/// Objects of C.
pub mod types {
    use core::{
        cell::UnsafeCell,
        mem::MaybeUninit, //
    };

    use crate::init::{
        pin_init_from_closure,
        PinInit, //
    };

    /// An object that only C looks into.
    #[repr(transparent)]
    pub struct Opaque<T>(UnsafeCell<MaybeUninit<T>>);

    impl<T> Opaque<T> {
        /// Has C initialise it in its place.
        pub fn ffi_init(init: impl FnOnce(*mut T)) -> impl PinInit<Self> {
            // SAFETY: Any content is a valid `Opaque`.
            unsafe {
                pin_init_from_closure(|slot: *mut Self| {
                    init(slot.cast());
                    Ok(())
                })
            }
        }

        /// The object as C has it.
        pub fn get(&self) -> *mut T {
            self.0.get().cast()
        }
    }
}

/// Defines functions that record trace events, and do nothing.
#[macro_export]
macro_rules! declare_trace {
    ($($(#[$attr:meta])* $vis:vis unsafe fn $name:ident($($arg:ident: $type:ty,)*);)*) => {
        $($(#[$attr])* $vis unsafe fn $name($($arg: $type),*) {
            let _ = ($($arg,)*);
        })*
    };
}

/// A backtrace in the log of the machine.
#[macro_export]
macro_rules! warn_on {
    ($condition:expr) => {
        if $condition {
            $crate::machine::say(String::from("WARNING"));
        }
    };
}
