// SPDX-License-Identifier: GPL-2.0

//! A forward signals a fence of the driver's own only.

mod fixture;

use dma_buf::{
    DriverFence,
    Fence,
    Forward, //
};
use fixture::*;

fn case(forward: &mut Forward<Ring>, source: &Fence, target: DriverFence<Ring>) {
    #[cfg(fault)]
    let _ = forward.start(source, target.fence()); //~ E0308 mismatched types
    let _ = forward.start(source, target);
}
