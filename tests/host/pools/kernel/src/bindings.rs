// SPDX-License-Identifier: GPL-2.0

//! What bindgen makes of C's headers: types, constants, and functions that do on this machine what
//! the pools rely on.

#![expect(
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    clippy::missing_safety_doc,
    reason = "C's names, which C explains"
)]

use core::{
    ffi::{
        c_int,
        c_void, //
    },
    ptr::null_mut,
};

use crate::{
    alloc::allowed,
    gen_pool as pool_impl, machine, pages,
    prelude::{
        c_char,
        c_ulong, //
    },
};

pub type gfp_t = u32;
pub type dma_pool_fail_reason = u32;

pub const GFP_ATOMIC: gfp_t = 0x20;
pub const GFP_KERNEL: gfp_t = 0xc0;
pub const GFP_DMA: gfp_t = 0x1;
pub const __GFP_HIGHMEM: gfp_t = 0x2;
pub const GFP_DMA32: gfp_t = 0x4;
pub const __GFP_NOWARN: gfp_t = 0x2000;
pub const __GFP_RETRY_MAYFAIL: gfp_t = 0x4000;
pub const PAGE_ALLOC_COSTLY_ORDER: u32 = 3;
pub const __DMA_ATTR_ALLOC_CC_SHARED: u32 = 1 << 11;
pub const MAX_PAGE_ORDER: u32 = 10;
pub const NUMA_NO_NODE: c_int = -1;
pub const DEFAULT_RATELIMIT_INTERVAL: u32 = 5000;
pub const DEFAULT_RATELIMIT_BURST: u32 = 10;
pub const wq_misc_consts_WORK_CPU_UNBOUND: u32 = 64;
pub const dma_pool_fail_reason_DMA_POOL_FAIL_FULL: dma_pool_fail_reason = 0;
pub const dma_pool_fail_reason_DMA_POOL_FAIL_MASK: dma_pool_fail_reason = 1;
pub const dma_pool_fail_reason_DMA_POOL_FAIL_DISABLED: dma_pool_fail_reason = 2;
pub const dma_pool_fail_reason_DMA_POOL_FAIL_NO_POOL: dma_pool_fail_reason = 3;

#[repr(C)]
pub struct page {
    _flags: c_ulong,
}

#[repr(C)]
pub struct device {
    pub name: *const c_char,
}

#[repr(C)]
pub struct list_head {
    pub next: *mut list_head,
    pub prev: *mut list_head,
}

#[repr(C)]
pub struct atomic_long_t {
    pub counter: i64,
}

#[repr(C)]
pub struct gen_pool {
    pub chunks: list_head,
}

impl Default for gen_pool {
    fn default() -> Self {
        Self {
            chunks: list_head {
                next: null_mut(),
                prev: null_mut(),
            },
        }
    }
}

#[repr(C)]
pub struct gen_pool_chunk {
    pub next_chunk: list_head,
    pub avail: atomic_long_t,
    pub phys_addr: u64,
    pub owner: *mut c_void,
    pub start_addr: c_ulong,
    pub end_addr: c_ulong,
    pub bits: [c_ulong; 0],
}

pub type genpool_algo_t = Option<unsafe extern "C" fn()>;

pub unsafe fn gen_pool_create(_order: c_int, _node: c_int) -> *mut gen_pool {
    pool_impl::create()
}

pub unsafe fn gen_pool_add_owner(
    pool: *mut gen_pool,
    start: usize,
    phys: u64,
    size: usize,
    _node: c_int,
    _owner: *mut c_void,
) -> c_int {
    // SAFETY: As promised by the caller.
    unsafe { pool_impl::add(pool, start, phys, size) }
}

/// The only algorithm there is: a name.
pub unsafe extern "C" fn gen_pool_first_fit_order_align() {}

pub unsafe fn gen_pool_alloc_algo_owner(
    pool: *mut gen_pool,
    size: usize,
    _algo: genpool_algo_t,
    _data: *mut c_void,
    _owner: *mut *mut c_void,
) -> usize {
    // SAFETY: As promised by the caller.
    unsafe { pool_impl::alloc(pool, size) }
}

pub unsafe fn gen_pool_destroy(pool: *mut gen_pool) {
    // SAFETY: As promised by the caller.
    unsafe { pool_impl::destroy(pool) };
}

pub unsafe fn alloc_pages(_gfp: gfp_t, order: u32) -> *mut page {
    pages::alloc(order)
}

#[repr(C)]
pub struct cma {
    _private: [u8; 0],
}

pub static mut zone_dma_limit: u64 = 0xff_ffff;

/// There is none.
pub unsafe fn dev_get_cma_area(_dev: *mut device) -> *mut cma {
    null_mut()
}

pub unsafe fn cma_get_base(_cma: *mut cma) -> u64 {
    0
}

pub unsafe fn cma_get_size(_cma: *mut cma) -> c_ulong {
    0
}

