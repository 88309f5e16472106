// SPDX-License-Identifier: GPL-2.0

//! The right to signal cannot be had from who may only wait.

mod fixture;

use dma_buf::{
    DriverFence,
    Fence, //
};
use fixture::*;
use kernel::sync::aref::ARef;

fn case(fence: ARef<Fence>) {
    fence.seqno();
    #[cfg(fault)]
    let _job: DriverFence<Ring> = fence.into(); //~ E0277 is not satisfied
}
