// SPDX-License-Identifier: GPL-2.0

//! Reservation objects and sync_files.

use crate::side::{
    fences,
    repeat,
    Operation,
    Plain,
    Side, //
};
use core::hint::black_box;
use dma_buf::{
    resv::{
        HasResv,
        LockedResv,
        Resv,
        ResvGuard,
        ResvSet,
        ResvUsage, //
    },
    DriverFence,
    FenceContext,
    FenceWait,
    Leaf,
    SyncFile, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        rcu,
        Arc, //
    },
    time::Delta, //
};

const SET: usize = 16;

/// A buffer, as drivers have them.
#[pin_data]
struct Buffer {
    #[pin]
    resv: Resv,
}

impl Buffer {
    fn new() -> Result<Arc<Self>> {
        Arc::pin_init(pin_init!(Self { resv <- Resv::new() }), GFP_KERNEL)
    }
}

impl HasResv for Buffer {
    #[inline]
    fn resv(&self) -> &Resv {
        &self.resv
    }
}

/// A buffer with fences, each of a timeline of its own.
struct State {
    buffer: Arc<Buffer>,
    leaves: KVec<ARef<Leaf>>,
    drivers: KVec<DriverFence<Plain>>,
    _contexts: KVec<FenceContext<Plain>>,
}

impl State {
    /// The fences are in the object, and there is room for as many more.
    fn new(count: u32) -> Result<Self> {
        let mut state = Self {
            buffer: Buffer::new()?,
            leaves: KVec::new(),
            drivers: KVec::new(),
            _contexts: KVec::new(),
        };

        for _ in 0..count {
            let (context, mut fence) = fences(1)?;
            let fence = fence.pop().ok_or(EINVAL)?;

            state.leaves.push(fence.leaf(), GFP_KERNEL)?;
            state.drivers.push(fence, GFP_KERNEL)?;
            state._contexts.push(context, GFP_KERNEL)?;
        }
        let mut guard = ResvGuard::lock(state.buffer.clone());
        for _ in 0..2 {
            add(&mut guard, &state.leaves)?;
        }
        if guard.fences(ResvUsage::Read).count() != count as usize {
            return Err(EINVAL);
        }
        drop(guard);
        Ok(state)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        while let Some(driver) = self.drivers.pop() {
            driver.signal(Ok(()));
        }
    }
}

#[inline(never)]
fn add(guard: &mut ResvGuard<Arc<Buffer>>, leaves: &[ARef<Leaf>]) -> Result {
    for (slot, leaf) in guard.reserve(leaves.len())?.zip(leaves) {
        slot.add(leaf, ResvUsage::Read);
    }
    Ok(())
}

/// As a driver has it whose jobs have one fence.
#[inline(never)]
fn add_one(resv: &mut LockedResv, leaf: &Leaf) -> Result {
    resv.reserve_one()?.add(leaf, ResvUsage::Read);
    Ok(())
}

/// Defines an operation on a buffer.
macro_rules! operation {
    ($name:ident, $side:ident, |$state:ident, $n:ident| $body:expr) => {
        struct $name(State);

        impl Operation for $name {
            fn prepare(_n: u32, fences: u32) -> Result<Self> {
                State::new(fences).map(Self)
            }

            fn run(&mut self, $n: u32) {
                let $state = &mut self.0;

                $body
            }
        }

        #[no_mangle]
        static $side: Side = Side::new::<$name>();
    };
}

operation!(Lock, bench_rust_resv_lock, |state, n| {
    repeat(n, || state.buffer.resv.with_lock(|_| ()));
});

operation!(Hold, bench_rust_resv_hold, |state, n| {
    let buffer = &state.buffer;
    repeat(n, || drop(ResvGuard::lock(buffer.clone())));
});

operation!(Add, bench_rust_resv_add, |state, n| {
    let buffer = &state.buffer;
    let mut guard = ResvGuard::lock(buffer.clone());
    let mut failed = false;

    repeat(n, || failed |= add(&mut guard, &state.leaves).is_err());
    black_box(failed);
});

operation!(AddOne, bench_rust_resv_add_one, |state, n| {
    if let (buffer, [leaf]) = (&state.buffer, &state.leaves[..]) {
        let mut guard = ResvGuard::lock(buffer.clone());
        let mut failed = false;

        repeat(n, || failed |= add_one(&mut guard, leaf).is_err());
        black_box(failed);
    }
});

operation!(Attach, bench_rust_resv_attach, |state, n| {
    if let (buffer, [leaf]) = (&state.buffer, &state.leaves[..]) {
        let mut failed = false;

        repeat(n, || {
            failed |= buffer.resv.with_lock(|resv| add_one(resv, leaf)).is_err();
        });
        black_box(failed);
    }
});

operation!(Iterate, bench_rust_resv_iterate, |state, n| {
    let buffer = &state.buffer;
    let guard = ResvGuard::lock(buffer.clone());
    let mut count = 0;

    repeat(n, || {
        for (fence, _usage) in guard.fences(ResvUsage::Read) {
            count += u32::from(fence.test_signaled_flag());
        }
    });
    black_box(count);
});

operation!(Unlocked, bench_rust_resv_unlocked, |state, n| {
    let buffer = &state.buffer;
    let mut count = 0;

    repeat(n, || {
        let rcu = rcu::read_lock();
        let mut fences = buffer.resv.fences_unlocked(ResvUsage::Read, &rcu);

        while let Some(fence) = fences.next() {
            count += u32::from(fence.test_signaled_flag());
        }
    });
    black_box(count);
});

operation!(Test, bench_rust_resv_test, |state, n| {
    let buffer = &state.buffer;
    let mut count = 0;

    repeat(n, || {
        count += u32::from(buffer.resv.test_signaled(ResvUsage::Read))
    });
    black_box(count);
});

operation!(WaitZero, bench_rust_resv_wait, |state, n| {
    let buffer = &state.buffer;
    let wait = FenceWait::new().timeout(Delta::ZERO);
    let mut count = 0;

    repeat(n, || {
        count += u32::from(wait.wait_resv(&buffer.resv, ResvUsage::Read).is_ok())
    });
    black_box(count);
});

/// Buffers that are locked together.
struct LockAll(Option<ResvSet<Arc<Buffer>>>);

impl Operation for LockAll {
    fn prepare(_n: u32, _fences: u32) -> Result<Self> {
        let mut set = ResvSet::new();

        for _ in 0..SET {
            set.push(Buffer::new()?)?;
        }
        Ok(Self(Some(set.lock().unlock())))
    }

    fn run(&mut self, n: u32) {
        repeat(n, || {
            self.0 = self.0.take().map(|set| set.lock().unlock());
        });
    }
}

#[no_mangle]
static bench_rust_resv_set: Side = Side::new::<LockAll>();

operation!(File, bench_rust_sync_file, |state, n| {
    if let Some(leaf) = state.leaves.first() {
        repeat(n, || drop(SyncFile::new(leaf)));
    }
});
