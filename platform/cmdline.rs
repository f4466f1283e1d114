// SPDX-License-Identifier: GPL-2.0

//! The two options as text, and the kernel command line as one of the places they come from.
//!
//! What the text means is in [`options`](crate::policy::options). The other place, the parameters of
//! the module, is in `module_params.rs`.

use kernel::{
    bindings,
    page::PAGE_SIZE,
    prelude::*, //
};

use crate::{
    c_str,
    policy::options::{
        parse_pool,
        parse_size,
        BadValue,
        Invalid,
        Options, //
    },
};

/// The values of the options as they were typed; `None` for one that was not given.
#[derive(Clone, Copy)]
pub(crate) struct RawOptions {
    /// `coherent_pool=`
    pub(crate) pool: Option<&'static [u8]>,
    /// `coherent_pool_size=`
    pub(crate) size: Option<&'static [u8]>,
}

impl RawOptions {
    /// What the kernel was booted with.
    pub(crate) fn of_kernel_command_line() -> Self {
        Self {
            pool: value(&raw const bindings::dma_pool_coherent_pool),
            size: value(&raw const bindings::dma_pool_coherent_pool_size),
        }
    }

    /// Makes sense of the values.
    ///
    /// A value that is not understood counts as not given, and makes the second result `EINVAL`; the
    /// log says which it is, and what would be understood.
    pub(crate) fn parse(self) -> (Options, Result) {
        let pool = parse("coherent_pool", self.pool, |text| {
            parse_pool(text, PAGE_SIZE)
        });
        let size = parse("coherent_pool_size", self.size, parse_size);
        let valid = pool.and(size).map(|_| ());

        (
            Options {
                pool: pool.unwrap_or(None),
                size: size.unwrap_or(None),
            },
            valid,
        )
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

    if !option.given {
        return None;
    }
    // SAFETY: The value is a C string.
    Some(unsafe { c_str::bytes(option.value.as_ptr()) })
}
