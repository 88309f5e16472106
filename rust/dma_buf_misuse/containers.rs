// SPDX-License-Identifier: GPL-2.0

//! Containers that a foreign driver nests against the rules, handed to the core as they
//! are, and made flat first.

use crate::{
    bindings,
    cases, //
};
use core::ptr::{
    null_mut,
    NonNull, //
};
use dma_buf::Fence;
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

cases!(
    array_in_an_array,
    link_in_a_link,
    array_in_an_array_made_flat,
    link_in_a_link_made_flat,
);

/// The foreign driver's array of a fence and one that has signalled.
fn array(fence: ARef<Fence>) -> Result<ARef<Fence>> {
    let mut members = [fence, Fence::stub()].map(|fence| ARef::into_raw(fence).as_ptr().cast());

    // SAFETY: The references go to the callee, and that to the array is ours.
    unsafe {
        let array = bindings::foreign_array(members.as_mut_ptr(), 2, 0);

        Ok(Fence::from_raw_owned(NonNull::new(array).ok_or(ENOMEM)?))
    }
}

/// The foreign driver's link with a fence in it.
fn link(fence: ARef<Fence>) -> Result<ARef<Fence>> {
    let fence = ARef::into_raw(fence).as_ptr().cast();

    // SAFETY: The reference goes to the callee, and that to the link is ours.
    unsafe {
        let link = bindings::foreign_link(null_mut(), fence, 1);

        Ok(Fence::from_raw_owned(NonNull::new(link).ok_or(ENOMEM)?))
    }
}

fn arrays() -> Result<ARef<Fence>> {
    array(array(Fence::stub())?)
}

fn links() -> Result<ARef<Fence>> {
    link(link(Fence::stub())?)
}

fn array_in_an_array() -> Result {
    Ok(arrays()?.wait()?)
}

fn link_in_a_link() -> Result {
    Ok(links()?.wait()?)
}

fn array_in_an_array_made_flat() -> Result {
    Ok(arrays()?.to_unwrapped()?.into_fence().wait()?)
}

fn link_in_a_link_made_flat() -> Result {
    Ok(links()?.to_unwrapped()?.into_fence().wait()?)
}
