// SPDX-License-Identifier: GPL-2.0

//! Operations of a driver's fences that take locks they must not: they run with the lock
//! of their fence held.

use crate::{
    cases,
    fixture::{
        context,
        irq_lock,
        next, //
    }, //
};
use dma_buf::{
    Fence,
    FenceContext,
    FenceContextOps, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        SpinLockIrq, //
    }, //
};

cases!(proxy, lock_held_over_a_publication, lock_of_its_own);

/// Fences that stand for another one, which they have signalled by enabling it.
struct Proxy(ARef<Fence>);

#[vtable]
impl FenceContextOps for Proxy {
    type FenceData = ();

    fn enable_signaling(&self, _data: &(), _seqno: u64) -> Option<Result> {
        self.0.enable_signaling();
        None
    }
}

fn proxy() -> Result {
    let theirs = context()?;
    let source = next(&theirs)?;
    let ours = FenceContext::new(c"misuse", c"proxy", Proxy(source.fence()))?;
    let driver = next(&ours)?;

    driver.as_fence().enable_signaling();
    source.signal(Ok(()));
    driver.signal(Ok(()));
    Ok(())
}

/// A ring with a lock.
struct Ring(Arc<SpinLockIrq<()>>);

#[vtable]
impl FenceContextOps for Ring {
    type FenceData = ();

    fn enable_signaling(&self, _data: &(), _seqno: u64) -> Option<Result> {
        drop(self.0.lock());
        None
    }
}

/// Enables and signals a fence, published with the ring's lock held or not.
fn use_ring(publish_locked: bool) -> Result {
    let lock = irq_lock()?;
    let context = FenceContext::new(c"misuse", c"ring", Ring(lock.clone()))?;
    let memory = context.new_fence_allocation(())?;
    let guard = publish_locked.then(|| lock.lock());
    let driver = context.new_fence(memory);

    drop(guard);
    driver.as_fence().enable_signaling();
    driver.signal(Ok(()));
    Ok(())
}

fn lock_held_over_a_publication() -> Result {
    use_ring(true)
}

fn lock_of_its_own() -> Result {
    use_ring(false)
}
