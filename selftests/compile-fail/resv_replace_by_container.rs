// SPDX-License-Identifier: GPL-2.0

//! What may be a container does not take the place of leaves.

use dma_buf::{
    resv::{
        Resv,
        ResvGuard,
        ResvUsage, //
    },
    Fence, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case(guard: &mut ResvGuard<Arc<Resv>>, fence: &Fence) -> Result {
    #[cfg(fault)]
    guard.replace_fences(1, fence, ResvUsage::Read)?; //~ E0308 mismatched types
    if let Some(leaf) = fence.as_leaf() {
        guard.replace_fences(1, leaf, ResvUsage::Read)?;
    }
    Ok(())
}
