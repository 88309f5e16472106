// SPDX-License-Identifier: GPL-2.0

//! The module's parameter, which is C.

use crate::bindings;
use kernel::{
    prelude::*,
    str::CStrExt, //
};

/// The name of the case to run.
pub(crate) fn parameter() -> &'static CStr {
    // SAFETY: It is set before this module's code runs, and never after; it ends with a
    // NUL, and is there as long as the module.
    unsafe { CStr::from_char_ptr(bindings::misuse_what()) }
}
