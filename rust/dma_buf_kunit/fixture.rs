// SPDX-License-Identifier: GPL-2.0

//! What the suites have in common.

use dma_buf::{
    DriverFence,
    FenceContext,
    FenceContextOps, //
};
use kernel::prelude::*;

/// Fences without data or operations.
pub(crate) struct Mock;

#[vtable]
impl FenceContextOps for Mock {
    type FenceData = ();
}

/// A context of [`Mock`] fences.
pub(crate) fn context() -> Result<FenceContext<Mock>> {
    FenceContext::new(c"mock", c"mock", Mock)
}

/// A context, and its first fence.
pub(crate) fn fence() -> Result<(FenceContext<Mock>, DriverFence<Mock>)> {
    let context = context()?;
    let fence = context.new_fence(context.new_fence_allocation(())?);

    Ok((context, fence))
}
