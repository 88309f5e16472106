// SPDX-License-Identifier: GPL-2.0

//! A proxy waits for what is not nested: another driver's fence is flattened first.

mod fixture;

use dma_buf::{
    delegate::FenceProxyAllocation,
    DriverFence,
    Fence, //
};
use fixture::*;
use kernel::prelude::*;

fn case(proxy: FenceProxyAllocation<Ring>, source: &Fence, target: DriverFence<Ring>) -> Result {
    #[cfg(fault)]
    let _ = proxy.start(source, target); //~ E0308 mismatched types
    #[cfg(not(fault))]
    let _ = proxy.start(&source.flatten()?, target);
    Ok(())
}
