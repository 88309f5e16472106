// SPDX-License-Identifier: GPL-2.0

//! References to fences, and what is found by them.

mod fixture;

use core::mem::swap;
use dma_buf::{
    FenceKind,
    FenceWait,
    RcuFence, //
};
use fixture::*;
use kernel::types::Opaque;

/// A fence is only made by its driver.
fn made() -> ARef<Fence> {
    #[cfg(fault = "fence_by_hand")]
    let _fence = Fence {
        inner: Opaque::uninit(), //~ E0451 field `inner` of struct
    };
    Fence::stub()
}

/// A fence stays where it is: only references to it are passed on.
fn passed_on(fence: &Fence) -> ARef<Fence> {
    #[cfg(fault = "fence_by_value")]
    let _moved = *fence; //~ E0507 cannot move out of `*fence`
    fence.into()
}

/// Nobody puts one fence in another's place.
fn swapped(mut a: ARef<Fence>, mut b: ARef<Fence>) {
    #[cfg(fault = "fence_overwritten")]
    swap::<Fence>(&mut a, &mut b);
    //~^ E0596 cannot borrow data in dereference
    //~| E0596 cannot borrow data in dereference
    swap(&mut a, &mut b);
}

/// A pointer of the C side is not a fence without unsafe.
fn from_raw(fence: &Fence) {
    let ptr = fence.as_raw();
    #[cfg(fault = "fence_from_raw")]
    Fence::from_raw(ptr).seqno(); //~ E0133 call to unsafe function
    #[cfg(not(fault = "fence_from_raw"))]
    // SAFETY: It comes from a fence that we have a reference to.
    unsafe { Fence::from_raw(ptr) }.seqno();
}

/// A wait takes a fence, not a pointer of the C side.
fn waited_for(fence: &Fence) {
    #[cfg(fault = "wait_on_pointer")]
    let fence = fence.as_raw();
    let _ = FenceWait::new().wait(fence); //~ E0308 mismatched types
}

/// A reference by a fence's kind does not outlive the one to the fence.
fn kind(fence: ARef<Fence>) -> usize {
    let kind = fence.kind();
    #[cfg(fault = "kind_beyond_fence")]
    drop(fence); //~ E0505 cannot move out of `fence` because it is borrowed
    match kind {
        FenceKind::Array(array) => array.len(),
        FenceKind::Leaf(_) | FenceKind::Chain(_) => 1,
    }
}

/// The later of two fences is one of them, and goes with them.
fn later(a: ARef<Fence>, b: ARef<Fence>) -> u64 {
    let later = a.later(&b);
    #[cfg(fault = "later_beyond_fences")]
    drop(b); //~ E0505 cannot move out of `b` because it is borrowed
    later.map_or(0, |fence| fence.seqno())
}

/// It hands out references, and lends nothing.
fn last(last: &RcuFence) {
    #[cfg(fault = "rcu_fence_borrow_kept")]
    let _fence: Option<&Fence> = last.get(); //~ E0308 mismatched types
    let _fence: Option<ARef<Fence>> = last.get();
}
