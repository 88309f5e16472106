// SPDX-License-Identifier: GPL-2.0

//! Chains.

use crate::side::{
    fences,
    repeat,
    Operation,
    Plain,
    Side, //
};
use dma_buf::{
    chain::{
        FenceChain,
        FenceChainAllocation, //
    },
    DriverFence,
    Fence,
    FenceContext,
    Leaf, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        }, //
    }, //
};

/// A chain, each link of which contains the same pending fence.
struct Chain {
    leaf: ARef<Leaf>,
    tail: Option<ARef<Fence>>,
    driver: Option<DriverFence<Plain>>,
    _context: FenceContext<Plain>,
}

impl Chain {
    fn new(links: u32) -> Result<Self> {
        let (context, mut fences) = fences(1)?;
        let driver = fences.pop().ok_or(EINVAL)?;
        let mut this = Self {
            leaf: driver.leaf(),
            tail: None,
            driver: Some(driver),
            _context: context,
        };

        for seqno in 1..=links {
            this.append(seqno)?;
        }
        Ok(this)
    }

    #[inline]
    fn append(&mut self, seqno: u32) -> Result {
        let link = FenceChainAllocation::new()?;
        let link = link.append(self.tail.take(), self.leaf.clone(), seqno.into());

        self.tail = Some(FenceChain::into_fence(link));
        Ok(())
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.tail = None;
        if let Some(driver) = self.driver.take() {
            driver.signal(Ok(()));
        }
    }
}

struct Append(Chain);

impl Operation for Append {
    fn prepare(_n: u32, _arg: u32) -> Result<Self> {
        // What is measured does what it should.
        drop(Chain::new(1)?);
        Ok(Self(Chain::new(0)?))
    }

    fn run(&mut self, n: u32) {
        let mut seqno = 0;

        repeat(n, || {
            seqno += 1;
            let _ = self.0.append(seqno);
        });
    }
}

#[no_mangle]
static bench_rust_append: Side = Side::new::<Append>();

/// Where results go that nobody looks at.
static SINK: Atomic<u64> = Atomic::new(0);

/// References to the leaves of a fence.
fn collect(fence: &Fence) -> Result<KVec<ARef<Leaf>>> {
    let mut walk = fence.leaves();
    let mut leaves = KVec::with_capacity(16, GFP_KERNEL)?;

    while let Some(leaf) = walk.next()? {
        leaves.push(leaf.into(), GFP_KERNEL)?;
    }
    Ok(leaves)
}

/// An operation on a chain.
macro_rules! operation {
    ($name:ident, $side:ident, |$tail:ident| $body:expr) => {
        struct $name(Chain);

        impl Operation for $name {
            fn prepare(_n: u32, links: u32) -> Result<Self> {
                let chain = Chain::new(links)?;
                let tail = chain.tail.as_ref().ok_or(EINVAL)?;

                // What is measured does what it should.
                if collect(tail)?.len() != links as usize
                    || tail.find_seqno(1)?.is_none_or(|link| link.seqno() != 1)
                {
                    return Err(EINVAL);
                }
                Ok(Self(chain))
            }

            fn run(&mut self, n: u32) {
                let Some($tail) = self.0.tail.as_deref() else {
                    return;
                };

                repeat(n, || $body);
            }
        }

        #[no_mangle]
        static $side: Side = Side::new::<$name>();
    };
}

operation!(Walk, bench_rust_walk, |tail| {
    let mut links = tail.links();
    let mut sum = 0;

    while let Some(link) = links.next() {
        let fence = link.as_chain().map_or(link, |link| link.contained());

        sum += fence.seqno();
    }
    SINK.store(sum, Relaxed);
});
// The oldest, which is the furthest from the tail.
operation!(Find, bench_rust_find, |tail| drop(tail.find_seqno(1)));
operation!(Collect, bench_rust_collect, |tail| drop(collect(tail)));
