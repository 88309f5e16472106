// SPDX-License-Identifier: GPL-2.0

//! Timelines of points: sw_sync's ioctls.
//!
//! User space picks 32-bit points, which wrap around; in here they are unwrapped,
//! around the counter.

use crate::{
    argument::Argument,
    descriptors::Output,
    device::Device,
    fences::FenceData,
    ring::Ring,
    uapi::*, //
};
use dma_buf::SyncFile;
use kernel::prelude::*;

/// The point nearest to the counter with these 32 bits. What lies before 0 has passed
/// as well as 0 has.
fn unwrap(value: u64, point: u32) -> u64 {
    let distance = point.wrapping_sub(value as u32) as i32;

    value.saturating_add_signed(distance.into())
}

/// `SW_SYNC_IOC_CREATE_FENCE`. To be called by one at a time.
pub(crate) fn create(ring: &Ring, argument: Argument) -> Result {
    let fences = ring.fences.as_ref().ok_or(EINVAL)?;
    let timeline = &ring.timeline;
    let mut args: vfence_sw_sync_create = argument.read()?;
    let output = Output::new()?;

    // The counter stays as it is meanwhile, and the fences of all points that it has passed
    // have signalled.
    let value = timeline.state.lock().value;
    let point = unwrap(value, args.value);

    args.fence = output.number();
    // As with sw_sync, equal points are one fence while it is pending and somebody has it.
    if let Some(fence) = fences.find_pending(point) {
        // One reference is ours, and the other is the context's.
        let is_unused = fence.refcount() == 2;

        argument.write(&args)?;
        if let Some(data) = timeline.device.numbers.data(&fence).filter(|_| is_unused) {
            data.clear_deadline();
        }
        output.install(&fence);
        return Ok(());
    }
    let memory = fences.new_fence_allocation(FenceData::new())?;

    timeline.charge(1)?;
    if let Err(error) = argument.write(&args) {
        timeline.uncharge(1);
        return Err(error);
    }

    // From here on, nothing fails: this context gives out no numbers by itself.
    let fence = fences.new_fence_at(memory, point)?.detach();

    timeline.device.stats.submitted.add(1);
    // Also if the bound is just completing a later one: this one signals then.
    fences.signal_up_to(value);
    // Or the bound has completed a later one, so this one was born signalled. If it was
    // this one's bound already, that has been counted.
    if fence.test_signaled_flag() && fence.error().is_none() {
        timeline.device.stats.signalled.add(1);
        timeline.uncharge(1);
    }
    let mut state = timeline.state.lock();
    state.last = state.last.max(point);
    drop(state);
    output.install(&fence);
    Ok(())
}

/// `SW_SYNC_IOC_INC`. To be called by one at a time.
pub(crate) fn increment(ring: &Ring, argument: Argument) -> Result {
    let step: u32 = argument.read()?;

    ring.timeline.request(|state| {
        state.value = state.value.saturating_add(step.into());
        Ok(())
    })
}

/// `SW_SYNC_GET_DEADLINE`.
pub(crate) fn deadline(device: &Device, argument: Argument) -> Result {
    let mut args: vfence_sw_sync_deadline = argument.read()?;

    if args.deadline_ns != 0 || args.pad != 0 {
        return Err(EINVAL);
    }
    let fence = SyncFile::fence_from_fd(args.fence_fd)?;
    let data = device.numbers.data(&fence).ok_or(EINVAL)?;

    args.deadline_ns = data.deadline().ok_or(ENOENT)? as u64;
    argument.write(&args)
}
