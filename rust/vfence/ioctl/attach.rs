// SPDX-License-Identifier: GPL-2.0

//! Attaching a fence to another driver's buffer, and reporting the fences of a buffer.
//!
//! Any fence will do, and any buffer.

use super::{
    argument::Argument,
    descriptors::MAX_LEAVES, //
};
use crate::uapi;
use dma_buf::{
    resv::{
        HasResv,
        ResvUsage, //
    },
    DmaBuf,
    SyncFile, //
};
use kernel::prelude::*;

/// Returns the usage with this number in the uAPI.
fn usage(number: u32) -> Result<ResvUsage> {
    match number {
        uapi::VFENCE_USAGE_KERNEL => Ok(ResvUsage::Kernel),
        uapi::VFENCE_USAGE_WRITE => Ok(ResvUsage::Write),
        uapi::VFENCE_USAGE_READ => Ok(ResvUsage::Read),
        uapi::VFENCE_USAGE_BOOKKEEP => Ok(ResvUsage::Bookkeep),
        _ => Err(EINVAL),
    }
}

/// `VFENCE_IOC_ATTACH`.
pub(super) fn attach(argument: Argument) -> Result {
    let args: uapi::vfence_attach = argument.read()?;
    let usage = usage(args.usage)?;

    if args.flags != 0 {
        return Err(EINVAL);
    }
    let buffer = DmaBuf::from_fd(args.dmabuf_fd)?;
    // A container must not be added to a reservation object. Unwrapping one may take a while, so
    // it comes before the lock.
    let fence = SyncFile::fence_from_fd(args.fence_fd)?.to_unwrapped()?;
    let count = fence.leaf_count();

    if count > MAX_LEAVES {
        return Err(E2BIG);
    }
    buffer.resv().with_lock_interruptible(|resv| {
        let pending = resv
            .fences(ResvUsage::Bookkeep)
            .filter(|(fence, _)| !fence.test_signaled_flag())
            .take(MAX_LEAVES)
            .count();

        // Adding a fence takes time linear in the number of pending ones.
        if pending + count > MAX_LEAVES {
            return Err(E2BIG);
        }
        // Adds all leaves, or none.
        resv.add_leaves(&fence, usage)
    })?
}

/// `VFENCE_IOC_RESV`.
pub(super) fn resv(argument: Argument) -> Result {
    let args: uapi::vfence_resv = argument.read()?;
    let usage = usage(args.usage)?;

    if args.flags != 0 {
        return Err(EINVAL);
    }
    let buffer = DmaBuf::from_fd(args.dmabuf_fd)?;
    let mut counts = [0; ResvUsage::ALL.len()];

    buffer.resv().with_lock_interruptible(|resv| {
        for (fence, usage) in resv.fences(ResvUsage::Bookkeep) {
            if !fence.is_signaled() {
                counts[usage as usize] += 1;
            }
        }
    })?;
    // A wait for a usage also waits for all stronger usages.
    let pending = counts[..=usage as usize].iter().sum();

    // Not with the lock held: a page fault may take locks that come before it.
    argument.write(&uapi::vfence_resv {
        pending,
        counts,
        ..args
    })
}
