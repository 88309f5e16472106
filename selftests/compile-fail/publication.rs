// SPDX-License-Identifier: GPL-2.0

//! What publishes a fence.

mod fixture;

use fixture::*;

fn publish(ring: &FenceContext<Ring>, memory: DriverFenceAllocation<Ring>) {
    // Publication takes memory, as it must not fail for want of it.
    #[cfg(fault = "publish_without_memory")]
    let _first = ring.new_fence(Job { number: 1 }); //~ E0308 mismatched types

    let _first = ring.new_fence(memory);

    // An allocation becomes one fence.
    #[cfg(fault = "publish_twice")]
    let _second = ring.new_fence(memory); //~ E0382 use of moved value: `memory`
}

/// An allocation becomes one fence, also at a chosen point.
fn publish_at(ring: &FenceContext<Ring>, memory: DriverFenceAllocation<Ring>) {
    let _first = ring.new_fence_at(memory, 1);
    #[cfg(fault = "publish_at_twice")]
    let _second = ring.new_fence_at(memory, 2); //~ E0382 use of moved value: `memory`
}

/// A fence is published in a context of its own type.
#[cfg(fault = "publish_elsewhere")]
type Context = FenceContext<OtherRing>;
#[cfg(not(fault = "publish_elsewhere"))]
type Context = FenceContext<Ring>;

fn publish_in(ring: &Context, memory: DriverFenceAllocation<Ring>) {
    let _fence = ring.new_fence(memory); //~ E0308 mismatched types
}
