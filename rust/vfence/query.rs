// SPDX-License-Identifier: GPL-2.0

//! What can be asked.

use crate::{
    argument::Argument,
    file::OpenFile,
    ring::Kind,
    uapi::*, //
};
use kernel::prelude::*;

/// No job runs longer.
pub(crate) const MAX_DELAY_NS: u64 = 60_000_000_000;

/// `VFENCE_IOC_INFO`.
pub(crate) fn info(file: &OpenFile, argument: Argument) -> Result {
    let args: vfence_info = argument.read()?;
    let device = &file.device;

    if args.flags != 0 {
        return Err(EINVAL);
    }
    argument.write(&vfence_info {
        flags: 0,
        version: VFENCE_VERSION,
        bound_ns: device.bound.as_nanos() as u64,
        max_delay_ns: MAX_DELAY_NS,
        max_fds: VFENCE_MAX_FDS,
        max_leaves: VFENCE_MAX_LEAVES,
        max_fences: device.max_fences,
        max_contexts: device.contexts.max(),
    })
}

/// `VFENCE_IOC_QUERY`.
pub(crate) fn query(file: &OpenFile, argument: Argument) -> Result {
    let mut args: vfence_query = argument.read()?;

    if args.flags != 0 || args.pad != 0 {
        return Err(EINVAL);
    }
    args = vfence_query::default();
    let Some(ring) = file.used() else {
        return argument.write(&args);
    };
    let timeline = &ring.timeline;

    // What has signalled counts, though it was only just.
    timeline.request(|_| Ok(()))?;
    args.kind = match timeline.kind {
        Kind::Ordered => VFENCE_KIND_ORDERED,
        Kind::Unordered => VFENCE_KIND_UNORDERED,
        Kind::Points => VFENCE_KIND_POINTS,
    };
    args.context = ring.fences.as_ref().map_or(0, |fences| fences.context());
    {
        let state = timeline.state.lock();

        if state.hangs {
            args.state |= VFENCE_STATE_HANGING;
        }
        args.last = state.last;
        (args.value, args.pending) = match timeline.kind {
            Kind::Points => (state.value, timeline.pending.get().max(0) as u64),
            _ => (
                state.front().map_or(state.last, |front| front - 1),
                state.job_count,
            ),
        };
    }
    argument.write(&args)
}
