// SPDX-License-Identifier: GPL-2.0

//! A context that another module made, of a type of this one, and that outlives it:
//! the code that was instantiated for it went with that module.

use crate::hand_out;
use dma_buf::{
    FenceContext,
    FenceContextOps,
    FenceStatus,
    SignalOutcome, //
};
use kernel::{
    prelude::*,
    sync::{
        global_lock,
        rcu, //
    }, //
};

/// A context whose fences' data is dropped.
pub struct Adopted;

#[vtable]
impl FenceContextOps for Adopted {
    type FenceData = KBox<u64>;

    fn signaled(&self, data: &KBox<u64>, _seqno: u64) -> Option<Result> {
        (**data == 0).then_some(Ok(()))
    }
}

global_lock! {
    // SAFETY: Initialised by `init` when this module is loaded.
    unsafe(uninit) static CONTEXT: Mutex<Option<FenceContext<Adopted>>> = None;
}

/// # Safety
///
/// Only to be called once, from this module's init.
pub(crate) unsafe fn init() {
    // SAFETY: By the function's contract.
    unsafe { CONTEXT.init() };
}

/// Keeps a context until this module goes.
pub fn adopt(context: FenceContext<Adopted>) {
    *CONTEXT.lock() = Some(context);
}

/// Does all that can be done with the context, and gives the current process a
/// descriptor of the last fence if that is as it should be.
pub(crate) fn use_up() -> Result {
    let Some(context) = CONTEXT.lock().take() else {
        return Ok(());
    };
    let new = |n| context.new_fence_allocation(KBox::new(n, GFP_KERNEL)?);

    // Dropped pending, that would be a driver bug; it is not pending.
    drop(context.new_fence(new(1)?));
    let Ok(chosen) = context.new_fence_at(new(0)?, 7) else {
        return Err(EINVAL);
    };
    let last = context.new_fence(new(2)?);
    let fence = last.fence();

    if context.signal_seqno(8, Ok(()))
        || context.signal_up_to(7) != 0
        || context.cancel_all(EIO) != 0
        || fence.downcast::<Adopted>(&rcu::read_lock()).is_some()
        || chosen.as_fence().status() != FenceStatus::Error(ECANCELED)
        || **last.data() != 2
        || last.signal(Ok(())) != SignalOutcome::TooLate
    {
        return Err(EINVAL);
    }
    drop(context);
    hand_out(&fence)
}
