// SPDX-License-Identifier: GPL-2.0

//! The three functions of an operation, as C calls them.

use core::ptr::null_mut;
use dma_buf::{
    DriverFence,
    FenceContext,
    FenceContextOps, //
};
use kernel::{
    ffi::c_void,
    prelude::*, //
};

/// An operation of which all is ready to be timed.
pub(crate) trait Operation: Sized {
    /// Makes ready for [`Self::run`]; the drop undoes it.
    fn prepare(n: u32, arg: u32) -> Result<Self>;

    /// Does the operation `n` times.
    fn run(&mut self, n: u32);
}

/// `struct bench_side` of `bench.h`.
#[repr(C)]
pub(crate) struct Side {
    prepare: extern "C" fn(u32, u32) -> *mut c_void,
    run: unsafe extern "C" fn(*mut c_void, u32),
    finish: unsafe extern "C" fn(*mut c_void),
}

impl Side {
    pub(crate) const fn new<T: Operation>() -> Self {
        Self {
            prepare: prepare::<T>,
            run: run::<T>,
            finish: finish::<T>,
        }
    }
}

extern "C" fn prepare<T: Operation>(n: u32, arg: u32) -> *mut c_void {
    // A byte more, as a box of nothing has no address that could be told from
    // those of others.
    match T::prepare(n, arg).and_then(|state| Ok(KBox::new((state, 0u8), GFP_KERNEL)?)) {
        Ok(state) => KBox::into_raw(state).cast(),
        Err(_) => null_mut(),
    }
}

/// # Safety
///
/// `state` is what `prepare::<T>` returned, and not null.
unsafe extern "C" fn run<T: Operation>(state: *mut c_void, n: u32) {
    // SAFETY: By the function's contract.
    unsafe { &mut (*state.cast::<(T, u8)>()).0 }.run(n)
}

/// # Safety
///
/// As for [`run`], for the last time.
unsafe extern "C" fn finish<T: Operation>(state: *mut c_void) {
    // SAFETY: By the function's contract it is the box of `prepare`.
    drop(unsafe { KBox::from_raw(state.cast::<(T, u8)>()) });
}

/// A loop that the compiler does not unroll, as it cannot count its turns.
#[inline(always)]
pub(crate) fn repeat(mut n: u32, mut turn: impl FnMut()) {
    while n != 0 {
        turn();
        n = hidden(n - 1);
    }
}

/// The same number, as far as the compiler knows any.
#[inline(always)]
// The register's name is only in a comment.
#[allow(asm_sub_register)]
fn hidden(mut n: u32) -> u32 {
    // SAFETY: It does nothing.
    unsafe {
        core::arch::asm!(
            "/* {0} */",
            inout(reg) n,
            options(pure, nomem, nostack, preserves_flags)
        )
    };
    n
}

/// Fences without data or operations.
pub(crate) struct Plain;

#[vtable]
impl FenceContextOps for Plain {
    type FenceData = ();
}

pub(crate) fn context() -> Result<FenceContext<Plain>> {
    FenceContext::new(c"bench", c"bench", Plain)
}

/// A context with `count` fences.
pub(crate) fn fences(count: u32) -> Result<(FenceContext<Plain>, KVVec<DriverFence<Plain>>)> {
    let context = context()?;
    let mut fences = KVVec::with_capacity(count as usize, GFP_KERNEL)?;

    for _ in 0..count {
        let memory = context.new_fence_allocation(())?;

        fences.push(context.new_fence(memory), GFP_KERNEL)?;
    }
    Ok((context, fences))
}

/// An empty loop.
struct Nothing;

impl Operation for Nothing {
    fn prepare(_n: u32, _arg: u32) -> Result<Self> {
        Ok(Nothing)
    }

    fn run(&mut self, n: u32) {
        repeat(n, || ());
    }
}

#[no_mangle]
static bench_rust_nothing: Side = Side::new::<Nothing>();
