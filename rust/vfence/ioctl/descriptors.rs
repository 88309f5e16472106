// SPDX-License-Identifier: GPL-2.0

//! Descriptors that come in and go out.

use crate::uapi::{
    VFENCE_MAX_FDS,
    VFENCE_MAX_LEAVES, //
};
use dma_buf::{
    Fence,
    Leaf,
    SyncFile,
    SyncFileAllocation, //
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
pub(super) fn fences(address: u64, count: u32) -> Result<KVec<ARef<Fence>>> {
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

/// How many leaves may be behind a descriptor that this device makes.
///
/// `SYNC_IOC_FILE_INFO` allocates 80 bytes for each leaf without a bound of its own, and the
/// page allocator warns above 4 MiB.
pub(super) const MAX_LEAVES: usize = VFENCE_MAX_LEAVES as usize;

/// All leaves of several fences, for an array that gets `more` besides. Fails with `E2BIG`
/// if these would be too many.
pub(super) fn leaves(fences: &[ARef<Fence>], more: usize) -> Result<KVec<ARef<Leaf>>> {
    let mut all = KVec::with_capacity(fences.len(), GFP_KERNEL)?;

    for fence in fences {
        let mut leaves = fence.leaves();

        while let Some(leaf) = leaves.next()? {
            if all.len() + more >= MAX_LEAVES {
                return Err(E2BIG);
            }
            all.push(leaf.into(), GFP_KERNEL)?;
        }
    }
    Ok(all)
}

/// Counts the leaves of a fence into `count`. Fails with `E2BIG` if these become too many.
pub(super) fn count_leaves(fence: &Fence, count: &mut usize) -> Result {
    let mut leaves = fence.leaves();

    while leaves.next()?.is_some() {
        *count += 1;
        if *count > MAX_LEAVES {
            return Err(E2BIG);
        }
    }
    Ok(())
}

/// A sync_file that user space does not see before it is installed.
pub(super) struct Output {
    fd: FileDescriptorReservation,
    file: SyncFileAllocation,
}

impl Output {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            fd: FileDescriptorReservation::get_unused_fd_flags(O_CLOEXEC)?,
            file: SyncFileAllocation::new()?,
        })
    }

    /// The number of its descriptor.
    pub(super) fn number(&self) -> i32 {
        self.fd.reserved_fd() as i32
    }

    /// Makes it stand for a fence, and user space see it.
    pub(super) fn install(self, fence: &Fence) {
        self.file.into_file(fence).install(self.fd);
    }
}
