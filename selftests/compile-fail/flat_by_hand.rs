// SPDX-License-Identifier: GPL-2.0

//! What is flat is made by the library alone.

use dma_buf::{
    Fence,
    Flat, //
};
use kernel::sync::aref::ARef;

fn case(fence: ARef<Fence>, flat: Flat) -> Flat {
    let _fence = fence;
    #[cfg(fault)]
    return Flat(_fence); //~ E0423 private field
    flat
}
