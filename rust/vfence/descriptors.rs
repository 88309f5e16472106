// SPDX-License-Identifier: GPL-2.0

//! Descriptors that come in and go out.

use crate::uapi::VFENCE_MAX_FDS;
use dma_buf::{
    Fence,
    Leaf,
    SyncFile,
    MAX_ARRAY_FENCES, //
};
use kernel::{
    fs::file::{
        flags::O_CLOEXEC,
        FileDescriptorReservation, //
    },
    prelude::*,
    sync::aref::ARef,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// The fences of the sync_files that an array in user memory names.
pub(crate) fn fences(address: u64, count: u32) -> Result<KVec<ARef<Fence>>> {
    if count > VFENCE_MAX_FDS || (count == 0 && address != 0) {
        return Err(EINVAL);
    }
    let count = count as usize;
    let address = usize::try_from(address).map_err(|_| EFAULT)?;
    let mut reader = UserSlice::new(UserPtr::from_addr(address), count * size_of::<i32>()).reader();
    let mut fences = KVec::with_capacity(count, GFP_KERNEL)?;

    for _ in 0..count {
        fences.push(SyncFile::fence_from_fd(reader.read()?)?, GFP_KERNEL)?;
    }
    Ok(fences)
}

/// All leaves of several fences, for an array.
pub(crate) fn leaves(fences: &[ARef<Fence>]) -> Result<KVec<ARef<Leaf>>> {
    let mut all = KVec::with_capacity(fences.len(), GFP_KERNEL)?;

    for fence in fences {
        let mut leaves = fence.leaves();

        while let Some(leaf) = leaves.next()? {
            // One less, as a job's own fence may have to go in.
            if all.len() >= MAX_ARRAY_FENCES - 1 {
                return Err(E2BIG);
            }
            all.push(leaf.into(), GFP_KERNEL)?;
        }
    }
    Ok(all)
}

/// A descriptor that nobody sees before it is installed, and its number.
pub(crate) fn reserve() -> Result<(FileDescriptorReservation, i32)> {
    let fd = FileDescriptorReservation::get_unused_fd_flags(O_CLOEXEC)?;
    let number = fd.reserved_fd() as i32;

    Ok((fd, number))
}
