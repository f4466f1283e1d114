// SPDX-License-Identifier: GPL-2.0

//! Atomics with the orderings of the kernel.
//!
//! In an exploration each of them stands for one of loom's, which knows what weak memory may show.
//! `Full` is then an operation between two full fences. A pointer that is read is followed only by
//! what depends on it, which loom does not know; such a read counts as an acquire. (Where the
//! dependency alone has to do is in the litmus tests.)

use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    sync::atomic::{
        AtomicUsize,
        Ordering as Std, //
    },
};

use crate::{
    explore::{
        self,
        Shadow, //
    },
    machine,
};

/// What atomics can be of: anything that has the size of a word.
///
/// # Safety
///
/// The size and the alignment are those of `usize`, and each value that was made of one is valid.
pub unsafe trait AtomicType: Copy {
    /// A pointer.
    const IS_POINTER: bool = false;

    /// As a word.
    fn into_word(self) -> usize;

    /// From a word that was made of one.
    fn from_word(word: usize) -> Self;
}

// SAFETY: The word itself.
unsafe impl AtomicType for usize {
    fn into_word(self) -> usize {
        self
    }

    fn from_word(word: usize) -> Self {
        word
    }
}

// SAFETY: A word with a sign; 64-bit machines only.
unsafe impl AtomicType for i64 {
    fn into_word(self) -> usize {
        self as usize
    }

    fn from_word(word: usize) -> Self {
        word as i64
    }
}

// SAFETY: As large as a word.
unsafe impl<T> AtomicType for *mut T {
    const IS_POINTER: bool = true;

    fn into_word(self) -> usize {
        self.expose_provenance()
    }

    fn from_word(word: usize) -> Self {
        core::ptr::with_exposed_provenance_mut(word)
    }
}

/// What an operation orders.
pub trait Ordering {
    /// What the memory model of the language calls it; fences do the rest of [`Full`].
    const STD: Std;
    /// Full fences before and after.
    const IS_FULL: bool = false;
}

/// Orderings that a load can have.
pub trait AcquireOrRelaxed: Ordering {}

/// Orderings that a store can have.
pub trait ReleaseOrRelaxed: Ordering {}

/// None.
pub struct Relaxed;
/// What comes after it comes after what it read.
pub struct Acquire;
/// What comes before it comes before who reads it.
pub struct Release;
/// Everything before it comes before everything after it.
pub struct Full;

impl Ordering for Relaxed {
    const STD: Std = Std::Relaxed;
}

impl Ordering for Acquire {
    const STD: Std = Std::Acquire;
}

impl Ordering for Release {
    const STD: Std = Std::Release;
}

impl Ordering for Full {
    const STD: Std = Std::AcqRel;
    const IS_FULL: bool = true;
}

impl AcquireOrRelaxed for Relaxed {}
impl AcquireOrRelaxed for Acquire {}
impl ReleaseOrRelaxed for Relaxed {}
impl ReleaseOrRelaxed for Release {}

/// A word that is read and written as a whole.
#[repr(transparent)]
pub struct Atomic<T>(UnsafeCell<T>);

// SAFETY: All accesses are atomic.
unsafe impl<T: AtomicType> Sync for Atomic<T> {}

// SAFETY: As above.
unsafe impl<T: AtomicType> Send for Atomic<T> {}

impl<T: AtomicType> Atomic<T> {
    /// With that value.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// The atomic at this place.
    ///
    /// # Safety
    ///
    /// The pointer is valid for as long as the result, and all others access it atomically.
    pub unsafe fn from_ptr<'a>(pointer: *mut T) -> &'a Self {
        // SAFETY: As promised by the caller; the representation is transparent.
        unsafe { &*pointer.cast::<Self>() }
    }

