// SPDX-License-Identifier: GPL-2.0

//! What the library itself sees to.

use crate::{
    cases,
    fixture::{
        context,
        next,
        Mock, //
    }, //
};
use dma_buf::{
    callback::{
        Complete,
        FenceCallbackRegistration, //
    },
    lockdep::{
        LockClass,
        SignallingDomain, //
    },
    FenceContext,
    FenceStatus, //
};
use kernel::{
    prelude::*,
    str::CString,
    sync::{
        Arc,
        Completion, //
    }, //
};

cases!(
    fences_dropped,
    last_reference_dropped,
    more_names_than_there_is_room_for,
);

/// Of each context, the log has one line, but not of one whose fences had been completed.
fn fences_dropped() -> Result {
    for (name, complete) in [(c"one", false), (c"two", false), (c"none", true)] {
        let context = FenceContext::new(c"misuse", name, Mock)?;
        let fences = [next(&context)?, next(&context)?, next(&context)?];

        if complete {
            context.signal_up_to(3);
        }
        drop(fences);
    }
    Ok(())
}

/// Nobody has a pending fence any more, but what is registered on it, and its context,
/// which completes it when it goes.
fn last_reference_dropped() -> Result {
    let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
    let context = context()?;
    let fence = next(&context)?.detach();
    let mut callback = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;

    callback.as_mut().register(&fence, Complete(done.clone()))?;
    if fence.status() != FenceStatus::Pending {
        return Err(EINVAL);
    }
    drop(fence);
    drop(context);
    done.wait_for_completion();
    Ok(())
}

/// There is room for 64. A name that is known needs none.
fn more_names_than_there_is_room_for() -> Result {
    for n in 0..64 {
        let name = CString::try_from_fmt(fmt!("misuse_{n}"))?;

        if n % 2 == 0 {
            SignallingDomain::new(&name)?;
        } else {
            LockClass::new(&name)?;
        }
    }
    SignallingDomain::new(c"misuse_0")?;
    LockClass::new(c"misuse_1")?;
    // Of the other kind, that is another name.
    if LockClass::new(c"misuse_0").map(|_| ()) != Err(ENOSPC)
        || SignallingDomain::new(c"misuse_1").map(|_| ()) != Err(ENOSPC)
        || SignallingDomain::new(c"misuse_more").map(|_| ()) != Err(ENOSPC)
    {
        return Err(EINVAL);
    }
    Ok(())
}
