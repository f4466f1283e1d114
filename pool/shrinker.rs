// SPDX-License-Identifier: GPL-2.0

//! What the page allocator asks when it is short of memory: an owner of `struct shrinker`.
//!
//! Giving memory back takes a grace period and may encrypt pages, which is nothing for who waits for
//! memory. It takes mutexes, too, which that may hold: the worker itself waits for memory when it adds
//! a chunk. So the worker is told to do it at once, see [`growth`](super::growth).
//!
//! C header: [`include/linux/shrinker.h`](srctree/include/linux/shrinker.h)

use core::ptr::NonNull;

use kernel::{
    bindings,
    prelude::*,
    sync::Arc, //
};

use super::Pools;

/// A registered shrinker, for as long as this object lives.
pub(crate) struct Shrinker {
    _registered: Registered,
    /// Its private data. Dropped last.
    _pools: Arc<Pools>,
}

/// # Invariants
///
/// The shrinker is registered, and its private data are pools that live longer.
struct Registered(NonNull<bindings::shrinker>);

impl Shrinker {
    /// Lets the page allocator ask these pools. Process context; may sleep.
    ///
    /// `None` if there is no memory for it: then idle memory goes back when its time is over.
    #[cfg_attr(
        not(any(MODULE, CONFIG_DMA_POOL_RUST_KUNIT_TEST)),
        link_section = ".init.text"
    )]
    pub(crate) fn new(pools: &Arc<Pools>) -> Option<Self> {
        // SAFETY: A name without conversions. Who sets no flag is asked for all nodes at once.
        let raw = unsafe { bindings::shrinker_alloc(0, c"dma-pool".as_char_ptr()) };
        let shrinker = NonNull::new(raw)?;

        // SAFETY: It was just allocated, and nobody else knows it before it is registered.
        unsafe {
            (&raw mut (*raw).count_objects).write(Some(count));
            (&raw mut (*raw).scan_objects).write(Some(scan));
            (&raw mut (*raw).private_data).write(Arc::as_ptr(pools).cast_mut().cast());
            bindings::shrinker_register(raw);
        }
        Some(Self {
            // INVARIANT: Just done; the pools are dropped after it.
            _registered: Registered(shrinker),
            _pools: pools.clone(),
        })
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // Waits for who is inside.
        //
        // SAFETY: By the type invariants it is registered.
        unsafe { bindings::shrinker_free(self.0.as_ptr()) };
    }
}

// SAFETY: A `struct shrinker` is not tied to a thread.
unsafe impl Send for Registered {}

// SAFETY: There is nothing to do with a shared reference.
unsafe impl Sync for Registered {}

/// # Safety
///
/// Called by the page allocator for a registered [`Shrinker`].
unsafe fn pools<'a>(shrinker: *mut bindings::shrinker) -> &'a Pools {
    // SAFETY: The private data of a `Shrinker`, which lives longer than the call.
    unsafe { &*(*shrinker).private_data.cast::<Pools>() }
}

/// `shrinker.count_objects`: pages that may be idle.
///
/// # Safety
///
/// As [`pools`].
unsafe extern "C" fn count(
    shrinker: *mut bindings::shrinker,
    _control: *mut bindings::shrink_control,
) -> c_ulong {
    // SAFETY: As promised by the caller.
    unsafe { pools(shrinker) }.idle_pages()
}

/// `shrinker.scan_objects`: has the worker do it.
///
/// # Safety
///
/// As [`pools`].
unsafe extern "C" fn scan(
    shrinker: *mut bindings::shrinker,
    _control: *mut bindings::shrink_control,
) -> c_ulong {
    // SAFETY: As promised by the caller.
    unsafe { pools(shrinker) }.press();
    // `SHRINK_STOP`: there is nothing more to have from here.
    c_ulong::MAX
}
