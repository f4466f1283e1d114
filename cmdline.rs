// SPDX-License-Identifier: GPL-2.0

//! Where the options come from: the module's parameters or, without any, the kernel command line.
//!
//! Both are the strings as they were typed; [`param`](crate::pool::param) knows what they mean.
//! `module!` has no string parameters, so that this file spells out what it would make of them, with
//! the operations of the kernel's own `charp`.

use core::cell::UnsafeCell;

use kernel::{
    bindings,
    module_param::KernelParam,
    prelude::*,
    str::{
        as_char_ptr_in_const_context,
        CStr, //
    },
};

use crate::pool::param::{
    parse_pool,
    parse_size,
    BadValue,
    Request, //
};

/// Storage of a `charp` parameter.
#[repr(transparent)]
struct Text(UnsafeCell<*mut c_char>);

// SAFETY: The module loader writes the pointer before `init` runs and frees it after the module is
// gone. In between it is only read: the parameters are not writable.
unsafe impl Sync for Text {}

impl Text {
    const fn new() -> Self {
        Self(UnsafeCell::new(core::ptr::null_mut()))
    }

    /// The value, if the parameter was given.
    fn get(&self) -> Option<&[u8]> {
        // SAFETY: Not written while the module's code runs.
        let text = unsafe { *self.0.get() };

        if text.is_null() {
            return None;
        }
        // SAFETY: What `charp` stores is a C string that lives as long as the module.
        Some(unsafe { CStr::from_char_ptr(text) }.to_bytes())
    }
}

static COHERENT_POOL: Text = Text::new();
static COHERENT_POOL_SIZE: Text = Text::new();

/// Puts a line into the module's `.modinfo`.
macro_rules! modinfo {
    ($($part:literal),+) => {
        const _: () = {
            const LINE: &str = concat!($($part),+, "\0");

            #[link_section = ".modinfo"]
            #[used(compiler)]
            static MODINFO: [u8; LINE.len()] = bytes(LINE);
        };
    };
}

/// Declares the module parameter `$name` with its description, stored in `$storage`.
macro_rules! text_param {
    ($name:literal, $storage:ident, $description:literal) => {
        const _: () = {
            #[link_section = "__param"]
            #[used(compiler)]
            static PARAM: KernelParam = KernelParam::new(bindings::kernel_param {
                name: as_char_ptr_in_const_context(kernel::c_str!($name)),
                mod_: (&raw const bindings::__this_module).cast_mut(),
                ops: &raw const bindings::param_ops_charp,
                perm: 0o444,
                level: -1,
                flags: 0,
                __bindgen_anon_1: bindings::kernel_param__bindgen_ty_1 {
                    arg: $storage.0.get().cast(),
                },
            });

            modinfo!("parmtype=", $name, ":string");
            modinfo!("parm=", $name, ":", $description);
        };
    };
}

text_param!(
    "coherent_pool",
    COHERENT_POOL,
    "0: no pools; 1..7: mask of pools (1 kernel, 2 dma, 4 dma32); a size such as 2M; \
     or a list such as kernel:2M,dma32"
);
text_param!(
    "coherent_pool_size",
    COHERENT_POOL_SIZE,
    "size of the pools that coherent_pool selects without one, 128K to 4M"
);

/// The bytes of a string constant as an array.
const fn bytes<const N: usize>(text: &str) -> [u8; N] {
    let mut array = [0; N];

    array.copy_from_slice(text.as_bytes());
    array
}

/// The value of an option on the kernel command line, if it is there.
fn on_kernel_command_line(option: *const bindings::dma_pool_arg) -> Option<&'static [u8]> {
    // SAFETY: Both options are statics of the kernel that do not change after early boot.
    let option = unsafe { &*option };

    // SAFETY: The value is a C string.
    option
        .given
        .then(|| unsafe { CStr::from_char_ptr(option.value.as_ptr()) }.to_bytes())
}

/// Reads both options. With either one as a parameter of its own, the module does not look at the
/// kernel command line.
///
/// # Errors
///
/// `EINVAL` for a value that is not understood; the log says which and what would be.
pub(crate) fn read(page_size: usize) -> Result<Request> {
    let (mut pool, mut size) = (COHERENT_POOL.get(), COHERENT_POOL_SIZE.get());

    if pool.is_none() && size.is_none() {
        pool = on_kernel_command_line(&raw const bindings::dma_pool_coherent_pool);
        size = on_kernel_command_line(&raw const bindings::dma_pool_coherent_pool_size);
    }

    let refuse = |option, value| {
        let bad = BadValue {
            option,
            value,
            page_size,
        };

        pr_err!("{}\n", core::format_args!("{bad}"));
        EINVAL
    };

    Ok(Request {
        pool: pool
            .map(|text| parse_pool(text, page_size).map_err(|_| refuse("coherent_pool", text)))
            .transpose()?,
        size: size
            .map(|text| parse_size(text).map_err(|_| refuse("coherent_pool_size", text)))
            .transpose()?,
    })
}
