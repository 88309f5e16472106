// SPDX-License-Identifier: GPL-2.0

//! The module's parameter, which is C.

use kernel::{
    prelude::*,
    str::CStrExt, //
};

mod bindings {
    // Those of the foreign driver are here once more: they are types of another module.
    #![allow(
        clashing_extern_declarations,
        clippy::undocumented_unsafe_blocks,
        missing_docs,
        non_camel_case_types,
        unreachable_pub,
        dead_code,
        reason = "bindgen makes it"
    )]

    use kernel::{
        bindings::*,
        ffi, //
    };

    include!(env!("CRATE_BINDINGS"));
}

/// The name of the case to run.
pub(crate) fn parameter() -> &'static CStr {
    // SAFETY: It is set before this module's code runs, and never after; it ends with a
    // NUL, and is there as long as the module.
    unsafe { CStr::from_char_ptr(bindings::misuse_what()) }
}
