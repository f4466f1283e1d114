// SPDX-License-Identifier: GPL-2.0

//! Work items, which run when a test wants it: the machine knows which are asked for.

use core::marker::PhantomData;

use crate::bindings;

pub use crate::new_delayed_work;

/// A work item with a timer, part of a `T`.
pub struct DelayedWork<T: ?Sized> {
    work: bindings::delayed_work,
    _of: PhantomData<fn(&T)>,
}

impl<T: ?Sized> DelayedWork<T> {
    /// One that nobody asked for.
    pub fn new() -> Self {
        Self {
            work: bindings::delayed_work::default(),
            _of: PhantomData,
        }
    }

    /// The work item as C has it.
    ///
    /// # Safety
    ///
    /// The pointer is valid.
    pub unsafe fn raw_as_work(this: *const Self) -> *mut bindings::work_struct {
        // SAFETY: As promised by the caller.
        unsafe { (&raw const (*this).work.work).cast_mut() }
    }
}

impl<T: ?Sized> Default for DelayedWork<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// What a work item does.
pub trait WorkItem {
    /// How it is passed.
    type Pointer;

    /// Does it.
    fn run(this: Self::Pointer);
}

/// Says which field is the work item. The test knows which it runs.
#[macro_export]
macro_rules! impl_has_delayed_work {
    ($($which:tt)*) => {};
}

/// A work item that nobody asked for.
#[macro_export]
macro_rules! new_delayed_work {
    ($name:literal) => {
        $crate::init::value($crate::workqueue::DelayedWork::new())
    };
}
