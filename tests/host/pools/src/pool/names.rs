// SPDX-License-Identifier: GPL-2.0

//! The names of devices. Explorations of that of the device whose request failed: it is read whole,
//! or not at all, whoever changes it meanwhile.

use std::rc::Rc;

use kernel::{
    bindings,
    explore::{
        explore,
        spawn, //
    },
};

use crate::{
    bounded,
    pool::figures::{
        Figures,
        NAME_LEN, //
    },
    report::failure::bad_free,
};

fn note(figures: &Figures, bytes: usize, letter: u8) {
    figures.note_failed(bytes, &[letter; NAME_LEN]);
}

/// A name is that of one device, or none.
fn check(name: [u8; NAME_LEN]) {
    assert!(
        matches!(name[0], 0 | b'a' | b'b') && name.iter().all(|letter| *letter == name[0]),
        "a name in pieces: {name:?}"
    );
}

#[test]
fn a_name_beside_a_name() {
    explore("a name beside a name", bounded(16, 3), || {
        let figures = Rc::new(Figures::new());
        let other = figures.clone();
        let thread = spawn(move || note(&other, 1, b'a'));

        note(&figures, 2, b'b');
        thread.join().unwrap();
        check(figures.largest_failed_dev());
    });
}

/// As one that was not added yet.
#[test]
fn a_device_that_has_no_name() {
    for name in [core::ptr::null(), c"0000:00:05.0".as_ptr().cast()] {
        let mut dev = bindings::device { name };

        // SAFETY: It exists.
        unsafe { bad_free(&raw mut dev, 0x1000, 4096) };
    }
}
