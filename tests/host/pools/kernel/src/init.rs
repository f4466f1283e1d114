// SPDX-License-Identifier: GPL-2.0

//! In-place initialisation, by the crate that the kernel's own comes from, except for the macros:
//! the kernel's know attributes of fields.

pub use pinned_init::{
    pin_init_from_closure,
    PinInit,
    PinnedDrop, //
};

/// Something, and what drops it.
pub(crate) type Owned = (*mut (), unsafe fn(*mut ()));

/// The fields of an object that exist so far; they are dropped unless the rest comes, too.
#[derive(Default)]
pub struct Fields(Vec<Owned>);

impl Fields {
    /// Initialises a field of an object that is not there yet.
    ///
    /// # Safety
    ///
    /// `field` is valid for writes, and is not moved.
    ///
    /// # Errors
    ///
    /// Those of `init`.
    pub unsafe fn init<T, E>(&mut self, field: *mut T, init: impl PinInit<T, E>) -> Result<(), E> {
        // SAFETY: As promised by the caller.
        unsafe { init.__pinned_init(field) }?;
        self.0.push((field.cast(), drop_field::<T>));
        Ok(())
    }

    /// Moves a value into such a field.
    ///
    /// # Safety
    ///
    /// As [`init`](Self::init).
    pub unsafe fn put<T>(&mut self, field: *mut T, value: T) {
        // SAFETY: As promised by the caller.
        unsafe { field.write(value) };
        self.0.push((field.cast(), drop_field::<T>));
    }

    /// The object is complete.
    pub fn finish(mut self) {
        self.0.clear();
    }
}

impl Drop for Fields {
    fn drop(&mut self) {
        for (field, drop_field) in self.0.drain(..).rev() {
            // SAFETY: It was initialised, and the object that it is part of never is.
            unsafe { drop_field(field) };
        }
    }
}

/// # Safety
///
/// A valid object, which is not used any more.
unsafe fn drop_field<T>(field: *mut ()) {
    // SAFETY: As promised by the caller.
    unsafe { field.cast::<T>().drop_in_place() };
}

/// Moves a value to where an object is made.
pub fn value<T>(value: T) -> impl PinInit<T> {
    // SAFETY: The place is valid for writes.
    unsafe {
        pin_init_from_closure(move |slot: *mut T| {
            slot.write(value);
            Ok(())
        })
    }
}

/// Makes an object in its place, whose fields may fail.
#[macro_export]
macro_rules! try_pin_init {
    (Self { $($fields:tt)* }) => {{
        let init = move |slot: *mut Self| {
            let mut done = $crate::init::Fields::default();

            $crate::init_fields!(done, slot, $($fields)*);
            done.finish();
            Ok(())
        };

        // SAFETY: All fields are initialised, or those that are so far are dropped.
        unsafe { $crate::init::pin_init_from_closure::<Self, $crate::error::Error>(init) }
    }};
}

/// Makes an object in its place.
#[macro_export]
macro_rules! pin_init {
    (Self { $($fields:tt)* }) => {{
        let init = move |slot: *mut Self| {
            let mut done = $crate::init::Fields::default();

            $crate::init_fields!(done, slot, $($fields)*);
            done.finish();
            Ok(())
        };

        // SAFETY: All fields are initialised, or those that are so far are dropped.
        unsafe { $crate::init::pin_init_from_closure::<Self, core::convert::Infallible>(init) }
    }};
}

/// The fields of an object, one after the other.
#[doc(hidden)]
#[macro_export]
macro_rules! init_fields {
    ($done:ident, $slot:ident, ) => {};
    ($done:ident, $slot:ident, $(#[$attr:meta])* $name:ident <- $init:expr, $($rest:tt)*) => {
        $(#[$attr])*
        {
            let init = $init;

            // SAFETY: A field of an object that is made here.
            unsafe { $done.init(&raw mut (*$slot).$name, init) }?;
        }
        $crate::init_fields!($done, $slot, $($rest)*);
    };
    ($done:ident, $slot:ident, $(#[$attr:meta])* $name:ident: $value:expr, $($rest:tt)*) => {
        $(#[$attr])*
        {
            let value = $value;

            // SAFETY: A field of an object that is made here.
            unsafe { $done.put(&raw mut (*$slot).$name, value) };
        }
        $crate::init_fields!($done, $slot, $($rest)*);
    };
    ($done:ident, $slot:ident, $(#[$attr:meta])* $name:ident, $($rest:tt)*) => {
        $(#[$attr])*
        // SAFETY: A field of an object that is made here.
        unsafe {
            $done.put(&raw mut (*$slot).$name, $name)
        };
        $crate::init_fields!($done, $slot, $($rest)*);
    };
}
