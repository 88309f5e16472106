// SPDX-License-Identifier: GPL-2.0

//! Callbacks that do more than hand on. Each is a promise broken, by `unsafe`: it runs
//! with the lock of its fence held.

use crate::{
    cases,
    fixture::{
        context,
        held,
        mutex,
        next,
        signal_held,
        signal_with,
        Held,
        Mock, //
    }, //
};
use dma_buf::{
    callback::FenceCallback,
    delegate::FenceProxyAllocation,
    lockdep::LockClass,
    ContextOptions,
    Fence,
    FenceContext, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        Mutex, //
    }, //
};

cases!(
    signals_another_fence,
    takes_another_fences_lock,
    takes_another_fences_lock_of_a_class,
    takes_a_mutex,
    proxies,
);

/// A callback that signals another fence.
struct Signals(Held);

// SAFETY: It breaks the rule against signalling on purpose. The other fence is of another
// context, so neither its lock nor that of the context is held, and there is a report and
// no deadlock. No registration is leaked.
unsafe impl FenceCallback for Signals {
    fn called(&self, _fence: &Fence) {
        signal_held(&self.0);
    }
}

fn signals_another_fence() -> Result {
    let (one, two) = (context()?, context()?);
    let other = held(next(&two)?)?;

    signal_with(next(&one)?, Signals(other))
}

/// A callback that takes the lock of another fence.
struct Touches(ARef<Fence>);

// SAFETY: It breaks the rule against taking another fence's lock on purpose: the
// other one is not locked, so there is a report and no deadlock. No registration is leaked.
unsafe impl FenceCallback for Touches {
    fn called(&self, _fence: &Fence) {
        self.0.enable_signaling();
    }
}

fn touch_another_of(context: &FenceContext<Mock>) -> Result {
    let driver = next(context)?;
    let other = next(context)?;
    let result = signal_with(driver, Touches(other.fence()));

    other.signal(Ok(()));
    result
}

fn takes_another_fences_lock() -> Result {
    touch_another_of(&context()?)
}

fn takes_another_fences_lock_of_a_class() -> Result {
    let options = ContextOptions::new().lock_class(LockClass::new(c"misuse_fence")?);

    touch_another_of(&FenceContext::with_options(
        c"misuse", c"class", options, Mock,
    )?)
}

/// A callback that takes a lock that sleeps.
struct Sleeps(Arc<Mutex<()>>);

// SAFETY: It breaks the rule against sleeping on purpose: nobody holds the lock, so there
// is a report and no sleep. No registration is leaked.
unsafe impl FenceCallback for Sleeps {
    fn called(&self, _fence: &Fence) {
        drop(self.0.lock());
    }
}

fn takes_a_mutex() -> Result {
    let context = context()?;

    signal_with(next(&context)?, Sleeps(mutex!()?))
}

/// The library's own way of signalling another fence: no fence is signalled with the lock
/// of another held, as deep as proxies of proxies may be.
fn proxies() -> Result {
    let first = context()?;
    let source = next(&first)?;
    let mut last = source.fence();
    let mut proxies = KVec::new();

    for _ in 0..3 {
        let (proxy, before) = (FenceProxyAllocation::new()?, last.to_unwrapped()?);
        let context = context()?;
        let target = next(&context)?;

        last = target.fence();
        proxies.push((context, proxy.start(&before, target)), GFP_KERNEL)?;
    }
    source.signal(Err(EIO));
    last.wait()?;
    if last.error() != Some(EIO) {
        return Err(EINVAL);
    }
    Ok(())
}
