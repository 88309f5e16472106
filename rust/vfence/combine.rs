// SPDX-License-Identifier: GPL-2.0

//! Containers of fences that are there.

use crate::{
    argument::Argument,
    containers::size,
    descriptors,
    device::Device,
    uapi::*, //
};
use dma_buf::{
    merge,
    Fence,
    FenceArray,
    FenceChain,
    FenceChainAllocation,
    SyncFile, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

/// `VFENCE_IOC_COMBINE`.
pub(crate) fn combine(device: &Device, argument: Argument) -> Result {
    let mut args: vfence_combine = argument.read()?;

    if args.flags != 0 || args.count == 0 {
        return Err(EINVAL);
    }
    let array = match args.how {
        VFENCE_COMBINE_ARRAY => true,
        VFENCE_COMBINE_MERGE => false,
        _ => return Err(EINVAL),
    };
    let fences = descriptors::fences(args.fences, args.count)?;
    let (fd, number) = descriptors::reserve()?;
    let fence = if array {
        FenceArray::new(descriptors::leaves(&fences)?)?
    } else {
        merge(&fences)?
    };
    let room = device.containers.room(size(&fence))?;
    let file = SyncFile::new(&fence)?;

    args.fd = number;
    argument.write(&args)?;
    // An array that is only asked, and was not told to signal, has no error.
    fence.enable_signaling();
    room.keep(&fence);
    file.install(fd);
    Ok(())
}

/// `VFENCE_IOC_CHAIN`.
pub(crate) fn chain(device: &Device, argument: Argument) -> Result {
    let mut args: vfence_chain = argument.read()?;

    if args.flags != 0 {
        return Err(EINVAL);
    }
    let tail = tail(args.tail)?;
    let flat = SyncFile::fence_from_fd(args.fence)?.flatten()?;
    // An array may be in several links, or counted already; but it may also be anybody's
    // that nothing else counts.
    let count = 1 + size(&flat);
    let (fd, number) = descriptors::reserve()?;
    let link = FenceChainAllocation::new()?.append(tail, flat, args.point);
    let link = FenceChain::into_fence(link);
    let room = device.containers.room(count)?;
    let file = SyncFile::new(&link)?;

    args.fd = number;
    argument.write(&args)?;
    room.keep(&link);
    file.install(fd);
    Ok(())
}

/// What a chain is appended to.
pub(crate) fn tail(fd: i32) -> Result<Option<ARef<Fence>>> {
    match fd {
        -1 => Ok(None),
        fd => SyncFile::fence_from_fd(fd).map(Some),
    }
}
