// SPDX-License-Identifier: GPL-2.0

//! A proxy signals a fence of the driver's own only.

mod fixture;

use dma_buf::{
    delegate::FenceProxyAllocation,
    DriverFence,
    Flat, //
};
use fixture::*;

fn case(proxy: FenceProxyAllocation<Ring>, source: &Flat, target: DriverFence<Ring>) {
    #[cfg(fault)]
    let _ = proxy.start(source, target.fence()); //~ E0308 mismatched types
    #[cfg(not(fault))]
    let _ = proxy.start(source, target);
}
