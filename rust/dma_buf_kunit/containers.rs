// SPDX-License-Identifier: GPL-2.0

//! Fences and chains to try containers with.

use crate::fixture::{
    self,
    next,
    Counter,
    Mock, //
};
use dma_buf::{
    DriverFence,
    Fence,
    FenceArray,
    FenceChain,
    FenceChainAllocation,
    FenceContext,
    FenceContextOps,
    Flat,
    Leaf, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef,
    time::{
        msecs_to_jiffies,
        Instant,
        Jiffies,
        Monotonic, //
    }, //
};

/// Fences that signal in any order: each has a context of its own.
pub(crate) struct Fences {
    /// These go first, and what is pending signals.
    contexts: KVVec<FenceContext<Mock>>,
    drivers: KVVec<DriverFence<Mock>>,
}

impl Fences {
    pub(crate) fn new(count: usize) -> Result<Self> {
        let mut this = Self {
            contexts: KVVec::with_capacity(count, GFP_KERNEL)?,
            drivers: KVVec::with_capacity(count, GFP_KERNEL)?,
        };

        for _ in 0..count {
            let context = fixture::context()?;

            this.drivers.push(next(&context)?, GFP_KERNEL)?;
            this.contexts.push(context, GFP_KERNEL)?;
        }
        Ok(this)
    }

    pub(crate) fn fence(&self, index: usize) -> &Fence {
        self.drivers[index].as_fence()
    }

    pub(crate) fn leaf(&self, index: usize) -> ARef<Leaf> {
        self.drivers[index].leaf()
    }

    /// All of them.
    pub(crate) fn leaves(&self) -> Result<KVec<ARef<Leaf>>> {
        let mut leaves = KVec::new();

        for driver in &self.drivers {
            leaves.push(driver.leaf(), GFP_KERNEL)?;
        }
        Ok(leaves)
    }

    /// An array of them.
    pub(crate) fn array(&self) -> Result<Flat> {
        FenceArray::new(self.leaves()?)
    }

    /// Signals a fence, unless it has.
    pub(crate) fn signal(&self, index: usize) {
        self.complete(index, Ok(()));
    }

    pub(crate) fn complete(&self, index: usize, result: Result) {
        self.contexts[index].signal_seqno(1, result);
    }
}

/// A chain, its links, and the fences that these contain.
pub(crate) struct Chain {
    pub(crate) fences: Fences,
    pub(crate) links: KVVec<ARef<FenceChain>>,
}

impl Chain {
    pub(crate) fn new(length: usize, point: impl Fn(u64) -> u64) -> Result<Self> {
        let mut this = Self {
            fences: Fences::new(length)?,
            links: KVVec::with_capacity(length, GFP_KERNEL)?,
        };
        let mut tail = None;

        for index in 0..length {
            let link = FenceChainAllocation::new()?.append(
                tail.take(),
                this.fences.leaf(index),
                point(index as u64),
            );

            tail = Some(fence(&link));
            this.links.push(link, GFP_KERNEL)?;
        }
        Ok(this)
    }

    pub(crate) fn tail(&self) -> &Fence {
        &self.links[self.links.len() - 1]
    }
}

/// A reference to a fence of any kind.
pub(crate) fn fence(fence: &Fence) -> ARef<Fence> {
    fence.into()
}

pub(crate) fn is_same(a: &Fence, b: &Fence) -> bool {
    core::ptr::eq(a, b)
}

/// Whether a fence's leaves are these, in this order, and no others.
pub(crate) fn has_leaves(fence: &Fence, leaves: &[&Fence]) -> bool {
    fence.leaves().collect().is_ok_and(|found| {
        found.len() == leaves.len() && found.iter().zip(leaves).all(|(a, b)| is_same(a, b))
    })
}

/// How many links a walk from the tail visits, and what the chain began with.
pub(crate) fn length(tail: &Fence) -> usize {
    let mut links = tail.links();
    let mut visited = 0;

    while links.next().is_some() {
        visited += 1;
    }
    visited
}

/// How many references to a fence there are.
pub(crate) fn references(fence: &Fence) -> i32 {
    // SAFETY: The fence is valid. The number may change at any time.
    unsafe { (&raw const (*fence.as_raw()).refcount.refcount.refs.counter).read_volatile() }
}

/// The bound of a wait that is certain to end: it takes long to signal many
/// fences, but not for ever.
pub(crate) fn bound() -> Jiffies {
    msecs_to_jiffies(120_000)
}

/// A context that counts what its fences are asked.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) enable: Counter,
    pub(crate) signaled: Counter,
    pub(crate) deadline: Counter,
}

impl Asked {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            enable: Counter::new()?,
            signaled: Counter::new()?,
            deadline: Counter::new()?,
        })
    }

    /// A context of this.
    pub(crate) fn context(&self) -> Result<FenceContext<Self>> {
        FenceContext::new(c"mock", c"asked", self.clone())
    }
}

#[vtable]
impl FenceContextOps for Asked {
    type FenceData = ();

    fn enable_signaling(&self, _data: &(), _seqno: u64) -> Option<Result> {
        self.enable.add();
        None
    }

    fn signaled(&self, _data: &(), _seqno: u64) -> Option<Result> {
        self.signaled.add();
        None
    }

    fn set_deadline(&self, _data: &(), _seqno: u64, _deadline: Instant<Monotonic>) {
        self.deadline.add();
    }
}

/// Numbers without a pattern, and always the same.
pub(crate) struct Random(pub(crate) u32);

impl Random {
    /// The next one, less than `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x9e37_79b1).wrapping_add(0x7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 15).wrapping_mul(0x85eb_ca6b);

        (mixed ^ mixed >> 13) as usize % bound
    }
}
