// SPDX-License-Identifier: GPL-2.0

//! Strings that come from C.

use core::slice;

use kernel::{
    bindings,
    prelude::*, //
};

/// The bytes of a C string, without the NUL at its end.
///
/// Any context. `CStr::from_char_ptr()` adds 1 to the length, which could panic as far as the compiler
/// knows.
///
/// # Safety
///
/// `string` is a C string, which neither goes nor changes for as long as the result is used.
pub(crate) unsafe fn bytes<'a>(string: *const c_char) -> &'a [u8] {
    // SAFETY: As promised by the caller; these are the bytes before the NUL.
    unsafe { slice::from_raw_parts(string.cast(), bindings::strlen(string)) }
}
