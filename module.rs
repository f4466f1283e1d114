// SPDX-License-Identifier: GPL-2.0

//! The pools as a module: its parameters, its registration with the DMA layer, init and exit.
//!
//! What it hands to the DMA layer does its work in [`entry`]. Its counterpart, for pools that are
//! part of the kernel image, is `builtin.rs`.

use core::cell::UnsafeCell;

use kernel::{
    bindings,
    error::to_result,
    module_param::KernelParam,
    prelude::*,
    str::{
        as_char_ptr_in_const_context,
        CStr, //
    },
    sync::Arc, //
};

use crate::{
    entry,
    platform::cmdline::RawOptions,
    pool::{
        PhysAddrOk,
        Pools, //
    },
    report::debugfs::Debugfs,
};

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

/// The `N` bytes of a string constant as an array. Only the compiler runs it, for which a panic is
/// an error in the constant.
const fn bytes<const N: usize>(text: &str) -> [u8; N] {
    match text.as_bytes().first_chunk() {
        Some(bytes) => *bytes,
        None => panic!(),
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
    "0: no pools; 1..7: mask of pools (1 kernel, 2 dma, 4 dma32); a size such as 2M; \
     or a list such as kernel:2M,dma32"
);
text_param!(
    "coherent_pool_size",
    COHERENT_POOL_SIZE,
    "size of the pools that coherent_pool selects without one, 128K to 4M"
);

/// What the DMA layer calls while this module provides the pools.
struct Provider(bindings::dma_pool_provider);

// SAFETY: It is never written.
unsafe impl Sync for Provider {}

static PROVIDER: Provider = Provider(bindings::dma_pool_provider {
    owner: (&raw const bindings::__this_module).cast_mut(),
    alloc: Some(alloc),
    free: Some(free),
    free_page: Some(free_page),
});

/// The DMA layer calls us for as long as this object lives.
///
/// # Invariants
///
/// `pools` serve, and `PROVIDER` is registered.
struct Registration {
    pools: Arc<Pools>,
}

impl Registration {
    fn new(pools: Arc<Pools>) -> Result<Self> {
        crate::publish(&pools);
        // SAFETY: The provider is a static, and its functions may be called from here on. They
        // are not called any more once `drop` has unregistered it, before which the module
        // cannot go.
        to_result(unsafe { bindings::dma_pool_register_provider(&raw const PROVIDER.0) })
            .inspect_err(|_| crate::unpublish())?;
        // INVARIANT: Both were just done.
        Ok(Self { pools })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // No block is out, as each holds a reference on the module, and no request comes in, as
        // none can be taken any more. So our memory goes back before the C pools ask for
        // theirs: a zone may not have room for both.
        self.pools.release_memory();
        // Returns after a grace period, so that no reader is left inside.
        //
        // SAFETY: By the type invariants the provider is registered.
        unsafe { bindings::dma_pool_unregister_provider(&raw const PROVIDER.0) };
        crate::unpublish();
    }
}

/// The module while it is loaded: it provides the pools.
pub(crate) struct RustDmaPool {
    // First, so that nobody reads sizes of pools that are going away.
    _debugfs: Debugfs,
    _registration: Registration,
}

impl kernel::Module for RustDmaPool {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let mut raw = RawOptions {
            pool: COHERENT_POOL.get(),
            size: COHERENT_POOL_SIZE.get(),
        };

        // Any parameter of its own makes the module ignore the kernel command line.
        if raw.pool.is_none() && raw.size.is_none() {
            raw = RawOptions::of_kernel_command_line();
        }

        let (options, valid) = raw.parse();

        // Nobody boots through insmod, so that a value that is not understood may be an error.
        valid?;

        let pools = crate::create(&options)?;
        let registration = Registration::new(pools.clone())?;

        Ok(Self {
            _debugfs: Debugfs::new(pools),
            _registration: registration,
        })
    }
}

/// `dma_pool_provider.alloc`.
///
/// # Safety
///
/// As [`entry::alloc`].
unsafe extern "C" fn alloc(
    dev: *mut bindings::device,
    size: usize,
    cpu_addr: *mut *mut c_void,
    gfp: bindings::gfp_t,
    attrs: c_ulong,
    phys_addr_ok: PhysAddrOk,
) -> *mut bindings::page {
    // SAFETY: As promised by the caller.
    unsafe { entry::alloc(dev, size, cpu_addr, gfp, attrs, phys_addr_ok) }
}

/// `dma_pool_provider.free`.
///
/// # Safety
///
/// As [`entry::free`].
unsafe extern "C" fn free(_dev: *mut bindings::device, start: *mut c_void, size: usize) -> bool {
    // SAFETY: As promised by the caller.
    unsafe { entry::free(start, size) }
}

/// `dma_pool_provider.free_page`.
///
/// # Safety
///
/// As [`entry::free_page`].
unsafe extern "C" fn free_page(
    _dev: *mut bindings::device,
    page: *mut bindings::page,
    size: usize,
) -> bool {
    // SAFETY: As promised by the caller.
    unsafe { entry::free_page(page, size) }
}
