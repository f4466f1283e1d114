// SPDX-License-Identifier: GPL-2.0

//! The parameters of the module, `coherent_pool=` and `coherent_pool_size=`, as they were typed.
//!
//! What they mean is decided in [`policy`](crate::policy).

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

use crate::platform::cmdline::RawOptions;

/// Storage of a `charp` parameter.
///
/// `module!` has no string parameters, so that what it makes of a parameter is spelled out
/// here, with the operations of the kernel's own `charp`.
#[repr(transparent)]
struct Text(UnsafeCell<*mut c_char>);

// SAFETY: The module loader writes the pointer before `init` runs and frees it after the module
// is gone. In between it is only read: the parameters are not writable.
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

/// The first `N` bytes of a string constant as an array; zeros if it is shorter. Only the compiler
/// runs it.
const fn bytes<const N: usize>(text: &str) -> [u8; N] {
    match text.as_bytes().first_chunk() {
        Some(bytes) => *bytes,
        None => [0; N],
    }
}

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
        static $storage: Text = Text::new();

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
    "0: no pools; 1..7: mask of pools (1 kernel, 2 dma, 4 dma32); a size such as 2M; a range to \
     grow in such as 1M-8M; or a list such as kernel:2M,dma32,dma:64K-2M"
);
text_param!(
    "coherent_pool_size",
    COHERENT_POOL_SIZE,
    "size of the pools that coherent_pool selects without one, 128K to 4M"
);

/// The parameters that were given.
pub(crate) fn given() -> RawOptions {
    RawOptions {
        pool: COHERENT_POOL.get(),
        size: COHERENT_POOL_SIZE.get(),
    }
}
