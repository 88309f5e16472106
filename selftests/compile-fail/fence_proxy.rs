// SPDX-License-Identifier: GPL-2.0

//! Proxies, which signal a driver's fence when another one signals.

mod fixture;

use dma_buf::delegate::FenceProxyAllocation;
use fixture::*;

fn starts(
    proxy: FenceProxyAllocation<Ring>,
    fence: &Fence,
    source: &UnwrappedFence,
    target: DriverFence<Ring>,
) {
    // A proxy waits for what is not nested: another driver's fence is flattened first.
    #[cfg(fault = "proxy_of_any_fence")]
    let _ = proxy.start(fence, target); //~ E0308 mismatched types

    // A proxy signals a fence of the driver's own only.
    #[cfg(fault = "proxy_to_fence")]
    let _ = proxy.start(source, target.fence()); //~ E0308 mismatched types

    #[cfg(not(any(fault = "proxy_of_any_fence", fault = "proxy_to_fence")))]
    let _ = proxy.start(source, target);

    // A proxy signals the driver's fence, so the driver does not.
    #[cfg(fault = "proxy_target_used")]
    target.signal(Ok(())); //~ E0382 use of moved value: `target`
}
