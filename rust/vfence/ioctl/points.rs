// SPDX-License-Identifier: GPL-2.0

//! sw_sync's ioctls.
//!
//! User space picks 32-bit points, which wrap around; in here they are unwrapped, around the
//! counter.

use super::{
    argument::Argument,
    descriptors::Output, //
};
use crate::{
    clock,
    device::Device,
    timeline::{
        FenceData,
        Points,
        Timeline, //
    },
    uapi::*, //
};
use dma_buf::SyncFile;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// Returns the point nearest to the counter that has these 32 bits. Of those below 0, which have
/// passed, it returns 0, which has passed as well.
fn unwrap(value: u64, point: u32) -> u64 {
    let distance = point.wrapping_sub(value as u32) as i32;

    value.saturating_add_signed(distance.into())
}

/// `SW_SYNC_IOC_CREATE_FENCE`. To be called by one at a time.
pub(super) fn create(timeline: &Arc<Timeline>, device: &Device, argument: Argument) -> Result {
    let mut args: vfence_sw_sync_create = argument.read()?;
    let output = Output::new()?;
    // The counter stays as it is meanwhile, and the fences of all points that it has passed
    // have signalled.
    let Points {
        context,
        value,
        made,
        since,
        is_empty,
        is_full,
    } = timeline.points()?;
    let point = unwrap(value, args.value);

    args.fence = output.number();
    // As with sw_sync, equal points are one fence while it is pending and somebody has it.
    if let Some(fence) = made
        .contains(&point)
        .then(|| context.find_pending(point))
        .flatten()
    {
        // One reference is ours, and the other is the context's.
        let is_unused = fence.refcount() == 2;

        argument.write(&args)?;
        if let Some(data) = device.numbers.data(&fence).filter(|_| is_unused) {
            data.clear_deadline();
        }
        output.install(&fence);
        return Ok(());
    }
    if is_full {
        return Err(ENOSPC);
    }
    let data = FenceData::new();
    let now = data.made;
    let memory = context.new_fence_allocation(data)?;

    argument.write(&args)?;

    // From here on, nothing fails: this context gives out no numbers by itself.
    timeline.add_point(point, now, is_empty);
    timeline.stats.submitted.add(1);

    let fence = context.new_fence_at(memory, point)?.detach();

    // Also if the bound is just completing a later one: this one signals then.
    if point <= value || clock::now() - since >= device.bound.as_nanos() {
        context.signal_up_to(value);
    }
    output.install(&fence);
    Ok(())
}

/// `SW_SYNC_IOC_INC`. To be called by one at a time.
pub(super) fn increment(timeline: &Arc<Timeline>, argument: Argument) -> Result {
    timeline.increment(argument.read()?)
}

/// `SW_SYNC_GET_DEADLINE`.
pub(super) fn deadline(device: &Device, argument: Argument) -> Result {
    let mut args: vfence_sw_sync_deadline = argument.read()?;

    if args.deadline_ns != 0 || args.pad != 0 {
        return Err(EINVAL);
    }
    let fence = SyncFile::fence_from_fd(args.fence_fd)?;
    let data = device.numbers.data(&fence).ok_or(EINVAL)?;

    args.deadline_ns = data.deadline().ok_or(ENOENT)? as u64;
    argument.write(&args)
}
