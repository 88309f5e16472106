// SPDX-License-Identifier: GPL-2.0

//! A module goes: what belongs to it is made quiet.

use super::{
    deferral,
    Entry,
    REGISTRY, //
};
use crate::{
    bindings,
    callback::keep_library, //
};
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
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

/// # Safety
///
/// Only to be called once, from this module's init.
pub(super) unsafe fn init() {
    // SAFETY: By the function's contract.
    unsafe { DEPARTURE.init() };
}

/// Makes everything quiet that belongs to `module`.
///
/// Process context, may sleep.
pub(super) fn quiesce(module: *mut bindings::module) {
    let _one = DEPARTURE.lock();

    deferral::begin(module);
    loop {
        // A body that still runs may register something new, hence the loop; nothing
        // that is dead runs again.
        while stop_all(module) {
            // Whoever saw an entry alive, and so ran the driver's code or armed
            // something, is done with it after this.
            rcu::synchronize_rcu();
            wait_for_all(module);
        }

        // What was dropped is freed, with all that it drops in turn, and that may be
        // or make something new. Only when no entry is left is nothing of the
        // driver's called any more; unless somebody, who may be another module, has
        // just dropped the last one, which is then being freed.
        if deferral::settle() && !retire_all(module) && !deferral::is_noted() {
            break;
        }
    }
    deferral::end();

    keep_library();
}

/// Gives up what is left of `module`'s, which was leaked: its operations are about to
/// vanish, and another module may be loaded to where they were. Says whether there
/// was anything.
///
/// Then [`deferral::settle`] is due: one that is being freed just now may have seen
/// that it is not gone. And what is not dead yet, or not idle, is left for the next
/// time.
fn retire_all(module: *mut bindings::module) -> bool {
    let mut any = false;

    REGISTRY.find(module, |entry| {
        any = true;
        // A drop has just made it: it must be stopped first.
        if !entry.dead.load(Relaxed) {
            return true;
        }
        // The last reference may have gone when it could not be waited for any more,
        // and a timer be set, which would never be stopped. It is dead, so that does
        // not happen again.
        // SAFETY: The entry is linked, so it is valid, and the operations are there.
        if !unsafe { (entry.ops.is_busy)(NonNull::from(entry)) } {
            entry.gone.store(true, Release);
            // SAFETY: The entry is linked, and `find` holds the lock.
            unsafe { bindings::dma_buf_rs_list_del_init(entry.link.get()) };
        }
        false
    });
    any
}

/// Marks what belongs to `module` as dead, and stops it; says whether there was
/// anything. Each entry keeps the reference that is taken for it.
///
/// An entry without references is on its way to being freed, and nobody is asked to
/// wait for what it has queued or set: that is stopped, or waited for, before it is
/// freed, or before [`retire_all`] gives it up.
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
