// SPDX-License-Identifier: GPL-2.0

//! The directory `dma_pools` in debugfs: one file per figure, and all of them as text.
//!
//! What the figures are and how they are written is in [`text`](super::text), who holds what in
//! [`holders`](super::holders). No file that is still
//! open after the module is gone runs anything of ours: debugfs asks whether the file is there before
//! it calls us, and waits for who is inside when it is removed. Unlike those of `kernel::debugfs`,
//! these files have nothing to do when they are closed, so that none has to pin the module.

use core::ptr::null_mut;

use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    str::CStr,
    sync::{
        atomic::Atomic,
        rcu,
        Arc, //
    },
};

#[cfg(CONFIG_TRACEPOINTS)]
use super::holders;
use super::{
    c_name,
    text::{
        self,
        Text,
        HIWATER,
        NAMES, //
    }, //
};
use crate::{
    plan::zones::Zone,
    pool::Pools, //
};

/// Read by root only, as C's files.
const MODE: bindings::umode_t = 0o400;

/// Can be written, too.
const MODE_WRITABLE: bindings::umode_t = 0o600;

/// What [`FILE`] is told it is: these, or a figure of a pool.
const STATS: usize = 1;
const SUMMARY: usize = 2;
#[cfg(CONFIG_TRACEPOINTS)]
const HOLDERS: usize = 3;
const FIRST_FIGURE: usize = 4;

/// Bytes of text, at most.
const MAX_TEXT: usize = 32 << 10;

/// The directory, for as long as this object lives.
pub(crate) struct Debugfs {
    dir: Directory,
    /// The files point into it. Dropped last.
    _pools: Arc<Pools>,
}

/// A directory, or an error pointer, which is fine: what is made there is not made then.
struct Directory(*mut bindings::dentry);

// SAFETY: A dentry is not tied to a thread.
unsafe impl Send for Directory {}

// SAFETY: debugfs takes its own locks.
unsafe impl Sync for Directory {}

impl Debugfs {
    /// Makes the directory. Process context; may sleep.
    ///
    /// Cannot fail: as for all of debugfs, pools without it are as good.
    ///
    /// # Safety
    ///
    /// Called once.
    #[cfg_attr(
        not(any(MODULE, CONFIG_DMA_POOL_RUST_KUNIT_TEST)),
        link_section = ".init.text"
    )]
    pub(crate) unsafe fn new(pools: &Arc<Pools>) -> Self {
        let top = directory(c"dma_pools", null_mut());
        let this = Self {
            dir: Directory(top),
            _pools: pools.clone(),
        };

        for zone in Zone::ALL {
            this.value(size_name(zone), pools.size(zone));
        }
        this.value(c"disabled_allocs", &pools.disabled_allocs);
        this.value(c"missing_allocs", &pools.missing_allocs);
        file(c"stats", MODE, top, STATS);
        file(c"summary", MODE, top, SUMMARY);
        #[cfg(CONFIG_TRACEPOINTS)]
        {
            // SAFETY: As promised by the caller, this comes here once, before there are files.
            unsafe { holders::init() };
            file(c"holders", MODE_WRITABLE, top, HOLDERS);
        }
        for zone in Zone::ALL {
            if pools.pool(zone).is_none() {
                continue;
            }
            let dir = directory(c_name(zone), top);

            for (figure, name) in (0..NAMES.len()).zip(NAMES) {
                let mode = if figure == HIWATER {
                    MODE_WRITABLE
                } else {
                    MODE
                };

                file(name, mode, dir, number_of_figure(zone, figure));
            }
        }
        this
    }

    /// Makes a file that shows `value`, which is part of the pools.
    #[cfg_attr(
        not(any(MODULE, CONFIG_DMA_POOL_RUST_KUNIT_TEST)),
        link_section = ".init.text"
    )]
    fn value(&self, name: &CStr, value: &Atomic<usize>) {
        // CAST: `unsigned long` is `usize` in the kernel.
        // SAFETY: The directory is valid or an error pointer, which is fine. The value lives as
        // long as the pools, hence longer than the file, and is only read, by one load.
        unsafe {
            bindings::debugfs_create_ulong(
                name.as_char_ptr(),
                MODE,
                self.dir.0,
                value.as_ptr().cast(),
            )
        };
    }
}

impl Drop for Debugfs {
    fn drop(&mut self) {
        // SAFETY: The directory is valid or an error pointer, which is fine.
        unsafe { bindings::debugfs_remove(self.dir.0) };
        // Nobody is left who could switch it on.
        #[cfg(CONFIG_TRACEPOINTS)]
        let _ = holders::switch(false);
    }
}

/// Makes a directory. NULL stands for the root of debugfs.
#[cfg_attr(
    not(any(MODULE, CONFIG_DMA_POOL_RUST_KUNIT_TEST)),
    link_section = ".init.text"
)]
fn directory(name: &CStr, parent: *mut bindings::dentry) -> *mut bindings::dentry {
    // SAFETY: The name is a C string; the parent is a directory, NULL, or an error pointer.
    unsafe { bindings::debugfs_create_dir(name.as_char_ptr(), parent) }
}

