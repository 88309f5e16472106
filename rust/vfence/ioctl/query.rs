// SPDX-License-Identifier: GPL-2.0

//! What can be asked.

use super::{
    argument::Argument,
    submit::MAX_DELAY_NS, //
};
use crate::{
    device::Device,
    file::OpenFile,
    timeline::Kind,
    uapi::*, //
};
use kernel::prelude::*;

/// `VFENCE_IOC_INFO`.
pub(super) fn info(device: &Device, argument: Argument) -> Result {
    let args: vfence_info = argument.read()?;

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
pub(super) fn query(file: &OpenFile, argument: Argument) -> Result {
    let args: vfence_query = argument.read()?;

    if args.flags != 0 || args.pad != 0 {
        return Err(EINVAL);
    }
    let Some(timeline) = file.timeline() else {
        return argument.write(&vfence_query::default());
    };
    let summary = timeline.summary();

    argument.write(&vfence_query {
        flags: 0,
        kind: match timeline.kind {
            Kind::Ordered => VFENCE_KIND_ORDERED,
            Kind::Unordered => VFENCE_KIND_UNORDERED,
            Kind::Points => VFENCE_KIND_POINTS,
        },
        state: if summary.hangs {
            VFENCE_STATE_HANGING
        } else {
            0
        },
        pad: 0,
        context: summary.context,
        value: summary.value,
        last: summary.last,
        pending: summary.pending,
    })
}
