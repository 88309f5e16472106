// SPDX-License-Identifier: GPL-2.0

//! What one does with a fence that is there.

use crate::side::{
    fences,
    repeat,
    Operation,
    Plain,
    Side, //
};
use dma_buf::{
    signalling,
    DriverFence,
    Fence,
    FenceContext,
    FenceWait, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        }, //
    },
    time::Delta, //
};

/// A fence, pending or signalled.
struct OneFence {
    fence: ARef<Fence>,
    driver: Option<DriverFence<Plain>>,
    _context: FenceContext<Plain>,
}

impl OneFence {
    fn new(signalled: u32) -> Result<Self> {
        let (context, mut driver) = fences(1)?;
        let driver = driver.pop().ok_or(EINVAL)?;
        let fence = driver.fence();

        Ok(Self {
            fence,
            driver: if signalled != 0 {
                driver.signal(Ok(()));
                None
            } else {
                Some(driver)
            },
            _context: context,
        })
    }
}

impl Drop for OneFence {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.signal(Ok(()));
        }
    }
}

/// Where results go that nobody looks at.
static SINK: Atomic<u32> = Atomic::new(0);

/// An operation on a fence.
macro_rules! operation {
    ($name:ident, $side:ident, |$fence:ident| $body:expr) => {
        struct $name(OneFence);

        impl Operation for $name {
            fn prepare(_n: u32, signalled: u32) -> Result<Self> {
                Ok(Self(OneFence::new(signalled)?))
            }

            fn run(&mut self, n: u32) {
                let $fence = &self.0.fence;
                let mut count = 0;

                repeat(n, || count += u32::from($body));
                SINK.store(count, Relaxed);
            }
        }

        #[no_mangle]
        static $side: Side = Side::new::<$name>();
    };
}

operation!(Flag, bench_rust_flag, |fence| fence.test_signaled_flag());
operation!(IsSignaled, bench_rust_is_signaled, |fence| fence
    .is_signaled());
operation!(WaitZero, bench_rust_wait, |fence| FenceWait::new()
    .timeout(Delta::ZERO)
    .wait(fence)
    .is_ok());

struct GetPut(OneFence);

impl Operation for GetPut {
    fn prepare(_n: u32, signalled: u32) -> Result<Self> {
        Ok(Self(OneFence::new(signalled)?))
    }

    fn run(&mut self, n: u32) {
        repeat(n, || drop(self.0.fence.clone()));
    }
}

#[no_mangle]
static bench_rust_get_put: Side = Side::new::<GetPut>();

struct EmptySection;

impl Operation for EmptySection {
    fn prepare(_n: u32, _arg: u32) -> Result<Self> {
        Ok(Self)
    }

    fn run(&mut self, n: u32) {
        repeat(n, || signalling(|_section| SINK.store(1, Relaxed)));
    }
}

#[no_mangle]
static bench_rust_section: Side = Side::new::<EmptySection>();
