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

use std::{
    cell::Cell,
    ptr::null_mut, //
};

use kernel::{
    bindings,
    explore::{
        explore,
        spawn,
        Bounds, //
    },
    page::PAGE_SIZE,
    prelude::*,
    sync::rcu, //
};

use crate::{
    bounded,
    entry::{
        self,
        Call, //
    },
    module,
    published::Published,
    report::failure::Failure, //
};

use super::{
    plan,
    ONE, //
};

use crate::pool::{
    free::{
        Free,
        Virt, //
    },
    Block,
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

/// A call of `kernel/dma/pool.c`, under RCU.
struct UnderRcu<'a>(&'a rcu::Guard);

impl Call for UnderRcu<'_> {
    type Freed = Free;

    fn guard(&self) -> &rcu::Guard {
        self.0
    }

    unsafe fn served(self, block: Block, cpu_addr: *mut *mut c_void) -> *mut bindings::page {
        // SAFETY: As promised by the caller.
        unsafe { cpu_addr.write(block.virt.as_ptr().cast()) };
        block.page.as_ptr()
    }

    unsafe fn failed(
        self,
        _failure: Failure,
        _dev: *mut bindings::device,
        _size: usize,
        _gfp: bindings::gfp_t,
    ) -> *mut bindings::page {
        null_mut()
    }

    fn not_serving(self) -> *mut bindings::page {
        null_mut()
    }

    fn freed(self, is_ours: bool) -> Free {
        if is_ours {
            Free::Done
        } else {
            Free::Foreign
        }
    }

    unsafe fn bad_free(self, _dev: *mut bindings::device, _addr: u64, _size: usize) -> Free {
        Free::Bad
    }
}

/// Asks for a page, and gives it back if there was one.
fn request() {
    let gfp = bindings::GFP_ATOMIC | bindings::GFP_DMA32;
    let (dev, mut virt) = (null_mut(), null_mut());
    let page = {
        let guard = rcu::read_lock();

        // SAFETY: There is no device, and room for the address.
        unsafe {
            entry::alloc(
                UnderRcu(&guard),
                dev,
                PAGE_SIZE,
                &raw mut virt,
                gfp,
                0,
                None,
            )
        }
    };

    if page.is_null() {
        return;
    }
    assert!(module::pins() > 0, "a block without a pin");
    let (guard, at) = (rcu::read_lock(), Virt(virt as usize));
    // SAFETY: It is what was just taken.
    let freed = unsafe { entry::free(UnderRcu(&guard), dev, at, PAGE_SIZE) };

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
