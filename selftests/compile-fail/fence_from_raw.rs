// SPDX-License-Identifier: GPL-2.0

//! A pointer of the C side is not a fence without unsafe.

use dma_buf::Fence;

fn case(fence: &Fence) {
    let ptr = fence.as_raw();

    #[cfg(fault)]
    Fence::from_raw(ptr).seqno(); //~ E0133 call to unsafe function
    #[cfg(not(fault))]
    // SAFETY: It comes from a fence that we have a reference to.
    unsafe { Fence::from_raw(ptr) }.seqno();
}
