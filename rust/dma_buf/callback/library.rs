// SPDX-License-Identifier: GPL-2.0

//! This module stays loaded while a fence may call a callback whose text it is.
//!
//! The module that registers one depends on this one. That ends when it is
//! unloaded, which a registration that it has leaked survives. A reference to this
//! module for each registration would cost more than the registration; so there is
//! one for all, and whether it is needed is looked at when a module goes.
//!
//! That is soon enough. Who makes registrations and drops them is a module that
//! depends on this one, until its dependency ends, which is after its
//! `MODULE_STATE_GOING`. So the last of them to go looks when nobody else makes or
//! drops any more, and what is counted then is for ever.

use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// The registrations that exist, of all modules. Idle ones, too: counting them each
/// time that they are used would cost as much as looking at the fence does.
static REGISTRATIONS: Atomic<i64> = Atomic::new(0);

/// This module has a reference to itself. Only used by [`keep_library`].
static KEPT: Atomic<bool> = Atomic::new(false);

/// Counts a registration, before a fence can call it.
#[inline]
pub(super) fn begin() {
    REGISTRATIONS.add(1, Relaxed);
}

/// Uncounts a registration that goes, when no fence calls it any more.
#[inline]
pub(super) fn end() {
    REGISTRATIONS.add(-1, Relaxed);
}

/// Keeps this module loaded if there are registrations, until there are none when
/// this is called again.
///
/// To be called by the module notifier, when a module goes that depends on this one, after
/// its exit, and by one at a time: of two, the one that looks first must not have the last
/// word.
pub(crate) fn keep_library() {
    // What the module that goes has registered happened before its exit returned.
    let keep = REGISTRATIONS.load(Relaxed) != 0;

    if KEPT.load(Relaxed) == keep {
        return;
    }
    KEPT.store(keep, Relaxed);
    // SAFETY: This module is not being unloaded where a reference is taken: there is
    // a registration and no reference yet, so a module depends on it whose departure
    // is not over. The reference given up was taken here; this module stays until
    // its notifier returns.
    unsafe {
        if keep {
            crate::bindings::__module_get(crate::this_module());
        } else {
            crate::bindings::module_put(crate::this_module());
        }
    }
}
