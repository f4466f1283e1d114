// SPDX-License-Identifier: GPL-2.0

//! What the running kernel says, in the terms of [`policy`](crate::policy): the options that it was
//! booted with, and the machine.
//!
//! [`plan`] has the policy decide, and logs what it says.

pub(crate) mod cmdline;
mod machine;

use kernel::prelude::*;

use crate::plan::Plan;
use crate::policy::{
    self,
    options::Options, //
};

/// Decides which pools `options` ask for on this machine. Any context after the zones are set up.
pub(crate) fn plan(options: &Options) -> Plan {
    policy::decide(options, &machine::describe(), &mut |message| {
        // The messages are free of the `kernel` crate and implement `core`'s `Display`.
        if message.is_warning() {
            pr_warn!("{}\n", core::format_args!("{message}"));
        } else {
            pr_info!("{}\n", core::format_args!("{message}"));
        }
    })
}
