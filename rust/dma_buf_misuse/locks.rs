// SPDX-License-Identifier: GPL-2.0

//! Locks that are taken in a section and held over a wait.

use crate::{
    cases,
    fixture::{
        context,
        mutex,
        next, //
    }, //
};
use dma_buf::{
    signalling,
    Fence,
    FenceWait, //
};
use kernel::{
    bindings,
    ffi::c_long,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    time::Delta, //
};

cases!(
    in_a_section_then_over_a_wait,
    over_a_wait_then_in_a_section,
    over_a_wait_for_any,
    over_a_wait_for_any_in_c,
    over_a_look_at_any,
    over_a_look_at_any_in_c,
    over_a_wait_only,
    in_a_section_only,
    over_a_signal,
);

type Lock = Arc<Mutex<()>>;

fn in_a_section(lock: &Lock) {
    signalling(|_| drop(lock.lock()));
}

fn over_a_wait(lock: &Lock) -> Result {
    let _guard = lock.lock();

    Ok(Fence::stub().wait()?)
}

fn in_a_section_then_over_a_wait() -> Result {
    let lock = mutex!()?;

    in_a_section(&lock);
    over_a_wait(&lock)
}

fn over_a_wait_then_in_a_section() -> Result {
    let lock = mutex!()?;

    over_a_wait(&lock)?;
    in_a_section(&lock);
    Ok(())
}

fn over_any(lock: &Lock, wait: FenceWait) -> Result {
    in_a_section(lock);
    let _guard = lock.lock();

    wait.wait_any(&[&Fence::stub()])?;
    Ok(())
}

fn over_a_wait_for_any() -> Result {
    over_any(&mutex!()?, FenceWait::new())
}

fn over_a_look_at_any() -> Result {
    over_any(&mutex!()?, FenceWait::new().timeout(Delta::ZERO))
}

/// The core's own function, which is not annotated.
fn over_any_in_c(lock: &Lock, timeout: c_long) -> Result {
    let fence = Fence::stub();
    let mut fences = [fence.as_raw()];
    let mut index = 0;

    in_a_section(lock);
    let _guard = lock.lock();
    // SAFETY: It is one fence, which is valid, and the time is not negative.
    let left = unsafe {
        bindings::dma_fence_wait_any_timeout(fences.as_mut_ptr(), 1, false, timeout, &mut index)
    };

    if left <= 0 {
        return Err(EIO);
    }
    Ok(())
}

fn over_a_wait_for_any_in_c() -> Result {
    over_any_in_c(&mutex!()?, c_long::MAX)
}

fn over_a_look_at_any_in_c() -> Result {
    over_any_in_c(&mutex!()?, 0)
}

fn over_a_wait_only() -> Result {
    over_a_wait(&mutex!()?)
}

fn in_a_section_only() -> Result {
    in_a_section(&mutex!()?);
    Ok(())
}

/// The section of a signal begins inside the lock, so it does not know of that.
fn over_a_signal() -> Result {
    let context = context()?;
    let driver = next(&context)?;
    let lock = mutex!()?;
    let guard = lock.lock();

    driver.signal(Ok(()));
    drop(guard);
    over_a_wait(&lock)
}
