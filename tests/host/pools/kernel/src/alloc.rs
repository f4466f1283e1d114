// SPDX-License-Identifier: GPL-2.0

//! Memory of the kernel's allocators, each piece of which can be made to fail.
//!
//! What is given back during an exploration stays until its end, marked as gone: see
//! [`explore`](crate::explore).

use core::{
    mem::{
        ManuallyDrop,
        MaybeUninit, //
    },
    ops::Deref,
    ptr::NonNull, //
};

use crate::{
    explore,
    machine, //
};

/// There is no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocError;

/// How to allocate. Nothing here looks at it but for what is zeroed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u32);

impl core::ops::BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The flags by their names.
pub mod flags {
    use super::Flags;

    /// May sleep.
    pub const GFP_KERNEL: Flags = Flags(1);
    /// May not.
    pub const GFP_ATOMIC: Flags = Flags(2);
    /// Zeroed.
    pub const __GFP_ZERO: Flags = Flags(4);
}

/// Whether this allocation may succeed.
pub(crate) fn allowed() -> Result<(), AllocError> {
    if machine::next_fails() {
        return Err(AllocError);
    }
    Ok(())
}

/// An object on the heap.
pub struct KBox<T>(NonNull<T>);

// SAFETY: As the object that it owns.
unsafe impl<T: Send> Send for KBox<T> {}

// SAFETY: As above.
unsafe impl<T: Sync> Sync for KBox<T> {}

impl<T> KBox<T> {
    /// Moves a value there.
    ///
    /// # Errors
    ///
    /// [`AllocError`] as the test wants it.
    pub fn new(value: T, _flags: Flags) -> Result<Self, AllocError> {
        allowed()?;
        Ok(Self(NonNull::from(Box::leak(Box::new(value)))))
    }

    /// The pointer, which owns the object from here on.
    pub fn into_raw(this: Self) -> *mut T {
        ManuallyDrop::new(this).0.as_ptr()
    }

    /// # Safety
    ///
    /// The pointer is that of [`into_raw`](Self::into_raw), which is used once.
    pub unsafe fn from_raw(pointer: *mut T) -> Self {
        // SAFETY: As promised by the caller.
        Self(unsafe { NonNull::new_unchecked(pointer) })
    }
}

impl<T> Drop for KBox<T> {
    fn drop(&mut self) {
        /// # Safety
        ///
        /// The pointer is that of a box whose content was dropped.
        unsafe fn free<T>(pointer: *mut ()) {
            // SAFETY: As promised by the caller.
            drop(unsafe { Box::from_raw(pointer.cast::<MaybeUninit<T>>()) });
        }

        // SAFETY: The object is owned, and not used again.
        unsafe { self.0.as_ptr().drop_in_place() };
        // SAFETY: It was just dropped.
        unsafe { explore::retire(self.0.as_ptr().cast(), size_of::<T>(), free::<T>) };
    }
}

impl<T> Deref for KBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The object is owned.
        unsafe { self.0.as_ref() }
    }
}

/// A vector.
pub struct KVec<T>(Vec<T>);

/// A vector that may be large.
pub type KVVec<T> = KVec<T>;

impl<T> Default for KVec<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> KVec<T> {
    /// A vector with room for so many elements, which are 0.
    ///
    /// # Errors
    ///
    /// [`AllocError`] as the test wants it.
    pub fn with_capacity(capacity: usize, _flags: Flags) -> Result<Self, AllocError> {
        allowed()?;
        let mut vec: Vec<T> = Vec::with_capacity(capacity);

        // SAFETY: There is room for so many.
        unsafe { vec.as_mut_ptr().write_bytes(0, capacity) };
        Ok(Self(vec))
    }

    /// Adds an element.
    ///
    /// # Errors
    ///
    /// The element, if there is no room for it.
    pub fn push_within_capacity(&mut self, value: T) -> Result<(), T> {
        if self.0.len() == self.0.capacity() {
            return Err(value);
        }
        self.0.push(value);
        Ok(())
    }

    /// # Safety
    ///
    /// There is room for so many, and they are initialised.
    pub unsafe fn inc_len(&mut self, additional: usize) {
        // SAFETY: As promised by the caller.
        unsafe { self.0.set_len(self.0.len() + additional) };
    }

    /// All elements, to be changed.
    pub fn iter_mut(&mut self) -> core::slice::IterMut<'_, T> {
        self.0.iter_mut()
    }

    /// An element, to be changed.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.0.get_mut(index)
    }
}

impl<T> Deref for KVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> Drop for KVec<T> {
    fn drop(&mut self) {
        /// # Safety
        ///
        /// The pointer is that of [`Box::into_raw`].
        unsafe fn free<T>(pointer: *mut ()) {
            // SAFETY: As promised by the caller.
            drop(unsafe { Box::from_raw(pointer.cast::<Vec<T>>()) });
        }

        let mut vec = core::mem::take(&mut self.0);

        if !explore::is_on() {
            return;
        }
        vec.clear();
        let kept = Box::into_raw(Box::new(vec));

        // SAFETY: Its elements were dropped.
        unsafe { explore::retire(kept.cast(), 0, free::<T>) };
    }
}
