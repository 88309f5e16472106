// SPDX-License-Identifier: GPL-2.0

//! Merging and deduplicating leaves.

use crate::side::{
    fences,
    repeat,
    Operation,
    Plain,
    Side, //
};
use core::ptr;
use dma_buf::{
    dedup,
    merge,
    AsFence,
    DriverFence,
    FenceArray,
    FenceArrayAllocation,
    FenceContext,
    Flat,
    Leaf, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

/// Leaves, each pending on a timeline of its own, in no order.
struct Pending {
    leaves: KVec<ARef<Leaf>>,
    drivers: KVec<DriverFence<Plain>>,
    _contexts: KVec<FenceContext<Plain>>,
}

impl Pending {
    fn new(count: usize) -> Result<Self> {
        let mut drivers = KVec::with_capacity(count, GFP_KERNEL)?;
        let mut contexts = KVec::with_capacity(count, GFP_KERNEL)?;
        let mut leaves = KVec::with_capacity(count, GFP_KERNEL)?;

        for _ in 0..count {
            let (context, mut fence) = fences(1)?;

            drivers.push(fence.pop().ok_or(EINVAL)?, GFP_KERNEL)?;
            contexts.push(context, GFP_KERNEL)?;
        }
        // As `bench_shuffle()` has it: where is the one that belongs here?
        for place in 0..count {
            let index = (0..count).find(|i| (i * (i + 1) / 2) & (count - 1) == place);

            leaves.push(drivers[index.ok_or(EINVAL)?].leaf(), GFP_KERNEL)?;
        }
        Ok(Self {
            leaves,
            drivers,
            _contexts: contexts,
        })
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        while let Some(driver) = self.drivers.pop() {
            driver.signal(Ok(()));
        }
    }
}

/// Merges, having looked that it does what it should.
fn checked(fences: &[impl AsFence], pending: usize) -> Result {
    match merge(fences)?.as_array().map(FenceArray::len) {
        Some(len) if len == pending => Ok(()),
        _ => Err(EINVAL),
    }
}

struct Merge(Pending);

impl Operation for Merge {
    fn prepare(_n: u32, leaves: u32) -> Result<Self> {
        let pending = Pending::new(leaves as usize)?;

        checked(&pending.leaves, leaves as usize)?;
        Ok(Self(pending))
    }

    fn run(&mut self, n: u32) {
        repeat(n, || drop(merge(&self.0.leaves)));
    }
}

#[no_mangle]
static bench_rust_merge: Side = Side::new::<Merge>();

/// Half of them have signalled.
struct Half(Pending);

impl Operation for Half {
    fn prepare(_n: u32, leaves: u32) -> Result<Self> {
        let mut pending = Pending::new(leaves as usize)?;

        // As in C: those in even places, whatever context that is.
        for leaf in pending.leaves.iter().step_by(2) {
            let index = pending
                .drivers
                .iter()
                .position(|driver| ptr::eq(driver.as_fence(), &***leaf));
            let driver = pending.drivers.remove(index.ok_or(EINVAL)?);

            driver.map_err(|_| EINVAL)?.signal(Ok(()));
        }
        checked(&pending.leaves, leaves as usize / 2)?;
        Ok(Self(pending))
    }

    fn run(&mut self, n: u32) {
        repeat(n, || drop(merge(&self.0.leaves)));
    }
}

#[no_mangle]
static bench_rust_merge_half: Side = Side::new::<Half>();

/// They are in two arrays.
struct Arrays {
    arrays: [Flat; 2],
    _pending: Pending,
}

impl Operation for Arrays {
    fn prepare(_n: u32, leaves: u32) -> Result<Self> {
        let pending = Pending::new(leaves as usize)?;
        let (first, second) = pending.leaves.split_at(leaves as usize / 2);
        let array = |leaves: &[ARef<Leaf>]| {
            let mut array = FenceArrayAllocation::new(leaves.len())?;

            for leaf in leaves {
                array.push(leaf.clone()).map_err(|_| EINVAL)?;
            }
            array.build()
        };
        let arrays = [array(first)?, array(second)?];

        checked(&arrays, leaves as usize)?;
        Ok(Self {
            arrays,
            _pending: pending,
        })
    }

    fn run(&mut self, n: u32) {
        repeat(n, || drop(merge(&self.arrays)));
    }
}

#[no_mangle]
static bench_rust_merge_arrays: Side = Side::new::<Arrays>();

/// For each time, the leaves, each twice, to make one of each again.
struct Dedup {
    copies: KVec<KVec<ARef<Leaf>>>,
    _pending: Pending,
}

impl Operation for Dedup {
    fn prepare(n: u32, leaves: u32) -> Result<Self> {
        let leaves = leaves as usize;
        let pending = Pending::new(leaves / 2)?;
        let mut copies = KVec::with_capacity(n as usize, GFP_KERNEL)?;

        for _ in 0..n {
            let mut copy = KVec::with_capacity(leaves, GFP_KERNEL)?;

            for _ in 0..2 {
                for leaf in &pending.leaves {
                    copy.push(leaf.clone(), GFP_KERNEL)?;
                }
            }
            copies.push(copy, GFP_KERNEL)?;
        }
        Ok(Self {
            copies,
            _pending: pending,
        })
    }

    fn run(&mut self, _n: u32) {
        for copy in &mut self.copies {
            dedup(copy);
        }
    }
}

#[no_mangle]
static bench_rust_dedup: Side = Side::new::<Dedup>();
