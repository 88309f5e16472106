// SPDX-License-Identifier: GPL-2.0

//! Arrays.

use crate::side::{
    fences,
    repeat,
    Operation,
    Plain,
    Side, //
};
use dma_buf::{
    array::FenceArrayAllocation,
    DriverFence,
    FenceContext,
    UnwrappedFence, //
};
use kernel::{
    alloc::allocator::KVmalloc,
    alloc::kvec::IntoIter,
    prelude::*, //
};

#[inline(never)]
fn create(fences: &[DriverFence<Plain>]) -> Result<UnwrappedFence> {
    let mut array = FenceArrayAllocation::new(fences.len())?;

    for fence in fences {
        array.push(fence.leaf()).map_err(|_| EINVAL)?;
    }
    array.build()
}

/// Making an array and dropping it.
struct Create {
    fences: KVVec<DriverFence<Plain>>,
    _context: FenceContext<Plain>,
}

impl Operation for Create {
    fn prepare(_n: u32, members: u32) -> Result<Self> {
        let (context, fences) = fences(members)?;

        // What is measured does what it should.
        drop(create(&fences)?);
        Ok(Self {
            fences,
            _context: context,
        })
    }

    fn run(&mut self, n: u32) {
        repeat(n, || drop(create(&self.fences)));
    }
}

impl Drop for Create {
    fn drop(&mut self) {
        while let Some(fence) = self.fences.pop() {
            fence.signal(Ok(()));
        }
    }
}

#[no_mangle]
static bench_rust_array_create: Side = Side::new::<Create>();

/// Arrays, each with members of its own.
struct Signal {
    arrays: KVec<UnwrappedFence>,
    members: usize,
    fences: IntoIter<DriverFence<Plain>, KVmalloc>,
    _context: FenceContext<Plain>,
}

impl Operation for Signal {
    fn prepare(n: u32, members: u32) -> Result<Self> {
        let (context, fences) = fences(n * members)?;
        let mut arrays = KVec::with_capacity(n as usize, GFP_KERNEL)?;

        for members in fences.chunks(members as usize) {
            arrays.push(create(members)?, GFP_KERNEL)?;
        }
        Ok(Self {
            arrays,
            members: members as usize,
            fences: fences.into_iter(),
            _context: context,
        })
    }

    fn run(&mut self, _n: u32) {
        for array in &self.arrays {
            array.enable_signaling();
            for fence in self.fences.by_ref().take(self.members) {
                fence.signal(Ok(()));
            }
        }
    }
}

#[no_mangle]
static bench_rust_array_signal: Side = Side::new::<Signal>();
