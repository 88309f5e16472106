// SPDX-License-Identifier: GPL-2.0

//! Waits where nobody may wait, and where one may.

use crate::{
    cases,
    fixture::{
        resv,
        spinlock, //
    }, //
};
use dma_buf::{
    delegate::{
        Delegate,
        SignallingWork, //
    },
    resv::{
        ResvGuard,
        ResvUsage, //
    },
    signalling,
    Fence,
    FenceWait,
    SignallingSection, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::rcu, //
};

cases!(
    in_a_section,
    in_a_section_for_any,
    in_a_section_for_a_resv,
    in_a_section_again,
    in_a_section_ordered,
    in_a_section_of_c,
    in_a_work,
    under_a_spinlock,
    under_rcu,
    with_a_resv_locked,
);

// The fence has signalled: waits for it return, and are annotated all the same.

fn in_a_section() -> Result {
    Ok(signalling(|_| Fence::stub().wait())?)
}

fn in_a_section_for_any() -> Result {
    signalling(|_| FenceWait::new().wait_any(&[&Fence::stub()]))?;
    Ok(())
}

fn in_a_section_for_a_resv() -> Result {
    let resv = resv()?;

    Ok(signalling(|_| resv.wait(ResvUsage::Read))?)
}

/// One report will do.
fn in_a_section_again() -> Result {
    in_a_section()?;
    in_a_section()?;
    in_a_section_for_a_resv()
}

fn in_a_section_ordered() -> Result {
    signalling(|_| FenceWait::new().allow_in_signalling().wait(&Fence::stub()))?;
    Ok(())
}

fn in_a_section_of_c() -> Result {
    // SAFETY: Any context.
    let cookie = unsafe { bindings::dma_fence_begin_signalling() };
    let result = Fence::stub().wait();

    // SAFETY: It is from the matching begin, on this thread.
    unsafe { bindings::dma_fence_end_signalling(cookie) };
    Ok(result?)
}

struct Waits;

impl Delegate for Waits {
    fn run(&self, _section: &SignallingSection<'_>) {
        let _ = Fence::stub().wait();
    }
}

fn in_a_work() -> Result {
    let work = SignallingWork::new(Waits)?;

    work.queue();
    work.flush();
    Ok(())
}

fn under_a_spinlock() -> Result {
    let lock = spinlock()?;
    let guard = lock.lock();
    let result = Fence::stub().wait();

    drop(guard);
    Ok(result?)
}

fn under_rcu() -> Result {
    let guard = rcu::read_lock();
    let result = Fence::stub().wait();

    drop(guard);
    Ok(result?)
}

fn with_a_resv_locked() -> Result {
    let guard = ResvGuard::lock(resv()?);

    Fence::stub().wait()?;
    Ok(guard.wait(ResvUsage::Bookkeep)?)
}
