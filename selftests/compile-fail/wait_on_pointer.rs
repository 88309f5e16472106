// SPDX-License-Identifier: GPL-2.0

//! A wait takes a fence, not a pointer of the C side.

use dma_buf::{
    Fence,
    Wait, //
};

fn case(fence: &Fence) {
    #[cfg(fault)]
    let fence = fence.as_raw();
    let _ = Wait::new().on(fence); //~ E0308 mismatched types
}
