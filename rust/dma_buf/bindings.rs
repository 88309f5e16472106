// SPDX-License-Identifier: GPL-2.0

//! Bindings to C: the kernel crate's, and others that bindgen generates from `bindings.h`.

#![allow(
    clippy::all,
    clippy::ptr_as_ptr,
    clippy::ref_as_ptr,
    clippy::undocumented_unsafe_blocks,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    dead_code,
    improper_ctypes
)]

use kernel::ffi;

pub(crate) use kernel::bindings::*;

include!(env!("CRATE_BINDINGS"));
