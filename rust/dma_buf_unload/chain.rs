// SPDX-License-Identifier: GPL-2.0

//! Nothing forgotten, but a long way down: the drop of each fence's data drops
//! the handle of another, whose data then waits for a grace period of its own. Here
//! and there the way leads through an irq_work and a context.

use crate::{
    ring,
    Ring, //
};
use dma_buf::{
    delegate::{
        Delegate,
        IrqWork, //
    },
    DriverFence,
    FenceContext,
    FenceContextOps,
    SignallingSection, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

struct Chain;

#[vtable]
impl FenceContextOps for Chain {
    type FenceData = Link;
}

struct Link {
    _next: Option<DriverFence<Chain>>,
    _aside: Option<IrqWork<Aside>>,
    _counted: Counted,
}

struct Aside {
    _ring: FenceContext<Ring>,
    _counted: Counted,
}

/// How many [`Counted`] there are.
static COUNT: Atomic<i32> = Atomic::new(0);

/// A part of it all. The last one that goes says so in the log.
struct Counted;

impl Counted {
    fn new() -> Self {
        COUNT.fetch_add(1, Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if COUNT.fetch_sub(1, Relaxed) == 1 {
            pr_info!("all of it has gone\n");
        }
    }
}

impl Delegate for Aside {
    fn run(&self, _section: &SignallingSection<'_>) {}
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
                    Some(IrqWork::new(Aside {
                        _ring: ring()?,
                        _counted: Counted::new(),
                    })?)
                } else {
                    None
                },
                _counted: Counted::new(),
            };

            first = Some(context.new_fence(context.new_fence_allocation(link)?));
        }
        Ok(Self {
            _context: context,
            _first: first,
        })
    }
}
