// SPDX-License-Identifier: GPL-2.0

//! Completion by hand, hangs and resets.

use crate::{
    argument::Argument,
    ring::Ring,
    uapi::*, //
};
use kernel::prelude::*;

/// `VFENCE_IOC_SIGNAL`.
pub(crate) fn signal(ring: &Ring, argument: Argument) -> Result {
    let args: vfence_signal = argument.read()?;
    let (one, wait) = (
        args.flags & VFENCE_SIGNAL_ONE != 0,
        args.flags & VFENCE_SIGNAL_NOWAIT == 0,
    );

    if args.flags & !(VFENCE_SIGNAL_ONE | VFENCE_SIGNAL_NOWAIT) != 0 || args.pad != 0 {
        return Err(EINVAL);
    }
    let mut expired = false;
    let request = ring.timeline.post(|state| {
        if args.seqno > state.last || (one && args.seqno == 0) {
            return Err(EINVAL);
        }
        if state.hangs {
            return Err(EIO);
        }
        if one {
            state.set_due(args.seqno, 0);
        } else {
            state.complete_up_to = state.complete_up_to.max(args.seqno);
        }
        expired = state.is_expired(args.seqno);
        Ok(())
    })?;

    if wait {
        ring.timeline.wait_for(request);
        expired = ring.timeline.state.lock().is_expired(args.seqno);
    }
    if expired {
        return Err(ETIME);
    }
    Ok(())
}

/// `VFENCE_IOC_HANG`.
pub(crate) fn hang(ring: &Ring, argument: Argument) -> Result {
    let args: vfence_hang = argument.read()?;

    if args.flags != 0 || args.pad != 0 {
        return Err(EINVAL);
    }
    // Waits for what is being completed: from here on, nothing is.
    ring.timeline.request(|state| {
        state.hangs = true;
        Ok(())
    })
}

/// `VFENCE_IOC_RESET`. To be called while no job is submitted.
pub(crate) fn reset(ring: &Ring, argument: Argument) -> Result {
    let args: vfence_reset = argument.read()?;
    // Not made into an error first: the kernel warns of what is none.
    let error = [ETIME, ECANCELED]
        .into_iter()
        .find(|error| error.to_errno() == args.error)
        .ok_or(EINVAL)?;

    if args.flags != 0 {
        return Err(EINVAL);
    }
    ring.timeline.request(|state| {
        state.hangs = false;
        state.reset = Some((state.last, error));
        Ok(())
    })
}
