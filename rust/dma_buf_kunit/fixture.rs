// SPDX-License-Identifier: GPL-2.0

//! What the suites have in common.

use core::pin::Pin;
use dma_buf::{
    DriverFence,
    Fence,
    FenceCallback,
    FenceCallbackRegistration,
    FenceContext,
    FenceContextOps, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

/// Fences without data or operations.
pub(crate) struct Mock;

#[vtable]
impl FenceContextOps for Mock {
    type FenceData = ();
}

/// A context of [`Mock`] fences.
pub(crate) fn context() -> Result<FenceContext<Mock>> {
    FenceContext::new(c"mock", c"mock", Mock)
}

/// A fence of a context whose fences need no data.
pub(crate) fn next<T>(context: &FenceContext<T>) -> Result<DriverFence<T>>
where
    T: FenceContextOps<FenceData = ()>,
{
    Ok(context.new_fence(context.new_fence_allocation(())?))
}

/// A context, and its first fence.
pub(crate) fn fence() -> Result<(FenceContext<Mock>, DriverFence<Mock>)> {
    let context = context()?;
    let fence = next(&context)?;

    Ok((context, fence))
}

/// How often something has happened, shared with what makes it happen.
#[derive(Clone)]
pub(crate) struct Counter(Arc<Atomic<i32>>);

impl Counter {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Arc::new(Atomic::new(0), GFP_KERNEL)?))
    }

    /// Counts, and returns the count before.
    pub(crate) fn add(&self) -> i32 {
        self.0.fetch_add(1, Full)
    }

    pub(crate) fn get(&self) -> i32 {
        self.0.load(Relaxed)
    }
}

/// A callback that counts its calls.
pub(crate) struct Count(pub(crate) Counter);

// SAFETY: It only adds to a number; no test leaks a registration of it.
unsafe impl FenceCallback for Count {
    fn called(&self, _fence: &Fence) {
        self.0.add();
    }
}

/// A registration for a callback, in memory of its own: a failed assertion ends
/// the test without unwinding its stack, while the fence still points here.
pub(crate) fn registration<T: FenceCallback>() -> Result<Pin<KBox<FenceCallbackRegistration<T>>>> {
    KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)
}

/// Counts its drops: data whose drop can be watched.
pub(crate) struct Droppable(pub(crate) Counter);

impl Drop for Droppable {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// Waits until something holds, for ten seconds at most, and says whether it did.
pub(crate) fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    for _ in 0..10_000 {
        if holds() {
            return true;
        }
        fsleep(Delta::from_millis(1));
    }
    holds()
}

/// Marks the current test as skipped, saying why.
pub(crate) fn skip(why: &str) {
    pr_info!("skipped: {}\n", why);
    // SAFETY: Any context; a test that is not null is the current one, which
    // only this thread changes.
    unsafe {
        let test = bindings::kunit_get_current_test();
        if !test.is_null() {
            (*test).status = bindings::kunit_status_KUNIT_SKIPPED;
        }
    }
}
