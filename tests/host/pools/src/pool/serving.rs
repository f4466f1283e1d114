// SPDX-License-Identifier: GPL-2.0

//! Explorations of pools that begin to serve and cease to, beside who asks them for memory: what a
//! module does when it is loaded and when it goes, and what `kernel/dma/pool.c` and `provider.rs`
//! do for a request.
//!
//! What has to hold:
//!
//! - who finds the pools finds all of them;
//! - who has a block has pinned the module, and gives it back to the pools it is of;
//! - the module goes only if nothing is out, and nothing is out when its memory goes.

use std::cell::Cell;

use kernel::{
    bindings,
    explore::{
        explore,
        spawn,
        Bounds, //
    },
    page::PAGE_SIZE,
    sync::rcu, //
};

use crate::{
    bounded,
    entry,
    module,
    published::Published, //
};

use super::{
    plan,
    ONE, //
};

use crate::pool::{
    free::Free,
    Pools, //
};

/// A module with one pool, of one page.
struct Module {
    published: Cell<Option<Published>>,
}

impl Module {
    fn new() -> Self {
        rcu::has_grace_periods();
        Self {
            published: Cell::new(None),
        }
    }

    fn load(&self) {
        let pools = Pools::new(&plan(ONE, 1, 1, false));

        self.published
            .set(Some(Published::new(pools.expect("there is memory"))));
    }

    /// Goes, if nobody has pinned it.
    fn go(&self) {
        if module::try_stop() {
            self.published.take();
        }
    }

    /// Nobody keeps it, if it has not gone before.
    fn check_goes(&self) {
        self.go();
        assert!(self.published.take().is_none(), "it stays pinned");
        module::reset();
    }
}

/// Asks for a page, and gives it back if there was one.
fn request() {
    let gfp = bindings::GFP_ATOMIC | bindings::GFP_DMA32;
    let virt = {
        // As kernel/dma/pool.c, around all that the module does.
        let guard = rcu::read_lock();
        let taken = entry::take_page(&guard, PAGE_SIZE, gfp, 0);

        match taken {
            None => return,
            Some((block, 0)) => block.virt,
            Some((block, unsettled)) => {
                // SAFETY: RCU has not ended since the block was taken.
                if unsafe { entry::settle(&guard, block.virt, block.size, unsettled) }.is_err() {
                    return;
                }
                block.virt
            }
        }
    };

    assert!(module::pins() > 0, "a block without a pin");
    let dev = core::ptr::null_mut();
    // SAFETY: It is what was just taken.
    let freed = unsafe { entry::free(&rcu::read_lock(), dev, virt.as_ptr().cast(), PAGE_SIZE) };

    assert_eq!(freed, Free::Done);
}

/// How far all are explored.
fn bounds() -> Bounds {
    bounded(60, 3)
}

#[test]
fn a_request_beside_a_module_that_goes() {
    explore("a request beside a module that goes", bounds(), || {
        let module = Module::new();

        module.load();
        let user = spawn(request);

        module.go();
        user.join().expect("the thread ends");
        module.check_goes();
    });
}

#[test]
fn a_request_beside_a_module_that_comes() {
    explore("a request beside a module that comes", bounds(), || {
        let module = Module::new();
        let user = spawn(request);

        module.load();
        user.join().expect("the thread ends");
        module.check_goes();
    });
}
