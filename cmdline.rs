// SPDX-License-Identifier: GPL-2.0

//! The two options as text, and the kernel command line as one of the places they come from.
//!
//! What the text means is known to [`param`](crate::pool::param); the module's parameters, the other
//! place, to [`linkage`](crate::linkage).

use kernel::{
    bindings,
    page::PAGE_SIZE,
    prelude::*,
    str::CStr, //
};

use crate::pool::param::{
    parse_pool,
    parse_size,
    BadValue,
    Invalid,
    Request, //
};

/// The values of the options as they were typed; `None` for one that was not given.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    /// `coherent_pool=`
    pub(crate) pool: Option<&'static [u8]>,
    /// `coherent_pool_size=`
    pub(crate) size: Option<&'static [u8]>,
}

impl Options {
    /// What the kernel was booted with.
    pub(crate) fn of_kernel_command_line() -> Self {
        Self {
            pool: value(&raw const bindings::dma_pool_coherent_pool),
            size: value(&raw const bindings::dma_pool_coherent_pool_size),
        }
    }

    /// What the kernel was booted with, if neither option was given.
    pub(crate) fn or_kernel_command_line(self) -> Self {
        match self {
            Self {
                pool: None,
                size: None,
            } => Self::of_kernel_command_line(),
            given => given,
        }
    }

    /// Makes sense of the values.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a value that is not understood; the log says which, and what would be.
    pub(crate) fn parse(self) -> Result<Request> {
        Ok(Request {
            pool: parse("coherent_pool", self.pool, |text| {
                parse_pool(text, PAGE_SIZE)
            })?,
            size: parse("coherent_pool_size", self.size, parse_size)?,
        })
    }
}

fn parse<T>(
    option: &str,
    value: Option<&[u8]>,
    parse: impl Fn(&[u8]) -> Result<T, Invalid>,
) -> Result<Option<T>> {
    let Some(value) = value else {
        return Ok(None);
    };

    match parse(value) {
        Ok(parsed) => Ok(Some(parsed)),
        Err(Invalid) => {
            let bad = BadValue {
                option,
                value,
                page_size: PAGE_SIZE,
            };

            // `bad` is free of the `kernel` crate and implements `core`'s `Display`.
            pr_warn!("{}\n", core::format_args!("{bad}"));
            Err(EINVAL)
        }
    }
}

/// The value of an option on the kernel command line, if it is there.
fn value(option: *const bindings::dma_pool_arg) -> Option<&'static [u8]> {
    // SAFETY: Both options are statics of the kernel that do not change after early boot.
    let option = unsafe { &*option };

    // SAFETY: The value is a C string.
    option
        .given
        .then(|| unsafe { CStr::from_char_ptr(option.value.as_ptr()) }.to_bytes())
}
