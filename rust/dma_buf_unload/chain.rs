// SPDX-License-Identifier: GPL-2.0

//! Nothing forgotten, but a long way down: the drop of each fence's data drops
//! the handle of another, whose data then waits for a grace period of its own. Here
//! and there the way leads through an irq_work and a context.

use crate::{
    ring,
    Ring, //
};
use dma_buf::{
    DriverFence,
    FenceContext,
    FenceContextOps,
    IrqWork,
    IrqWorkItem,
    Section, //
};
use kernel::prelude::*;

struct Chain;

#[vtable]
impl FenceContextOps for Chain {
    type FenceData = Link;
}

struct Link {
    _next: Option<DriverFence<Chain>>,
    _aside: Option<IrqWork<Aside>>,
}

struct Aside(#[expect(dead_code)] FenceContext<Ring>);

impl IrqWorkItem for Aside {
    fn run(&self, _section: &Section<'_>) {}
}

/// The context, and the handle that all others hang on.
pub(crate) struct Ends {
    _context: FenceContext<Chain>,
    _first: Option<DriverFence<Chain>>,
}

impl Ends {
    pub(crate) fn new(length: usize) -> Result<Self> {
        let context = FenceContext::new(c"unload", c"chain", Chain)?;
        let mut first = None;

        for n in 0..length {
            let link = Link {
                _next: first,
                _aside: if n % 8 == 0 {
                    Some(IrqWork::new(Aside(ring()?))?)
                } else {
                    None
                },
            };

            first = Some(context.new_fence(context.new_fence_allocation(link)?));
        }
        Ok(Self {
            _context: context,
            _first: first,
        })
    }
}
