// SPDX-License-Identifier: GPL-2.0

//! What the running kernel says, in the terms of [`policy`](crate::policy): the options that it was
//! booted with, and the machine.
//!
//! Nothing is decided here.

pub(crate) mod cmdline;
pub(crate) mod machine;
