// SPDX-License-Identifier: GPL-2.0

//! Nothing forgotten, but a long way down: the drop of each fence's data drops
//! the handle of another, whose data then waits for a grace period of its own.

use dma_buf::{
    DriverFence,
    FenceContext,
    FenceContextOps, //
};
use kernel::prelude::*;

struct Chain;

#[vtable]
impl FenceContextOps for Chain {
    type FenceData = Link;
}

struct Link(#[expect(dead_code)] Option<DriverFence<Chain>>);

/// The context, and the handle that all others hang on.
pub(crate) struct Ends {
    _context: FenceContext<Chain>,
    _first: Option<DriverFence<Chain>>,
}

impl Ends {
    pub(crate) fn new(length: usize) -> Result<Self> {
        let context = FenceContext::new(c"unload", c"chain", Chain)?;
        let mut first = None;

        for _ in 0..length {
            first = Some(context.new_fence(context.new_fence_allocation(Link(first))?));
        }
        Ok(Self {
            _context: context,
            _first: first,
        })
    }
}
