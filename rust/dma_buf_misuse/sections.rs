// SPDX-License-Identifier: GPL-2.0

//! What is done in a section and may not be: reservation objects are locked, user memory
//! is touched.

use crate::{
    allocation::allocate,
    cases,
    fixture::resv, //
};
use dma_buf::{
    delegate::{
        Cleanup,
        CleanupWork,
        Delegate,
        SignallingWork, //
    },
    resv::{
        Resv,
        ResvGuard,
        ResvSet, //
    },
    signalling,
    SignallingSection, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::Arc,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

cases!(
    locking_a_resv,
    locking_a_resv_in_a_work,
    locking_a_resv_in_a_cleanup,
    locking_a_set,
    trying_to_lock_a_resv,
    touching_user_memory,
    left_open,
);

fn locking_a_resv() -> Result {
    let resv = resv()?;

    signalling(|_| drop(ResvGuard::lock(resv)));
    Ok(())
}

struct LocksResv(Arc<Resv>);

impl Delegate for LocksResv {
    fn run(&self, _section: &SignallingSection<'_>) {
        self.0.with_lock(|_| ());
    }
}

fn locking_a_resv_in_a_work() -> Result {
    let work = SignallingWork::new(LocksResv(resv()?))?;

    work.queue();
    work.flush();
    Ok(())
}

impl Cleanup for LocksResv {
    fn run(&self) {
        self.0.with_lock(|_| ());
    }
}

fn locking_a_resv_in_a_cleanup() -> Result {
    let cleanup = CleanupWork::new(LocksResv(resv()?))?;

    cleanup.queue();
    cleanup.flush();
    Ok(())
}

fn locking_a_set() -> Result {
    let mut set = ResvSet::new();

    set.push(resv()?)?;
    signalling(|_| drop(set.lock()));
    Ok(())
}

fn trying_to_lock_a_resv() -> Result {
    let resv = resv()?;

    signalling(|_| ResvGuard::try_lock(resv).map(drop)).map_err(|_| EBUSY)
}

/// Nothing is at that address, so this fails; but it might have slept.
pub(crate) fn touch_user_memory() -> Result {
    match UserSlice::new(UserPtr::from_addr(0), 1)
        .reader()
        .read::<u8>()
    {
        Err(error) if error == EFAULT => Ok(()),
        _ => Err(EINVAL),
    }
}

fn touching_user_memory() -> Result {
    signalling(|_| touch_user_memory())
}

/// Only C can. What comes after is taken for a part of it.
fn left_open() -> Result {
    // SAFETY: Any context. That it is not ended is the misuse.
    unsafe { bindings::dma_fence_begin_signalling() };
    allocate(GFP_KERNEL)
}
