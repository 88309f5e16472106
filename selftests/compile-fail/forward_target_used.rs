// SPDX-License-Identifier: GPL-2.0

//! A forward signals the driver's fence, so nobody else does.

mod fixture;

use dma_buf::{
    DriverFence,
    Fence,
    Forward, //
};
use fixture::*;

fn case(forward: &mut Forward<Ring>, source: &Fence, target: DriverFence<Ring>) {
    let _ = forward.start(source, target);
    #[cfg(fault)]
    target.signal(Ok(())); //~ E0382 use of moved value: `target`
}
