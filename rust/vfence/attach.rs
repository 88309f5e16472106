// SPDX-License-Identifier: GPL-2.0

//! Fences and other drivers' buffers: attaching a fence, and saying which are
//! attached.
//!
//! Not a timeline's business: any fence will do, and any buffer.

use crate::{
    argument::Argument,
    descriptors::MAX_LEAVES,
    uapi, //
};
use dma_buf::{
    DmaBuf,
    ResvGuard,
    ResvLocked,
    SyncFile,
    Usage, //
};
use kernel::prelude::*;

/// The usage of this number.
fn usage(number: u32) -> Result<Usage> {
    match number {
        uapi::VFENCE_USAGE_KERNEL => Ok(Usage::Kernel),
        uapi::VFENCE_USAGE_WRITE => Ok(Usage::Write),
        uapi::VFENCE_USAGE_READ => Ok(Usage::Read),
        uapi::VFENCE_USAGE_BOOKKEEP => Ok(Usage::Bookkeep),
        _ => Err(EINVAL),
    }
}

/// `VFENCE_IOC_ATTACH`.
pub(crate) fn attach(argument: Argument) -> Result {
    let args: uapi::vfence_attach = argument.read()?;
    let usage = usage(args.usage)?;

    if args.flags != 0 {
        return Err(EINVAL);
    }
    let buffer = DmaBuf::from_fd(args.dmabuf_fd)?;
    // A reservation object has no containers in it. Flattening one may take a while, so that
    // comes before the lock.
    let fence = SyncFile::fence_from_fd(args.fence_fd)?.flatten()?;
    let count = fence.leaf_count();

    if count > MAX_LEAVES {
        return Err(E2BIG);
    }
    let mut resv = ResvGuard::lock_interruptible(buffer)?;
    let pending = resv
        .fences(Usage::Bookkeep)
        .filter(|(fence, _)| !fence.test_signaled_flag())
        .take(MAX_LEAVES)
        .count();

    // Adding one fence looks at all that are pending.
    if pending + count > MAX_LEAVES {
        return Err(E2BIG);
    }
    // All of them, or none.
    resv.reserve(count)?.add_leaves(&fence, usage)
}

/// `VFENCE_IOC_RESV`.
pub(crate) fn resv(argument: Argument) -> Result {
    let args: uapi::vfence_resv = argument.read()?;
    let usage = usage(args.usage)?;

    if args.flags != 0 {
        return Err(EINVAL);
    }
    let buffer = DmaBuf::from_fd(args.dmabuf_fd)?;
    let resv = ResvGuard::lock_interruptible(buffer)?;
    let mut counts = [0; Usage::ALL.len()];

    for (fence, usage) in resv.fences(Usage::Bookkeep) {
        if !fence.is_signaled() {
            counts[usage as usize] += 1;
        }
    }
    let pending = resv.get_fences(usage)?.len() as u32;

    // A page fault may take locks that others hold when they take this one.
    drop(resv);
    argument.write(&uapi::vfence_resv {
        pending,
        counts,
        ..args
    })
}
