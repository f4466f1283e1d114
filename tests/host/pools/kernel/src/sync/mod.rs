// SPDX-License-Identifier: GPL-2.0

//! What is shared: reference counts, and a mutex that nobody may have to wait for.

use core::{
    cell::{
        Cell,
        UnsafeCell, //
    },
    mem::ManuallyDrop,
    ops::{
        Deref,
        DerefMut, //
    },
};

use crate::{
    alloc::{
        allowed,
        AllocError,
        Flags, //
    },
    explore,
    init::PinInit, //
};

pub mod atomic;
pub mod rcu;

pub use crate::new_mutex;

/// A reference that counts. Nothing of interest happens in the count, so that it is the standard
/// library's.
pub struct Arc<T>(ManuallyDrop<std::sync::Arc<T>>);

impl<T> Arc<T> {
    /// Moves a value to the heap.
    ///
    /// # Errors
    ///
    /// [`AllocError`] as the test wants it.
    pub fn new(value: T, _flags: Flags) -> Result<Self, AllocError> {
        allowed()?;
        Ok(Self(ManuallyDrop::new(std::sync::Arc::new(value))))
    }

    /// Makes an object there.
    ///
    /// # Errors
    ///
    /// Those of `init`, and [`AllocError`] as the test wants it.
    pub fn pin_init<E>(init: impl PinInit<T, E>, _flags: Flags) -> Result<Self, E>
    where
        E: From<AllocError>,
    {
        allowed()?;
        let arc = std::sync::Arc::<T>::new_uninit();

        // SAFETY: Nobody else has it, and it is not moved.
        unsafe { init.__pinned_init(std::sync::Arc::as_ptr(&arc).cast_mut().cast()) }?;
        // SAFETY: Just done.
        Ok(Self(ManuallyDrop::new(unsafe { arc.assume_init() })))
    }

    /// The pointer, which has the reference from here on.
    pub fn into_raw(this: Self) -> *const T {
        let pointer = Self::as_ptr(&this);

        core::mem::forget(this);
        pointer
    }

    /// The pointer.
    pub fn as_ptr(this: &Self) -> *const T {
        std::sync::Arc::as_ptr(&this.0)
    }

    /// # Safety
    ///
    /// The pointer has a reference, which the result takes.
    pub unsafe fn from_raw(pointer: *const T) -> Self {
        // SAFETY: As promised by the caller.
        Self(ManuallyDrop::new(unsafe {
            std::sync::Arc::from_raw(pointer)
        }))
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Drop for Arc<T> {
    fn drop(&mut self) {
        /// # Safety
        ///
        /// The pointer is that of a weak reference.
        unsafe fn free<T>(pointer: *mut ()) {
            // SAFETY: As promised by the caller.
            drop(unsafe { std::sync::Weak::from_raw(pointer.cast::<T>().cast_const()) });
        }

        // The object goes now, and its memory when this reference does.
        let weak = (explore::is_on() && std::sync::Arc::strong_count(&self.0) == 1)
            .then(|| std::sync::Weak::into_raw(std::sync::Arc::downgrade(&self.0)));

        // SAFETY: Not used again.
        unsafe { ManuallyDrop::drop(&mut self.0) };
        if let Some(weak) = weak {
            // SAFETY: What it points to was just dropped.
            unsafe { explore::retire(weak.cast_mut().cast(), size_of::<T>(), free::<T>) };
        }
    }
}

/// A reference that does not count.
pub struct ArcBorrow<'a, T>(&'a T);

impl<T> ArcBorrow<'_, T> {
    /// # Safety
    ///
    /// The pointer is that of an [`Arc`] that lives longer than the result.
    pub unsafe fn from_raw(pointer: *const T) -> Self {
        // SAFETY: As promised by the caller.
        Self(unsafe { &*pointer })
    }
}

impl<T> Deref for ArcBorrow<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0
    }
}

/// A mutex. Models have one writer.
pub struct Mutex<T> {
    is_locked: Cell<bool>,
    value: UnsafeCell<T>,
}

// SAFETY: Whoever comes second panics.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    /// A mutex that nobody holds.
    pub fn new(value: T) -> Self {
        Self {
            is_locked: Cell::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes it.
    pub fn lock(&self) -> Locked<'_, T> {
        assert!(!self.is_locked.replace(true), "somebody holds the mutex");
        Locked(self)
    }
}

/// A mutex that is held.
pub struct Locked<'a, T>(&'a Mutex<T>);

impl<T> Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: There is one of these at a time.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: As above.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Locked<'_, T> {
    fn drop(&mut self) {
        self.0.is_locked.set(false);
    }
}

/// A mutex that nobody holds.
#[macro_export]
macro_rules! new_mutex {
    ($value:expr, $name:literal) => {
        $crate::init::value($crate::sync::Mutex::new($value))
    };
}
