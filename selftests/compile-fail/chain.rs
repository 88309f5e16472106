// SPDX-License-Identifier: GPL-2.0

//! Chains of fences.

mod fixture;

use dma_buf::chain::{
    FenceChain,
    FenceChainAllocation, //
};
use fixture::*;

fn appended(
    memory: FenceChainAllocation,
    fence: ARef<Fence>,
    link: ARef<FenceChain>,
    unwrapped: UnwrappedFence,
) {
    // A link of a chain contains only an unwrapped fence.
    #[cfg(fault = "chain_fence_in_link")]
    let _first = memory.append(None, fence, 2); //~ E0277 is not satisfied

    // A link of a chain is not contained in another.
    #[cfg(fault = "chain_link_in_link")]
    let _first = memory.append(None, link, 2); //~ E0277 is not satisfied

    #[cfg(not(any(fault = "chain_fence_in_link", fault = "chain_link_in_link")))]
    let _first = memory.append(None, unwrapped.clone(), 1);

    // The memory of a link is for one link.
    #[cfg(fault = "chain_appended_twice")]
    let _second = memory.append(None, unwrapped, 2); //~ E0382 use of moved value: `memory`
}

/// The fence in a link is lent by the link.
fn contained(link: ARef<FenceChain>) -> u64 {
    let contained = link.contained();
    #[cfg(fault = "contained_beyond_link")]
    drop(link); //~ E0505 cannot move out of `link` because it is borrowed
    contained.seqno()
}

/// A link that a walk lends is kept until the walk goes on.
fn walk(fence: &Fence) -> u64 {
    let mut links = fence.links();
    let Some(first) = links.next() else {
        return 0;
    };
    #[cfg(fault = "link_kept")]
    links.next(); //~ E0499 cannot borrow `links` as mutable more than once at a time
    first.seqno()
}
