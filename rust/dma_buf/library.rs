// SPDX-License-Identifier: GPL-2.0

//! The `struct module` of this crate, and the reference that keeps it loaded while there are
//! registrations.

use crate::{
    bindings,
    LocalModule, //
};
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// This module, for the C side.
///
/// Not inlined: in the text of another module it would return that module.
#[inline(never)]
pub(crate) fn this_module() -> *mut bindings::module {
    kernel::module::this_module::<LocalModule>().as_ptr()
}

/// The number of registrations of all modules. Idle ones are counted as well, as counting each use
/// would cost as much as asking the fence.
pub(crate) static REGISTRATIONS: Atomic<i64> = Atomic::new(0);

/// Set while this module holds a reference to itself. Only [`update_module_ref`] uses it.
static MODULE_REF_HELD: Atomic<bool> = Atomic::new(false);

/// Takes a reference to this module if there are registrations, and drops it if there are none.
///
/// A module that registers a callback depends on this one until it is unloaded; a registration that
/// it has leaked survives that, and a fence may call it. A reference for each registration would
/// cost more than the registration itself. So there is one for all. The module notifier calls this,
/// for one module at a time, after the exit function of a module that depends on this one. That is
/// early enough: when the last of them is unloaded, the number does not change any more.
pub(crate) fn update_module_ref() {
    // The registrations of the unloaded module are counted: it made them before its exit returned.
    let keep = REGISTRATIONS.load(Relaxed) != 0;

    if MODULE_REF_HELD.load(Relaxed) == keep {
        return;
    }
    MODULE_REF_HELD.store(keep, Relaxed);
    // SAFETY: This module is not being unloaded here, since the module that the notifier is called
    // for still depends on it. The reference that is dropped was taken by an earlier call.
    unsafe {
        if keep {
            bindings::__module_get(this_module());
        } else {
            bindings::module_put(this_module());
        }
    }
}
