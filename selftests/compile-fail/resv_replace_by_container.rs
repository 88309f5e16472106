// SPDX-License-Identifier: GPL-2.0

//! What may be a container does not take the place of leaves.

use dma_buf::{
    Fence,
    Resv,
    ResvGuard,
    ResvLocked,
    Usage, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

fn case(guard: &mut ResvGuard<Arc<Resv>>, fence: &Fence) -> Result {
    #[cfg(fault)]
    guard.replace_fences(1, fence, Usage::Read)?; //~ E0308 mismatched types
    if let Some(leaf) = fence.as_leaf() {
        guard.replace_fences(1, leaf, Usage::Read)?;
    }
    Ok(())
}
