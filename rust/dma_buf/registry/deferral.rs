// SPDX-License-Identifier: GPL-2.0

//! What a driver's objects have left to RCU, while its module goes.
//!
//! A driver's destructor may drop another fence, whose data is then dropped a grace
//! period later, and so on: one `rcu_barrier()` is over before that chain is. So
//! while a module goes, whatever of it is left to RCU is noted, and there are barriers
//! until nothing has been.
//!
//! Between the note and the `call_rcu()` there must be no barrier that takes the note
//! along and misses the callback. Both are in one RCU read-side section, and before
//! each barrier comes a grace period.

use crate::{
    bindings,
    reader::PreemptReader, //
};
use core::ptr;
use kernel::sync::{
    atomic::{
        Acquire,
        Atomic,
        Relaxed,
        Release, //
    },
    rcu, //
};

/// The module that is going, or null. That is freed a grace period after it has been
/// taken from here.
static GOING: Atomic<*mut bindings::module> = Atomic::new(ptr::null_mut());

/// Meanwhile, something of the module's has been left to RCU.
static DEFERRED: Atomic<bool> = Atomic::new(false);

/// `call_rcu()` of `callback`, which is a function of a driver's, or will use its
/// operations, at address `driver`.
///
/// Any context.
///
/// # Safety
///
/// As for `call_rcu()`.
#[inline]
pub(crate) unsafe fn call_rcu(
    head: *mut bindings::callback_head,
    callback: bindings::rcu_callback_t,
    driver: usize,
) {
    let _reader = PreemptReader::begin();

    if !GOING.load(Relaxed).is_null() {
        note(driver);
    }
    // SAFETY: By the function's contract.
    unsafe { bindings::call_rcu(head, callback) };
}

/// To be called inside an RCU read-side section.
#[cold]
#[inline(never)]
fn note(driver: usize) {
    let module = GOING.load(Acquire);

    // SAFETY: By the contract of `begin`, and as `end` waits for a grace period.
    if !module.is_null() && unsafe { bindings::dma_buf_rs_within_module(driver, module) } {
        DEFERRED.store(true, Release);
    }
}

/// From here on, what of `module` is left to RCU is noted.
///
/// # Safety
///
/// `module` is valid until [`end`] returns.
pub(super) unsafe fn begin(module: *mut bindings::module) {
    GOING.store(module, Release);
}

/// Waits for all of the module's that has been left to RCU. Says whether nothing more
/// was left meanwhile: then nothing is to come of what is known here, and what comes
/// from elsewhere is what [`is_noted`] tells of.
///
/// Process context, may sleep.
pub(super) fn settle() -> bool {
    DEFERRED.store(false, Relaxed);
    // Who made a note before this has queued the callback by the end of the grace
    // period, and so did who saw no module going. The barrier waits for these
    // callbacks, so it is over after any note they make in turn.
    rcu::synchronize_rcu();
    rcu::rcu_barrier();
    !is_noted()
}

/// Whether anything of the module's has been left to RCU since [`settle`] began.
pub(super) fn is_noted() -> bool {
    DEFERRED.load(Acquire)
}

/// Nothing of the module's is noted any more.
///
/// Process context, may sleep.
pub(super) fn end() {
    GOING.store(ptr::null_mut(), Release);
    // For who looks at the module yet; and for what its destructors have left to RCU
    // by themselves, which its exit could not wait for.
    rcu::synchronize_rcu();
    rcu::rcu_barrier();
}
