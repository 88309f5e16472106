// SPDX-License-Identifier: GPL-2.0

//! Containers of fences that are there.

use super::{
    argument::Argument,
    descriptors::{
        self,
        Output, //
    }, //
};
use crate::uapi::*;
use dma_buf::{
    array::FenceArray,
    chain::FenceChainAllocation,
    unwrap::unwrap_merge,
    Fence,
    SyncFile, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

/// `VFENCE_IOC_COMBINE`.
pub(super) fn combine(argument: Argument) -> Result {
    let mut args: vfence_combine = argument.read()?;

    if args.flags != 0 || args.count == 0 {
        return Err(EINVAL);
    }
    let fences = descriptors::fences(args.fences, args.count)?;
    let fence = match args.how {
        VFENCE_COMBINE_ARRAY => FenceArray::create(descriptors::leaves(&fences, 0)?)?,
        VFENCE_COMBINE_MERGE => {
            let mut count = 0;

            for fence in &fences {
                descriptors::count_leaves(fence, &mut count)?;
            }
            unwrap_merge(fences.iter().map(|fence| &**fence))?
        }
        _ => return Err(EINVAL),
    };
    let output = Output::new()?;

    args.fd = output.number();
    argument.write(&args)?;
    // An array that is only asked, and was not told to signal, has no error.
    fence.enable_signaling();
    output.install(&fence);
    Ok(())
}

/// `VFENCE_IOC_CHAIN`.
pub(super) fn chain(argument: Argument) -> Result {
    let mut args: vfence_chain = argument.read()?;

    if args.flags != 0 {
        return Err(EINVAL);
    }
    let mut count = 0;
    let tail = tail(args.tail, &mut count)?;
    let fence = SyncFile::fence_from_fd(args.fence)?;

    descriptors::count_leaves(&fence, &mut count)?;
    let fence = fence.to_unwrapped()?;
    let link = FenceChainAllocation::new()?;
    let output = Output::new()?;

    args.fd = output.number();
    argument.write(&args)?;
    output.install(&link.append(tail, fence, args.point));
    Ok(())
}

/// What a chain is appended to. Counts its leaves into `count`.
pub(super) fn tail(fd: i32, count: &mut usize) -> Result<Option<ARef<Fence>>> {
    if fd == -1 {
        return Ok(None);
    }
    let tail = SyncFile::fence_from_fd(fd)?;

    descriptors::count_leaves(&tail, count)?;
    Ok(Some(tail))
}
