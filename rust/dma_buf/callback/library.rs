// SPDX-License-Identifier: GPL-2.0

//! Keeps this crate's module loaded while a fence may call a callback in its text.
//!
//! A module that registers a callback depends on this one until it is unloaded. A registration that
//! it has leaked survives that. A reference to this module for each registration would cost more
//! than the registration itself. So there is one reference for all registrations, which
//! [`keep_library`] takes or drops whenever a module that depends on this one is unloaded.
//!
//! That is early enough: all modules that create or drop registrations depend on this one until
//! after `MODULE_STATE_GOING`. When the last of them is unloaded, the number of registrations does
//! not change any more.

use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// The number of registrations of all modules. Idle ones are counted as well: counting each use
/// would cost as much as asking the fence.
static REGISTRATIONS: Atomic<i64> = Atomic::new(0);

/// Whether this module has a reference to itself. Only [`keep_library`] uses it.
static KEPT: Atomic<bool> = Atomic::new(false);

/// Counts a registration. Called before a fence can call it.
#[inline]
pub(super) fn add_registration() {
    REGISTRATIONS.add(1, Relaxed);
}

/// Stops counting a registration. Called when no fence can call it any more.
#[inline]
pub(super) fn remove_registration() {
    REGISTRATIONS.add(-1, Relaxed);
}

/// Takes a reference to this module if there are registrations, and drops it if there are none.
///
/// The module notifier calls this after the exit function of a module that depends on this one. It
/// does so for one module at a time, as two calls at once could act on outdated counts.
pub(crate) fn keep_library() {
    // The registrations of the unloaded module are counted: it made them before its exit returned.
    let keep = REGISTRATIONS.load(Relaxed) != 0;

    if KEPT.load(Relaxed) == keep {
        return;
    }
    KEPT.store(keep, Relaxed);
    // SAFETY: This module is not being unloaded here, since the module that the notifier is called
    // for still depends on it. The reference that is dropped was taken by an earlier call.
    unsafe {
        if keep {
            crate::bindings::__module_get(crate::this_module());
        } else {
            crate::bindings::module_put(crate::this_module());
        }
    }
}
