// SPDX-License-Identifier: GPL-2.0

//! Setting a timeline up, completion by hand, hangs and resets.

use super::argument::Argument;
use crate::{
    file::{
        is_printable,
        OpenFile, //
    },
    timeline::{
        Kind,
        Timeline, //
    },
    uapi::*, //
};
use kernel::{
    prelude::*,
    str::CStr,
    sync::Arc, //
};

/// `VFENCE_IOC_SETUP`.
pub(super) fn set_up(file: &OpenFile, argument: Argument) -> Result {
    let args: vfence_setup = argument.read()?;
    let kind = match args.kind {
        VFENCE_KIND_ORDERED => Kind::Ordered,
        VFENCE_KIND_UNORDERED => Kind::Unordered,
        VFENCE_KIND_POINTS => Kind::Points,
        _ => return Err(EINVAL),
    };
    let name = CStr::from_bytes_until_nul(&args.name).map_err(|_| EINVAL)?;
    let (text, rest) = args.name.split_at(name.to_bytes().len());

    if args.flags != 0 || !text.iter().all(is_printable) || rest.iter().any(|byte| *byte != 0) {
        return Err(EINVAL);
    }
    file.set_up(kind, name)
}

/// `VFENCE_IOC_SIGNAL`.
pub(super) fn signal(timeline: &Arc<Timeline>, argument: Argument) -> Result {
    let args: vfence_signal = argument.read()?;
    let (one, no_wait) = (
        args.flags & VFENCE_SIGNAL_ONE != 0,
        args.flags & VFENCE_SIGNAL_NOWAIT != 0,
    );

    if args.flags & !(VFENCE_SIGNAL_ONE | VFENCE_SIGNAL_NOWAIT) != 0 || args.pad != 0 {
        return Err(EINVAL);
    }
    timeline.signal(args.seqno, !one, !no_wait)
}

/// `VFENCE_IOC_HANG`.
pub(super) fn hang(timeline: &Arc<Timeline>, argument: Argument) -> Result {
    let args: vfence_hang = argument.read()?;

    if args.flags != 0 || args.pad != 0 {
        return Err(EINVAL);
    }
    timeline.hang()
}

/// `VFENCE_IOC_RESET`.
pub(super) fn reset(timeline: &Arc<Timeline>, argument: Argument) -> Result {
    let args: vfence_reset = argument.read()?;
    // Not made into an error first: the kernel warns of what is none.
    let error = [ETIME, ECANCELED]
        .into_iter()
        .find(|error| error.to_errno() == args.error)
        .ok_or(EINVAL)?;

    if args.flags != 0 {
        return Err(EINVAL);
    }
    timeline.reset(error)
}
