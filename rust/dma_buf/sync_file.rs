// SPDX-License-Identifier: GPL-2.0

//! Fences as files: how user space holds and passes on a fence.
//!
//! C header: [`include/linux/sync_file.h`](srctree/include/linux/sync_file.h)

use crate::{
    bindings,
    fence::{
        self,
        Fence, //
    }, //
};
use core::ptr::NonNull;
use kernel::{
    fs::{
        file::FileDescriptorReservation,
        File, //
    },
    prelude::*,
    sync::aref::ARef, //
};

/// A file that stands for a fence, before it has a descriptor.
///
/// # Examples
///
/// ```no_run
/// use dma_buf::{Fence, SyncFile};
/// use kernel::{
///     fs::file::{flags::O_CLOEXEC, FileDescriptorReservation},
///     prelude::*, //
/// };
///
/// fn export(fence: &Fence) -> Result<u32> {
///     let fd = FileDescriptorReservation::get_unused_fd_flags(O_CLOEXEC)?;
///     let file = SyncFile::new(fence)?;
///     let number = fd.reserved_fd();
///
///     // What can fail is behind us: nobody sees the descriptor before.
///     file.install(fd);
///     Ok(number)
/// }
/// ```
pub struct SyncFile {
    file: ARef<File>,
}

/// A file that will stand for a fence that is not published yet.
///
/// It is made before a job is committed, so that nothing after that can fail.
///
/// # Examples
///
/// ```
/// use dma_buf::{Fence, SyncFileAllocation};
/// use kernel::prelude::*;
///
/// // May fail, so it comes before the job is committed.
/// let memory = SyncFileAllocation::new()?;
/// // Cannot fail.
/// let file = memory.into_file(&Fence::stub());
/// # drop(file);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `sync_file` is valid, this owns the one reference to its file, and the file has had no
/// descriptor.
pub struct SyncFileAllocation {
    sync_file: NonNull<bindings::sync_file>,
}

// SAFETY: A reference to a file may be used and dropped by any thread.
unsafe impl Send for SyncFileAllocation {}
// SAFETY: As above; a shared reference gives access to nothing.
unsafe impl Sync for SyncFileAllocation {}

impl SyncFileAllocation {
    /// Makes a file.
    ///
    /// Fails with `ENOMEM`. Context: process; may sleep.
    ///
    /// C function: `sync_file_create()`
    pub fn new() -> Result<Self> {
        Self::with_fence(&Fence::stub())
    }

    fn with_fence(fence: &Fence) -> Result<Self> {
        // SAFETY: The fence is valid, and the callee takes its own reference.
        let sync_file = unsafe { bindings::sync_file_create(fence.as_raw()) };

        // INVARIANT: A new sync_file is owned by the one reference to its file.
        Ok(Self {
            sync_file: NonNull::new(sync_file).ok_or(ENOMEM)?,
        })
    }

    /// Lets the file stand for `fence`, to which it takes a reference.
    ///
    /// Context: any.
    pub fn into_file(self, fence: &Fence) -> SyncFile {
        let new = ARef::into_raw(ARef::from(fence)).as_ptr().cast();

        // SAFETY: By the type invariant the file has had no descriptor, so no other thread can
        // reach the sync_file. It owns one reference, to the fence that it stands for.
        unsafe {
            let previous = core::mem::replace(&mut (*self.sync_file.as_ptr()).fence, new);
            fence::put(previous);
        }
        self.into_inner()
    }

    fn into_inner(self) -> SyncFile {
        // SAFETY: By the type invariant; a sync_file has a file.
        let file = unsafe { NonNull::new_unchecked((*self.sync_file.as_ptr()).file) };

        core::mem::forget(self);
        // SAFETY: The reference is ours. No descriptor stands for the file, so no `fdget_pos`
        // runs.
        let file = unsafe { ARef::from_raw(file.cast::<File>()) };
        SyncFile { file }
    }
}

impl Drop for SyncFileAllocation {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the reference is ours.
        unsafe { bindings::fput((*self.sync_file.as_ptr()).file) };
    }
}

impl SyncFile {
    /// Makes a file for a fence, which it keeps a reference to.
    ///
    /// Who polls the file has the kernel add a callback, to the fence as it is: what a
    /// foreign driver nests is to be [flattened first](crate#containers).
    ///
    /// Process context, may sleep. Fails with `ENOMEM`.
    ///
    /// C function: `sync_file_create()`
    pub fn new(fence: &Fence) -> Result<Self> {
        SyncFileAllocation::with_fence(fence).map(SyncFileAllocation::into_inner)
    }

    /// Gives the file its descriptor: user space can use it from here on.
    pub fn install(self, fd: FileDescriptorReservation) {
        fd.fd_install(self.file)
    }

    /// The fence that a descriptor of the current process stands for.
    ///
    /// Fails with `EINVAL` if it is not that of a sync_file.
    ///
    /// C function: `sync_file_get_fence()`
    pub fn fence_from_fd(fd: i32) -> Result<ARef<Fence>> {
        // SAFETY: Any number will do.
        let fence = unsafe { bindings::sync_file_get_fence(fd) };

        // SAFETY: The callee took a reference for us.
        NonNull::new(fence)
            .map(|fence| unsafe { Fence::from_raw_owned(fence) })
            .ok_or(EINVAL)
    }
}
