// SPDX-License-Identifier: GPL-2.0

//! What a pool counts besides what is out: requests that failed, and changes of its size.
//!
//! Of this nothing is on the way of a request for a page that is served. Any context may count;
//! nothing here takes a lock.

use kernel::sync::atomic::{
    Acquire,
    Atomic,
    Full,
    Relaxed,
    Release, //
};

use crate::sync::{
    raise,
    read_once, //
};

/// Words that a device's name may take; what is longer is cut.
const NAME_WORDS: usize = 4;

/// Bytes in a name.
pub(crate) const NAME_LEN: usize = NAME_WORDS * size_of::<usize>();

/// What a pool counts.
pub(crate) struct Figures {
    /// Requests that found no free piece.
    pub(crate) failed_full: Atomic<usize>,
    /// Requests of devices that could address none of the pieces that were free.
    pub(crate) failed_mask: Atomic<usize>,
    /// Chunks that were added.
    pub(crate) growths: Atomic<usize>,
    /// Attempts to add one that found no memory.
    pub(crate) failed_growths: Atomic<usize>,
    /// Chunks that went back.
    pub(crate) shrinks: Atomic<usize>,
    /// Bytes of the largest request that was served, of those for more than a page.
    pub(crate) largest_request: Atomic<usize>,
    /// Bytes of the largest request that failed.
    pub(crate) largest_failed: Atomic<usize>,
    /// Whose that was.
    largest_failed_dev: Name,
}

impl Figures {
    pub(super) fn new() -> Self {
        let zero = || Atomic::new(0);

        Self {
            failed_full: zero(),
            failed_mask: zero(),
            growths: zero(),
            failed_growths: zero(),
            shrinks: zero(),
            largest_request: zero(),
            largest_failed: zero(),
            largest_failed_dev: Name::new(),
        }
    }

    /// Notes a request for more than a page that was served.
    #[inline(always)]
    pub(super) fn note_request(&self, bytes: usize) {
        if bytes > read_once(&self.largest_request) {
            self.raise_request(bytes);
        }
    }

    #[cold]
    #[inline(never)]
    fn raise_request(&self, bytes: usize) {
        raise(&self.largest_request, bytes);
    }

    /// Notes a request of `bytes` bytes that failed, of a device of that name.
    #[cold]
    pub(crate) fn note_failed(&self, bytes: usize, name: &[u8]) {
        if raise(&self.largest_failed, bytes) {
            self.largest_failed_dev.set(name);
        }
    }

    /// The name of the device whose request was the largest that failed, padded with NUL.
    #[cfg_attr(
        not(CONFIG_DEBUG_FS),
        allow(dead_code, reason = "for debugfs, and tests")
    )]
    pub(crate) fn largest_failed_dev(&self) -> [u8; NAME_LEN] {
        self.largest_failed_dev.get()
    }
}

/// A name that any context may change, and read.
pub(crate) struct Name {
    /// Odd while somebody changes it.
    sequence: Atomic<usize>,
    words: [Atomic<usize>; NAME_WORDS],
}

impl Name {
    fn new() -> Self {
        Self {
            sequence: Atomic::new(0),
            words: core::array::from_fn(|_| Atomic::new(0)),
        }
    }

    /// Whether it has been set, or is set just now.
    #[cfg(all(CONFIG_DEBUG_FS, CONFIG_TRACEPOINTS))]
    pub(crate) fn is_set(&self) -> bool {
        read_once(&self.sequence) != 0
    }

    /// Changes the name, and returns whether it did: not if somebody else does that just now.
    pub(crate) fn set(&self, name: &[u8]) -> bool {
        let sequence = read_once(&self.sequence);

        if sequence % 2 != 0
            || self
                .sequence
                .cmpxchg(sequence, sequence.wrapping_add(1), Full)
                .is_err()
        {
            return false;
        }
        let mut name = name.iter().copied();

        for word in &self.words {
            let bytes = core::array::from_fn(|_| name.next().unwrap_or(0));

            word.store(usize::from_ne_bytes(bytes), Relaxed);
        }
        self.sequence.store(sequence.wrapping_add(2), Release);
        true
    }

    /// The name; none if somebody keeps changing it.
    pub(crate) fn get(&self) -> [u8; NAME_LEN] {
        for _ in 0..16 {
            let sequence = self.sequence.load(Acquire);
            let words = self
                .words
                .each_ref()
                .map(|word| word.load(Acquire).to_ne_bytes());

            if sequence % 2 == 0 && sequence == read_once(&self.sequence) {
                return words.as_flattened().try_into().unwrap_or([0; NAME_LEN]);
            }
        }
        [0; NAME_LEN]
    }
}
