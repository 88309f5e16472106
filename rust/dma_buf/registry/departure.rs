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
///
/// # Safety
///
/// `module` is valid, and its text has not been freed.
pub(super) unsafe fn quiesce(module: *mut bindings::module) {
    let _one = DEPARTURE.lock();

    // SAFETY: By the function's contract, here and below.
    unsafe { deferral::begin(module) };
    loop {
        // A body that still runs may register something new, hence the loop; nothing
        // that is dead runs again.
        // SAFETY: As above.
        while unsafe { stop_all(module) } {
            // Whoever saw an entry alive, and so ran the driver's code or armed
            // something, is done with it after this.
            rcu::synchronize_rcu();
            // SAFETY: As above.
            unsafe { wait_for_all(module) };
        }

        // What was dropped is freed, with all that it drops in turn, and that may be
        // or make something new. Only when no entry is left is nothing of the
        // driver's called any more; unless somebody, who may be another module, has
        // just dropped the last one, which is then being freed.
        // SAFETY: As above.
        if deferral::settle() && !unsafe { retire_all(module) } && !deferral::is_noted() {
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
///
/// # Safety
///
/// As for [`quiesce`].
unsafe fn retire_all(module: *mut bindings::module) -> bool {
    let mut any = false;
    let retire = |entry: &Entry| {
        any = true;
        // A drop has just made it: it must be stopped first.
        if !entry.dead.load(Relaxed) {
            return true;
        }
        // The last reference may have gone when it could not be waited for any more,
        // and a timer be set, which would never be stopped. It is dead, so that does
        // not happen again.
        // SAFETY: The entry is linked, so it is valid, and the operations are there.
        if !unsafe { (entry.ops().is_busy)(NonNull::from(entry)) } {
            entry.gone.store(true, Release);
            // SAFETY: The entry is linked, and `find` holds the lock.
            unsafe { bindings::dma_buf_rs_list_del_init(entry.link.get()) };
        }
        false
    };

    // SAFETY: By the function's contract.
    unsafe { REGISTRY.find(module, retire) };
    any
}

/// Marks what belongs to `module` as dead, and stops it; says whether there was
/// anything. Each entry keeps the reference that is taken for it.
///
/// An entry without references is on its way to being freed, and nobody is asked to
/// wait for what it has queued or set: that is stopped, or waited for, before it is
/// freed, or before [`retire_all`] gives it up.
///
/// # Safety
///
/// As for [`quiesce`].
unsafe fn stop_all(module: *mut bindings::module) -> bool {
    let mut any = false;
    let take = |entry: &Entry| {
        if entry.dead.load(Relaxed) {
            return false;
        }
        let stop = entry.try_get();
        if !stop {
            entry.quiet.store(true, Relaxed);
            entry.dead.store(true, Release);
        }
        stop
    };

    // SAFETY: By the function's contract.
    while let Some(entry) = unsafe { REGISTRY.find(module, take) } {
        // SAFETY: `take` took a reference.
        let this = unsafe { entry.as_ref() };

        any = true;
        this.dead.store(true, Release);
        // SAFETY: A reference is held. Only this sets `dead`, and a module goes
        // once, so this is the first time.
        unsafe { (this.ops().stop)(entry) };
    }
    any
}

/// Waits for what [`stop_all`] has stopped, and gives up its references.
///
/// # Safety
///
/// As for [`quiesce`].
unsafe fn wait_for_all(module: *mut bindings::module) {
    let is_stopped = |entry: &Entry| entry.dead.load(Relaxed) && !entry.quiet.load(Relaxed);

    // One at a time, as each may sleep.
    // SAFETY: By the function's contract.
    while let Some(entry) = unsafe { REGISTRY.find(module, is_stopped) } {
        // SAFETY: `stop_all` took a reference.
        let this: &Entry = unsafe { entry.as_ref() };

        // SAFETY: A reference is held, and `stop` was called a grace period ago.
        unsafe { (this.ops().quiesce)(entry) };
        this.quiet.store(true, Relaxed);
        // SAFETY: The reference of `stop_all`, given up once.
        unsafe { Entry::put(entry) };
    }
}