/// Makes a file with the text of that number.
#[cfg_attr(
    not(any(MODULE, CONFIG_DMA_POOL_RUST_KUNIT_TEST)),
    link_section = ".init.text"
)]
fn file(name: &CStr, mode: bindings::umode_t, dir: *mut bindings::dentry, number: usize) {
    // SAFETY: As for `directory`. The functions are those of a static, which outlives the file.
    unsafe {
        bindings::debugfs_create_file_short(
            name.as_char_ptr(),
            mode,
            dir,
            number as *mut c_void,
            core::ptr::null(),
            &raw const FILE.0,
        )
    };
}

fn size_name(zone: Zone) -> &'static CStr {
    match zone {
        Zone::Kernel => c"pool_size_kernel",
        Zone::Dma => c"pool_size_dma",
        Zone::Dma32 => c"pool_size_dma32",
    }
}

struct Operations(bindings::debugfs_short_fops);

// SAFETY: It is never written.
unsafe impl Sync for Operations {}

static FILE: Operations = Operations(bindings::debugfs_short_fops {
    read: Some(read),
    write: Some(write),
    llseek: Some(bindings::default_llseek),
});

/// The number that a file was made with.
///
/// # Safety
///
/// `file` is an open file made by [`file`].
unsafe fn number_of(file: *mut bindings::file) -> usize {
    // SAFETY: As promised by the caller, the file has an inode, which keeps it.
    unsafe { (*(*file).f_inode).i_private as usize }
}

/// The number of the file for a figure of a pool.
const fn number_of_figure(zone: Zone, figure: usize) -> usize {
    // CAST: The place in `Zone::ALL`.
    let first = (zone as usize).wrapping_mul(NAMES.len());

    FIRST_FIGURE.wrapping_add(first).wrapping_add(figure)
}

/// The figure of that number, and whose it is.
fn figure(number: usize) -> Option<(Zone, usize)> {
    let number = number.checked_sub(FIRST_FIGURE)?;

    Some((*Zone::ALL.get(number / NAMES.len())?, number % NAMES.len()))
}

/// Writes the text of a file.
fn show(number: usize, text: &mut Text) {
    #[cfg(CONFIG_TRACEPOINTS)]
    if number == HOLDERS {
        return holders::show(text);
    }
    let guard = rcu::read_lock();
    let Some(pools) = crate::pools(&guard) else {
        return;
    };

    match number {
        STATS => text::stats(text, &pools, &guard),
        SUMMARY => text::summary(text, &pools, &guard),
        _ => {
            if let Some((zone, figure)) = figure(number) {
                let value = pools
                    .pool(zone)
                    .and_then(|pool| text::values(&pools, &guard, pool).get(figure).copied());

                if let Some(value) = value {
                    text.line(value);
                }
            }
        }
    }
}

/// `debugfs_short_fops.read`. All of the text is made at each call.
///
/// # Safety
///
/// Called by debugfs for a file made by [`file`].
unsafe extern "C" fn read(
    file: *mut bindings::file,
    to: *mut c_char,
    count: usize,
    pos: *mut bindings::loff_t,
) -> isize {
    // SAFETY: As promised by the caller.
    let number = unsafe { number_of(file) };
    let capacity = if number < FIRST_FIGURE { MAX_TEXT } else { 32 };
    let Ok(mut text) = Text::with_capacity(capacity) else {
        return ENOMEM.to_errno() as isize;
    };

    show(number, &mut text);
    let text = text.bytes();

    // SAFETY: The buffer of the caller, for which this function checks the address, and the text.
    unsafe {
        bindings::simple_read_from_buffer(to.cast(), count, pos, text.as_ptr().cast(), text.len())
    }
}

/// `debugfs_short_fops.write`: 0 sets the peak back; 1 and 0 let it be noted who holds what, or not.
///
/// # Safety
///
/// As [`read`].
unsafe extern "C" fn write(
    file: *mut bindings::file,
    from: *const c_char,
    count: usize,
    _pos: *mut bindings::loff_t,
) -> isize {
    let mut value = 0;
    // SAFETY: The buffer of the caller, for which this function checks the address.
    let result = to_result(unsafe { bindings::kstrtoul_from_user(from, count, 0, &mut value) });

    // SAFETY: As promised by the caller.
    match result.and_then(|()| change(unsafe { number_of(file) }, value)) {
        // CAST: At most what a call can write.
        Ok(()) => count as isize,
        Err(error) => error.to_errno() as isize,
    }
}

/// Does what it means that a value is written to a file.
fn change(number: usize, value: c_ulong) -> Result {
    match (number, value) {
        #[cfg(CONFIG_TRACEPOINTS)]
        (HOLDERS, 0 | 1) => holders::switch(value == 1),
        (_, 0) => {
            let (zone, HIWATER) = figure(number).ok_or(EINVAL)? else {
                return Err(EINVAL);
            };
            let guard = rcu::read_lock();

            if let Some(pool) = crate::pools(&guard)
                .as_ref()
                .and_then(|pools| pools.pool(zone))
            {
                pool.reset_hiwater();
            }
            Ok(())
        }
        _ => Err(EINVAL),
    }
}
