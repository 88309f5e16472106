// SPDX-License-Identifier: GPL-2.0

//! Timelines of points: sw_sync's ioctls.
//!
//! User space picks 32-bit points, which wrap around; in here they are unwrapped,
//! around the counter.

use crate::{
    argument::Argument,
    descriptors,
    fences::{
        Fences,
        Made, //
    },
    file::OpenFile,
    ring::Ring,
    uapi::*, //
};
use dma_buf::{
    FenceContext,
    SyncFile, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::Relaxed,
        rcu, //
    }, //
};

/// The point nearest to the counter with these 32 bits. What lies before 0 has passed
/// as well as 0 has.
fn unwrap(value: u64, point: u32) -> u64 {
    let distance = point.wrapping_sub(value as u32) as i32;

    value.saturating_add_signed(distance.into())
}

/// Forgets the points that nobody has any more.
fn prune(ring: &Ring, fences: &FenceContext<Fences>) {
    let count = fences.prune();

    ring.timeline.uncharge(count);
    ring.timeline.device.stats.forgotten.add(count);
}

/// Counts a point against the limits.
fn charge(ring: &Ring, fences: &FenceContext<Fences>) -> Result {
    let timeline = &ring.timeline;

    // Not each time: it looks at all that are pending.
    if timeline.pending.get() >= ring.prune_at.load(Relaxed) {
        prune(ring, fences);
        ring.prune_at
            .store(2 * timeline.pending.get() + 64, Relaxed);
    }
    timeline.charge(1).or_else(|_| {
        prune(ring, fences);
        timeline.charge(1)
    })
}

/// `SW_SYNC_IOC_CREATE_FENCE`.
pub(crate) fn create(ring: &Ring, argument: Argument) -> Result {
    let fences = ring.fences.as_ref().ok_or(EINVAL)?;
    let timeline = &ring.timeline;
    let (fd, number) = descriptors::reserve()?;
    let mut args: vfence_sw_sync_create = argument.read()?;
    let memory = fences.new_fence_allocation(Made::now())?;

    args.fence = number;
    argument.write(&args)?;

    // The counter stays as it is, and all that it has passed has signalled.
    let turn = ring.turn.lock();
    let value = timeline.state.lock().value;
    let point = unwrap(value, args.value);

    // As with sw_sync, equal points are one fence while they are pending.
    if let Some(fence) = fences.pending_at(point) {
        drop(turn);
        SyncFile::new(&fence)?.install(fd);
        return Ok(());
    }
    charge(ring, fences)?;
    let fence = match fences.new_fence_at(memory, point) {
        Ok(fence) => fence.leave(),
        Err(error) => {
            timeline.uncharge(1);
            return Err(error.into());
        }
    };
    timeline.device.stats.submitted.add(1);
    if point <= value {
        fences.signal_up_to(value);
    }
    // Or the bound has completed a later one, so this one was born signalled. If it was
    // this one's bound already, that has been counted.
    if fence.test_signaled_flag() && fence.error().is_none() {
        timeline.device.stats.signalled.add(1);
        timeline.uncharge(1);
    }
    let mut state = timeline.state.lock();
    state.last = state.last.max(point);
    drop(state);
    drop(turn);

    // If there is no memory for it, nobody has the fence, and it is forgotten.
    let file = SyncFile::new(&fence)?;
    file.install(fd);
    Ok(())
}

/// `SW_SYNC_IOC_INC`.
pub(crate) fn increment(ring: &Ring, argument: Argument) -> Result {
    let step: u32 = argument.read()?;
    let _turn = ring.turn.lock();

    ring.timeline.request(|state| {
        state.value = state.value.saturating_add(step.into());
        Ok(())
    })
}

/// `SW_SYNC_GET_DEADLINE`.
pub(crate) fn deadline(file: &OpenFile, argument: Argument) -> Result {
    let mut args: vfence_sw_sync_deadline = argument.read()?;

    if args.deadline_ns != 0 || args.pad != 0 {
        return Err(EINVAL);
    }
    let fence = SyncFile::fence_from_fd(args.fence_fd)?;
    let (context, seqno) = (fence.context(), fence.seqno());
    // Once it has signalled, its context tells whose it is.
    let is_ours = fence.downcast::<Fences>(&rcu::read_lock()).is_some();

    match file.device.deadlines.get(context, seqno) {
        Some(deadline) => args.deadline_ns = deadline as u64,
        None if is_ours || file.device.has_context(context) => return Err(ENOENT),
        None => return Err(EINVAL),
    }
    argument.write(&args)
}
