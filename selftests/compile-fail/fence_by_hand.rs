// SPDX-License-Identifier: GPL-2.0

//! A fence is only made by its driver.

use dma_buf::Fence;
use kernel::{
    sync::aref::ARef,
    types::Opaque, //
};

fn case() -> ARef<Fence> {
    #[cfg(fault)]
    let _fence = Fence {
        inner: Opaque::uninit(), //~ E0451 field `inner` of struct `Fence` is private
    };
    Fence::stub()
}
