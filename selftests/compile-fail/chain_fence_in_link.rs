// SPDX-License-Identifier: GPL-2.0

//! Only what is known to be flat is contained in a link of a chain.

use dma_buf::{
    Fence,
    FenceChainAllocation, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

fn case(memory: FenceChainAllocation, fence: ARef<Fence>) -> Result {
    let flat = fence.flatten()?;
    #[cfg(fault)]
    let _new = memory.append(None, fence, 2); //~ E0277 is not satisfied
    #[cfg(not(fault))]
    let _new = memory.append(None, flat, 2);
    Ok(())
}
