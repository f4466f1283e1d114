// SPDX-License-Identifier: GPL-2.0

//! The kernel parameter `coherent_pool_debug=` of pools that are built in: what C's `core_param()`
//! makes of a variable.
//!
//! The kernel reads it before any initcall runs. The other two options, of which both ways need what
//! was typed, are kept by `kernel/dma/pool_cmdline.c`. The counterpart of this file is
//! `module_params.rs`.

use core::{
    cell::UnsafeCell,
    ptr::null_mut, //
};

use kernel::{
    bindings,
    module_param::KernelParam,
    str::as_char_ptr_in_const_context, //
};

/// Whether it was given.
#[repr(transparent)]
struct Flag(UnsafeCell<bool>);

// SAFETY: Written at boot, by the one CPU that there is then, and only read later: the parameter is
// not writable.
unsafe impl Sync for Flag {}

static DEBUG: Flag = Flag(UnsafeCell::new(false));

#[link_section = "__param"]
#[used(compiler)]
static PARAM: KernelParam = KernelParam::new(bindings::kernel_param {
    name: as_char_ptr_in_const_context(c"coherent_pool_debug"),
    mod_: null_mut(),
    ops: &raw const bindings::param_ops_bool,
    perm: 0,
    level: -1,
    flags: 0,
    __bindgen_anon_1: bindings::kernel_param__bindgen_ty_1 {
        arg: DEBUG.0.get().cast(),
    },
});

/// Whether somebody wants to know from the start who holds what.
pub(crate) fn debug_wanted() -> bool {
    // SAFETY: Not written any more.
    unsafe { *DEBUG.0.get() }
}
