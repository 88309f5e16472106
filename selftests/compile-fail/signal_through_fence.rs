// SPDX-License-Identifier: GPL-2.0

//! Who may only wait cannot signal.

mod fixture;

use dma_buf::Fence;
use fixture::*;

fn case(fence: &Fence) {
    fence.test_signaled_flag();
    #[cfg(fault)]
    fence.signal(Ok(())); //~ E0599 no method named `signal` found
}
