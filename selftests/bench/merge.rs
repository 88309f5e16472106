// SPDX-License-Identifier: GPL-2.0

//! Merging and deduplicating leaves.

use crate::side::{
    fences,
    repeat,
    Operation,
    Plain,
    Side, //
};
use core::ptr::NonNull;
use dma_buf::{
    unwrap::{
        dedup_array,
        unwrap_merge, //
    },
    DriverFence,
    Fence,
    FenceContext,
    Leaf,
    UnwrappedFence, //
};
use kernel::{
    bindings,
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
        let shuffle = |i: usize| match count {
            1 => 0,
            _ if count % 2 == 1 => i * (count / 2) % count,
            _ => i * (i + 1) / 2 % count,
        };
        for place in 0..count {
            let index = (0..count).find(|i| shuffle(*i) == place);

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

extern "C" {
    fn bench_array(fences: *const *mut bindings::dma_fence, count: u32)
        -> *mut bindings::dma_fence;
}

/// A merge of leaves, or of two arrays of them, every `STEP`th of which has signalled; none, if
/// that is 0.
struct Merge<const STEP: usize, const IN_ARRAYS: bool> {
    fences: KVec<ARef<Fence>>,
    _pending: Pending,
}

impl<const STEP: usize, const IN_ARRAYS: bool> Merge<STEP, IN_ARRAYS> {
    fn merge(&self) -> Result<UnwrappedFence> {
        unwrap_merge(self.fences.iter().map(|fence| &**fence))
    }
}

impl<const STEP: usize, const IN_ARRAYS: bool> Operation for Merge<STEP, IN_ARRAYS> {
    fn prepare(_n: u32, leaves: u32) -> Result<Self> {
        let leaves = leaves as usize;
        let mut pending = Pending::new(leaves)?;
        let mut left = leaves;

        for leaf in pending.leaves.iter().step_by(STEP.max(1)) {
            if STEP == 0 {
                break;
            }
            let index = pending
                .drivers
                .iter()
                .position(|driver| *driver.as_fence() == ***leaf);
            let driver = pending.drivers.remove(index.ok_or(EINVAL)?);

            driver.map_err(|_| EINVAL)?.signal(Ok(()));
            left -= 1;
        }
        let mut fences = KVec::with_capacity(leaves, GFP_KERNEL)?;
        if IN_ARRAYS {
            for half in pending.leaves.chunks(leaves.div_ceil(2)) {
                // SAFETY: An `ARef` is a pointer to a fence. The callee takes its own
                // references, and hands over the one to the array.
                let array = unsafe {
                    let array = bench_array(half.as_ptr().cast(), half.len() as u32);

                    Fence::from_raw_owned(NonNull::new(array).ok_or(ENOMEM)?)
                };
                fences.push(array, GFP_KERNEL)?;
            }
        } else {
            for leaf in &pending.leaves {
                fences.push(Leaf::into_fence(leaf.clone()), GFP_KERNEL)?;
            }
        }
        let this = Self {
            fences,
            _pending: pending,
        };

        // It does what it should.
        let merged = this.merge()?;
        if merged.leaf_count() != left.max(1) || merged.is_signaled() != (left == 0) {
            return Err(EINVAL);
        }
        Ok(this)
    }

    fn run(&mut self, n: u32) {
        repeat(n, || drop(self.merge()));
    }
}

#[no_mangle]
static bench_rust_merge: Side = Side::new::<Merge<0, false>>();
#[no_mangle]
static bench_rust_merge_half: Side = Side::new::<Merge<2, false>>();
#[no_mangle]
static bench_rust_merge_all: Side = Side::new::<Merge<1, false>>();
#[no_mangle]
static bench_rust_merge_arrays: Side = Side::new::<Merge<0, true>>();
#[no_mangle]
static bench_rust_merge_arrays_half: Side = Side::new::<Merge<2, true>>();
#[no_mangle]
static bench_rust_merge_arrays_all: Side = Side::new::<Merge<1, true>>();

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
            dedup_array(copy);
        }
    }
}

#[no_mangle]
static bench_rust_dedup: Side = Side::new::<Dedup>();