    /// What stands for a pointer to it.
    pub fn as_ptr(&self) -> Place<'_, T> {
        Place(self)
    }

    /// This machine's own atomic.
    fn word(&self) -> &AtomicUsize {
        // SAFETY: As large as a word, and only accessed so.
        unsafe { &*self.0.get().cast::<AtomicUsize>() }
    }

    /// What stands for it in an exploration.
    fn shadow(&self) -> Option<Shadow> {
        machine::step();
        explore::shadow(self.0.get() as usize, || self.word().load(Std::Relaxed))
    }

    /// The value.
    pub fn load<O: AcquireOrRelaxed>(&self, _: O) -> T {
        let ordering = if T::IS_POINTER { Std::Acquire } else { O::STD };

        T::from_word(match self.shadow() {
            Some(shadow) => shadow.load(ordering),
            None => self.word().load(O::STD),
        })
    }

    /// Replaces the value.
    pub fn store<O: ReleaseOrRelaxed>(&self, value: T, _: O) {
        match self.shadow() {
            Some(shadow) => shadow.store(value.into_word(), O::STD),
            None => self.word().store(value.into_word(), O::STD),
        }
    }

    /// Replaces the value, and returns the one before.
    pub fn xchg<O: Ordering>(&self, value: T, _: O) -> T {
        T::from_word(match self.shadow() {
            Some(shadow) => fenced::<O, _>(|| shadow.swap(value.into_word(), O::STD)),
            None => self.word().swap(value.into_word(), Std::SeqCst),
        })
    }

    /// Replaces the value `old`.
    ///
    /// # Errors
    ///
    /// The value, if it is another.
    pub fn cmpxchg<O: Ordering>(&self, old: T, new: T, _: O) -> Result<T, T> {
        let (old, new) = (old.into_word(), new.into_word());
        let result = match self.shadow() {
            Some(shadow) => fenced::<O, _>(|| shadow.compare_exchange(old, new, O::STD)),
            None => self
                .word()
                .compare_exchange(old, new, Std::SeqCst, Std::SeqCst),
        };

        result.map(T::from_word).map_err(T::from_word)
    }

    /// Adds to the value.
    pub fn add(&self, value: T, _: Relaxed) {
        self.fetch_add(value, Relaxed);
    }

    /// Adds to the value, and returns the one before.
    pub fn fetch_add<O: Ordering>(&self, value: T, _: O) -> T {
        let value = value.into_word();

        T::from_word(match self.shadow() {
            Some(shadow) => fenced::<O, _>(|| shadow.fetch_add(value, O::STD)),
            None => self.word().fetch_add(value, Std::SeqCst),
        })
    }

    /// Subtracts from the value, and returns the one before.
    pub fn fetch_sub<O: Ordering>(&self, value: T, ordering: O) -> T {
        self.fetch_add(T::from_word(value.into_word().wrapping_neg()), ordering)
    }
}

/// An operation with the fences of its ordering.
fn fenced<O: Ordering, R>(operation: impl FnOnce() -> R) -> R {
    if O::IS_FULL {
        loom::sync::atomic::fence(Std::SeqCst);
    }
    let result = operation();

    if O::IS_FULL {
        loom::sync::atomic::fence(Std::SeqCst);
    }
    result
}

/// What stands for a pointer to an atomic.
pub struct Place<'a, T>(&'a Atomic<T>);

impl<T: AtomicType> Place<'_, T> {
    /// The value: a volatile read of a word is a relaxed load.
    ///
    /// # Safety
    ///
    /// None here; it is that of a pointer in the kernel.
    pub unsafe fn read_volatile(self) -> T {
        self.0.load(Relaxed)
    }
}

/// Yes or no.
pub struct AtomicFlag(Atomic<usize>, PhantomData<bool>);

impl AtomicFlag {
    /// With that value.
    pub const fn new(value: bool) -> Self {
        Self(Atomic::new(value as usize), PhantomData)
    }

    /// The value.
    pub fn load<O: AcquireOrRelaxed>(&self, ordering: O) -> bool {
        self.0.load(ordering) != 0
    }

    /// Replaces the value.
    pub fn store<O: ReleaseOrRelaxed>(&self, value: bool, ordering: O) {
        self.0.store(value.into(), ordering);
    }

    /// Replaces the value, and returns the one before.
    pub fn xchg<O: Ordering>(&self, value: bool, ordering: O) -> bool {
        self.0.xchg(value.into(), ordering) != 0
    }
}
