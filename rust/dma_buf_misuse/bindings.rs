// SPDX-License-Identifier: GPL-2.0

//! The parameter, and the foreign driver.

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
