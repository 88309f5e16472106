// SPDX-License-Identifier: GPL-2.0

//! Containers that a foreign driver nests against the rules, handed to the core as they
//! are, and made flat first.

use crate::{
    cases,
    foreign, //
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

fn arrays() -> Result<ARef<Fence>> {
    let inner = foreign::array([Fence::stub(), Fence::stub()])?;

    foreign::array([inner, Fence::stub()])
}

fn links() -> Result<ARef<Fence>> {
    foreign::link(None, foreign::link(None, Fence::stub(), 1)?, 1)
}

fn array_in_an_array() -> Result {
    Ok(arrays()?.wait()?)
}

fn link_in_a_link() -> Result {
    Ok(links()?.wait()?)
}

fn array_in_an_array_made_flat() -> Result {
    Ok(arrays()?.flatten()?.into_fence().wait()?)
}

fn link_in_a_link_made_flat() -> Result {
    Ok(links()?.flatten()?.into_fence().wait()?)
}
