// SPDX-License-Identifier: GPL-2.0

//! What kernel code has without naming it.

pub use core::pin::Pin;

pub use pinned_init::{
    pin_data,
    pinned_drop, //
};

pub use crate::{
    alloc::{
        flags::{
            GFP_ATOMIC,
            GFP_KERNEL, //
        },
        KBox,
        KVVec,
        KVec, //
    },
    error::{
        code::{
            EINVAL,
            EIO,
            ENOMEM, //
        },
        Error,
        Result, //
    },
    init::{
        PinInit,
        PinnedDrop, //
    },
    pin_init, pr_err, pr_info, pr_warn,
    str::CStrExt,
    try_pin_init,
};

/// `char`, which has no sign in the kernel.
#[expect(non_camel_case_types, reason = "C's name")]
pub type c_char = u8;

pub use core::ffi::{
    c_int,
    c_void, //
};

/// `unsigned long`, which is `usize` in the kernel.
#[expect(non_camel_case_types, reason = "C's name")]
pub type c_ulong = usize;

/// A line in the log of the machine.
#[macro_export]
macro_rules! pr_err {
    ($($arg:tt)*) => { $crate::machine::say(format!($($arg)*)) };
}

/// A line in the log of the machine.
#[macro_export]
macro_rules! pr_warn {
    ($($arg:tt)*) => { $crate::machine::say(format!($($arg)*)) };
}

/// A line in the log of the machine.
#[macro_export]
macro_rules! pr_info {
    ($($arg:tt)*) => { $crate::machine::say(format!($($arg)*)) };
}
