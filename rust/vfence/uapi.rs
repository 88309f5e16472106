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
    ffi,
    transmute::{
        AsBytes,
        FromBytes, //
    }, //
};

include!(env!("CRATE_BINDINGS"));

/// Structures that user space and the device exchange.
macro_rules! exchanged {
    ($($structure:ident),* $(,)?) => {$(
        // SAFETY: Integers without padding between them: any bits are a value.
        unsafe impl FromBytes for $structure {}
        // SAFETY: As above: no byte is uninitialised.
        unsafe impl AsBytes for $structure {}
        // SAFETY: As above: so are zeroes.
        unsafe impl pin_init::Zeroable for $structure {}
    )*};
}

exchanged!(
    vfence_attach,
    vfence_chain,
    vfence_combine,
    vfence_hang,
    vfence_info,
    vfence_query,
    vfence_reset,
    vfence_resv,
    vfence_setup,
    vfence_signal,
    vfence_submit,
    vfence_sw_sync_create,
    vfence_sw_sync_deadline,
);