pub unsafe fn dma_alloc_from_contiguous(
    _dev: *mut device,
    _count: usize,
    _order: u32,
    _no_warn: bool,
) -> *mut page {
    null_mut()
}

pub unsafe fn dma_release_from_contiguous(
    _dev: *mut device,
    _pages: *mut page,
    _count: c_int,
) -> bool {
    false
}

pub unsafe fn split_page(page: *mut page, order: u32) {
    pages::split(page, order);
}

pub unsafe fn __free_pages(page: *mut page, order: u32) {
    pages::free(page, order);
}

pub unsafe fn page_to_phys(page: *mut page) -> u64 {
    pages::phys_of(page)
}

pub unsafe fn page_to_virt(page: *mut page) -> *mut c_void {
    pages::linear_of(page).cast()
}

pub type pgprot_t = c_ulong;

pub unsafe fn dma_pool_pgprot(cc_shared: bool) -> pgprot_t {
    c_ulong::from(cc_shared)
}

pub unsafe fn dma_common_contiguous_remap(
    page: *mut page,
    size: usize,
    _prot: pgprot_t,
    _caller: *const c_void,
) -> *mut c_void {
    pages::map(page, size).cast()
}

pub unsafe fn dma_common_free_remap(virt: *mut c_void, _size: usize) {
    pages::unmap(virt.cast());
}

pub unsafe fn arch_dma_prep_coherent(_page: *mut page, _size: usize) {}

pub unsafe fn set_memory_decrypted(addr: usize, pages: c_int) -> c_int {
    pages::convert(addr, pages as usize, true)
}

pub unsafe fn set_memory_encrypted(addr: usize, pages: c_int) -> c_int {
    pages::convert(addr, pages as usize, false)
}

pub unsafe fn dma_pool_filter_add(_addr: usize, _size: usize) {
    machine::count_objects(1);
}

pub unsafe fn dma_pool_filter_remove(_addr: usize, _size: usize) {
    machine::count_objects(-1);
}

#[repr(C)]
#[derive(Default)]
pub struct work_struct {
    _pending: c_ulong,
}

#[repr(C)]
#[derive(Default)]
pub struct delayed_work {
    pub work: work_struct,
}

pub struct workqueue_struct;

pub const system_percpu_wq: *mut workqueue_struct = null_mut();

pub unsafe fn mod_delayed_work_on(
    _cpu: c_int,
    _queue: *mut workqueue_struct,
    _work: *mut delayed_work,
    delay: c_ulong,
) -> bool {
    machine::queue_work(delay, true);
    true
}

pub unsafe fn queue_delayed_work_on(
    _cpu: c_int,
    _queue: *mut workqueue_struct,
    _work: *mut delayed_work,
    delay: c_ulong,
) -> bool {
    machine::queue_work(delay, false);
    true
}

pub unsafe fn cancel_delayed_work_sync(_work: *mut delayed_work) -> bool {
    machine::take_work().is_some()
}

#[repr(C)]
pub struct shrink_control {
    _private: [u8; 0],
}

type Shrink = Option<unsafe extern "C" fn(*mut shrinker, *mut shrink_control) -> c_ulong>;

#[repr(C)]
pub struct shrinker {
    pub count_objects: Shrink,
    pub scan_objects: Shrink,
    pub private_data: *mut c_void,
}

pub unsafe fn shrinker_alloc(_flags: u32, _name: *const c_char) -> *mut shrinker {
    if allowed().is_err() {
        return null_mut();
    }
    Box::into_raw(Box::new(shrinker {
        count_objects: None,
        scan_objects: None,
        private_data: null_mut(),
    }))
}

pub unsafe fn shrinker_register(_shrinker: *mut shrinker) {}

pub unsafe fn shrinker_free(shrinker: *mut shrinker) {
    // SAFETY: As promised by the caller.
    drop(unsafe { Box::from_raw(shrinker) });
}

#[repr(C)]
pub struct ratelimit_state {
    _private: c_ulong,
}

pub unsafe fn ratelimit_state_init(_state: *mut ratelimit_state, _interval: c_int, _burst: c_int) {}

pub unsafe fn ___ratelimit(_state: *mut ratelimit_state, _name: *const c_char) -> c_int {
    1
}

pub unsafe fn dev_name(dev: *const device) -> *const c_char {
    // SAFETY: As promised by the caller.
    unsafe { (*dev).name }
}

pub unsafe fn strlen(string: *const c_char) -> usize {
    // SAFETY: As promised by the caller.
    unsafe { core::ffi::CStr::from_ptr(string.cast()) }.count_bytes()
}

#[repr(C)]
pub struct dma_pool_option {
    pub value: [u8; 2],
}

/// The text of an option of the command line: none.
pub static mut dma_pool_coherent_pool: dma_pool_option = dma_pool_option { value: [0, 0] };
