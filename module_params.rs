// SPDX-License-Identifier: GPL-2.0

//! The parameters of the module: `coherent_pool=` and `coherent_pool_size=`, as they were typed, and
//! `coherent_pool_debug=`.
//!
//! What the first two mean is decided in [`policy`](crate::policy). The last one is kept by
//! `builtin_param.rs` for pools that are built in.

use core::{
    cell::UnsafeCell,
    ptr::null_mut, //
};

use kernel::{
    bindings,
    module_param::KernelParam,
    prelude::*,
    str::as_char_ptr_in_const_context, //
};

use crate::{
    c_str,
    platform::cmdline::RawOptions, //
};

/// Storage of a parameter.
///
/// `module!` has no string parameters, so that what it makes of a parameter is spelled out
/// here, with the operations of the kernel's own types.
#[repr(transparent)]
struct Storage<T>(UnsafeCell<T>);

// SAFETY: The module loader writes the value before `init` runs and frees what it points to after
// the module is gone. In between it is only read: the parameters are not writable.
unsafe impl<T> Sync for Storage<T> {}

impl<T: Copy> Storage<T> {
    fn get(&self) -> T {
        // SAFETY: Not written while the module's code runs.
        unsafe { *self.0.get() }
    }
}

impl Storage<*mut c_char> {
    /// The value, if the parameter was given.
    fn text(&self) -> Option<&[u8]> {
        let text = self.get();

        if text.is_null() {
            return None;
        }
        // SAFETY: What `charp` stores is a C string that lives as long as the module.
        Some(unsafe { c_str::bytes(text) })
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

/// Declares the module parameter `$name` with its description, of a type of the kernel's and with
/// these operations, stored in `$storage`.
macro_rules! param {
    ($name:literal, $storage:ident: $type:ty = $value:expr, $ops:ident, $c_type:literal, $description:literal) => {
        static $storage: Storage<$type> = Storage(UnsafeCell::new($value));

        const _: () = {
            #[link_section = "__param"]
            #[used(compiler)]
            static PARAM: KernelParam = KernelParam::new(bindings::kernel_param {
                name: as_char_ptr_in_const_context(kernel::c_str!($name)),
                mod_: (&raw const bindings::__this_module).cast_mut(),
                ops: &raw const bindings::$ops,
                perm: 0o444,
                level: -1,
                flags: 0,
                __bindgen_anon_1: bindings::kernel_param__bindgen_ty_1 {
                    arg: $storage.0.get().cast(),
                },
            });

            modinfo!("parmtype=", $name, ":", $c_type);
            modinfo!("parm=", $name, ":", $description);
        };
    };
}

param!(
    "coherent_pool",
    COHERENT_POOL: *mut c_char = null_mut(),
    param_ops_charp,
    "string",
    "0: no pools; 1..7: mask of pools (1 kernel, 2 dma, 4 dma32); a size such as 2M; a range to \
     grow in such as 1M-8M; or a list such as kernel:2M,dma32,dma:64K-2M"
);
param!(
    "coherent_pool_size",
    COHERENT_POOL_SIZE: *mut c_char = null_mut(),
    param_ops_charp,
    "string",
    "size of the pools that coherent_pool selects without one, 128K to 4M"
);
#[cfg(all(CONFIG_DEBUG_FS, CONFIG_TRACEPOINTS))]
param!(
    "coherent_pool_debug",
    COHERENT_POOL_DEBUG: bool = false,
    param_ops_bool,
    "bool",
    "note from the start who holds what, see dma_pools/holders in debugfs"
);

/// The parameters that were given.
pub(crate) fn given() -> RawOptions {
    RawOptions {
        pool: COHERENT_POOL.text(),
        size: COHERENT_POOL_SIZE.text(),
    }
}

/// Whether somebody wants to know from the start who holds what.
#[cfg(all(CONFIG_DEBUG_FS, CONFIG_TRACEPOINTS))]
pub(crate) fn debug_wanted() -> bool {
    COHERENT_POOL_DEBUG.get()
}
