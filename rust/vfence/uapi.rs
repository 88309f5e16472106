// SPDX-License-Identifier: GPL-2.0

//! The interface to user space, as bindgen reads it from
//! `include/uapi/linux/vfence.h`.

#![allow(
    clippy::undocumented_unsafe_blocks,
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    unreachable_pub,
    dead_code
)]

use kernel::{
    bindings::*,
    transmute::{
        AsBytes,
        FromBytes, //
    }, //
};

include!(env!("CRATE_BINDINGS"));

// SAFETY: Integers without padding: any bits are a value.
unsafe impl FromBytes for vfence_submit {}
// SAFETY: Integers without padding: no byte is uninitialised.
unsafe impl AsBytes for vfence_submit {}
// SAFETY: As above.
unsafe impl FromBytes for vfence_signal {}
