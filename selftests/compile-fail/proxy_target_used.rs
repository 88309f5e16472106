// SPDX-License-Identifier: GPL-2.0

//! A proxy signals the driver's fence, so the driver does not.

mod fixture;

use dma_buf::{
    delegate::FenceProxyAllocation,
    DriverFence,
    Flat, //
};
use fixture::*;

fn case(proxy: FenceProxyAllocation<Ring>, source: &Flat, target: DriverFence<Ring>) {
    let _ = proxy.start(source, target);
    #[cfg(fault)]
    target.signal(Ok(())); //~ E0382 use of moved value: `target`
}
