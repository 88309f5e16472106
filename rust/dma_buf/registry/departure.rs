// SPDX-License-Identifier: GPL-2.0

//! A module goes: what belongs to it is made quiet.

use super::{
    Entry,
    REGISTRY, //
};
use crate::{
    bindings,
    callback::keep_library, //
};
use core::ptr;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        global_lock,
        rcu, //
    }, //
};

global_lock! {
    // SAFETY: Initialised by `init` when this module is loaded.
    /// One module goes at a time.
    unsafe(uninit) static DEPARTURE: Mutex<()> = ();
}

/// The module that is going, or null.
static GOING: Atomic<*mut bindings::module> = Atomic::new(ptr::null_mut());

/// Meanwhile, something of the module's has been left to RCU.
static DEFERRED: Atomic<bool> = Atomic::new(false);

/// # Safety
///
/// Only to be called once, from this module's init.
pub(super) unsafe fn init() {
    // SAFETY: By the function's contract.
    unsafe { DEPARTURE.init() };
}

/// Notes that a function of a driver's, or a use of operations at that address,
/// has been left to RCU.
///
/// A driver's destructor may drop another fence, whose data is then dropped a
/// grace period later, and so on: one barrier is over before that chain is.
///
/// Any context.
#[inline]
pub(crate) fn note_deferred(function: usize) {
    if !GOING.load(Relaxed).is_null() {
        note_deferred_slow(function);
    }
}

#[cold]
#[inline(never)]
fn note_deferred_slow(function: usize) {
    // A module is freed a grace period after it has been taken from `GOING`.
    let _rcu = rcu::read_lock();
    let module = GOING.load(Acquire);

    // SAFETY: As just said, it is valid.
    if !module.is_null() && unsafe { bindings::dma_buf_rs_within_module(function, module) } {
        DEFERRED.store(true, Release);
    }
}

/// Makes everything quiet that belongs to `module`.
///
/// Process context, may sleep.
pub(super) fn quiesce(module: *mut bindings::module) {
    let _one = DEPARTURE.lock();

    GOING.store(module, Release);

    loop {
        // A body that still runs may register something new, hence the loop; nothing
        // that is dead runs again.
        while stop_all(module) {
            // Whoever saw an entry alive, and so ran the driver's code or armed
            // something, is done with it after this.
            rcu::synchronize_rcu();
            wait_for_all(module);
        }

        // What was dropped is freed, with all that it drops in turn: when nothing
        // more has been left to RCU by the end of a barrier, nothing is.
        DEFERRED.store(false, Release);
        rcu::rcu_barrier();
        if DEFERRED.load(Acquire) {
            continue;
        }

        // What is left was leaked. Its operations are about to vanish, and another
        // module may be loaded to where they were. But what a drop has just made
        // must be stopped first.
        let new = REGISTRY.find(module, |entry| {
            if !entry.dead.load(Relaxed) {
                return true;
            }
            entry.gone.store(true, Release);
            // SAFETY: The entry is linked, and `find` holds the lock.
            unsafe { bindings::dma_buf_rs_list_del_init(entry.link.get()) };
            false
        });
        // Unless somebody, who may be another module, has just dropped it.
        if new.is_none() && !DEFERRED.load(Acquire) {
            break;
        }
    }

    GOING.store(ptr::null_mut(), Release);
    // For one that was not on the list any more, or came to it in between.
    rcu::synchronize_rcu();
    rcu::rcu_barrier();

    keep_library();
}

/// Marks what belongs to `module` as dead, and stops it; says whether there was
/// anything. Each entry keeps the reference that is taken for it.
///
/// An entry without references is on its way to being freed, which is waited for; but
/// an irq_work may not have run yet.
fn stop_all(module: *mut bindings::module) -> bool {
    let mut any = false;

    while let Some(entry) = REGISTRY.find(module, |entry| {
        if entry.dead.load(Relaxed) {
            return false;
        }
        let stop = entry.try_get();
        if !stop {
            entry.quiet.store(true, Relaxed);
            entry.dead.store(true, Release);
        }
        stop
    }) {
        // SAFETY: `find` took a reference.
        let this = unsafe { entry.as_ref() };

        any = true;
        this.dead.store(true, Release);
        // SAFETY: A reference is held. Only this sets `dead`, and a module goes
        // once, so this is the first time.
        unsafe { (this.ops.stop)(entry) };
    }
    any
}

/// Waits for what [`stop_all`] has stopped, and gives up its references.
fn wait_for_all(module: *mut bindings::module) {
    // One at a time, as each may sleep.
    while let Some(entry) = REGISTRY.find(module, |entry| {
        entry.dead.load(Relaxed) && !entry.quiet.load(Relaxed)
    }) {
        // SAFETY: `stop_all` took a reference.
        let this: &Entry = unsafe { entry.as_ref() };

        // SAFETY: A reference is held, and `stop` was called a grace period ago.
        unsafe { (this.ops.quiesce)(entry) };
        this.quiet.store(true, Relaxed);
        // SAFETY: The reference of `stop_all`, given up once.
        unsafe { Entry::put(entry) };
    }
}
