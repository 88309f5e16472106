// SPDX-License-Identifier: GPL-2.0

//! The fence in a link is lent by the link.

use dma_buf::FenceChain;
use kernel::sync::aref::ARef;

fn case(link: ARef<FenceChain>) -> u64 {
    let contained = link.contained();
    #[cfg(fault)]
    drop(link); //~ E0505 cannot move out of `link` because it is borrowed
    contained.seqno()
}
