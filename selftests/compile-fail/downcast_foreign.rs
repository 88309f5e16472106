// SPDX-License-Identifier: GPL-2.0

//! A fence is cast to a driver's own types only.

mod fixture;

use dma_buf::Fence;
use fixture::*;
use kernel::sync::rcu;

#[cfg(fault)]
type Target = u32;
#[cfg(not(fault))]
type Target = Ring;

fn case(fence: &Fence) -> bool {
    let guard = rcu::read_lock();

    fence.downcast::<Target>(&guard).is_some()
    //~^ E0277 the trait bound `u32: FenceContextOps` is not satisfied
}
