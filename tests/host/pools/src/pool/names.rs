// SPDX-License-Identifier: GPL-2.0

//! Explorations of the name of the device whose request failed: a name is read whole, or not at all,
//! whoever changes it meanwhile.

use std::rc::Rc;

use kernel::explore::{
    explore,
    spawn, //
};

use crate::{
    bounded,
    pool::figures::{
        Figures,
        NAME_LEN, //
    },
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
