// SPDX-License-Identifier: GPL-2.0

//! This library stays loaded while a fence may call a callback whose text it is.
//!
//! The module that registers a callback depends on this one. That ends when it is unloaded,
//! but a registration that it has leaked survives. A reference to this module for each
//! registration would cost more than the registration. So there is one for all, and when a
//! module goes, [`keep_library`] takes it, or gives it up.
//!
//! That is soon enough. A module that makes and drops registrations depends on this one
//! until after its `MODULE_STATE_GOING`. So when the last of them goes, no registration is
//! made or dropped any more, and what is counted then stays.

use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// The registrations that exist, of all modules. Idle ones, too: to count each use of one
/// would cost as much as to look at the fence.
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
/// Called by the module notifier, when a module goes that depends on this one, after its exit, for
/// one module at a time: of two, the one that looks first must not decide last.
pub(crate) fn keep_library() {
    // The module that goes registered before its exit returned.
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
