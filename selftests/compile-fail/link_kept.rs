// SPDX-License-Identifier: GPL-2.0

//! A link that a walk lends is kept until the walk goes on.

use dma_buf::Fence;

fn case(fence: &Fence) -> u64 {
    let mut links = fence.links();
    let Some(first) = links.next() else {
        return 0;
    };
    #[cfg(fault)]
    links.next(); //~ E0499 cannot borrow `links` as mutable more than once at a time
    first.seqno()
}
