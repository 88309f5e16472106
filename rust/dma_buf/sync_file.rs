// SPDX-License-Identifier: GPL-2.0

//! sync_files: file descriptors by which user space holds fences and passes them on.
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

/// A sync_file, a file that stands for a fence, before it has a descriptor.
///
/// See [`SyncFileAllocation`] for an example.
#[must_use = "a sync_file without a descriptor is closed"]
pub struct SyncFile {
    file: ARef<File>,
}

/// A sync_file for a fence that is not published yet: nothing may fail after a job is committed.
///
/// # Examples
///
/// ```no_run
/// use dma_buf::{DriverFence, FenceContext, SyncFileAllocation};
/// use kernel::{
///     fs::file::{flags::O_CLOEXEC, FileDescriptorReservation},
///     prelude::*, //
/// };
///
/// fn submit(ring: &FenceContext<()>) -> Result<(DriverFence<()>, u32)> {
///     let fd = FileDescriptorReservation::get_unused_fd_flags(O_CLOEXEC)?;
///     let file = SyncFileAllocation::new()?;
///     let memory = ring.new_fence_allocation(())?;
///     let number = fd.reserved_fd();
///
///     // The job is committed: nothing fails from here on.
///     let job = ring.new_fence(memory);
///     // User space can use the descriptor only now.
///     file.into_file(job.as_fence()).install(fd);
///     Ok((job, number))
/// }
/// ```
///
/// # Invariants
///
/// `sync_file` is valid, this owns the one reference to its file, and the file has had no
/// descriptor.
pub struct SyncFileAllocation {
    sync_file: NonNull<bindings::sync_file>,
}

// SAFETY: A file may be used, and its last reference dropped, by any thread.
unsafe impl Send for SyncFileAllocation {}
// SAFETY: A shared reference gives access to nothing.
unsafe impl Sync for SyncFileAllocation {}

impl SyncFileAllocation {
    /// Creates a file. Fails with `ENOMEM`.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `sync_file_create()`
    pub fn new() -> Result<Self> {
        Self::with_fence(&Fence::stub())
    }

    fn with_fence(fence: &Fence) -> Result<Self> {
        // SAFETY: The fence is valid, and the function takes a reference of its own.
        let sync_file = unsafe { bindings::sync_file_create(fence.as_raw()) };

        // INVARIANT: The one reference to a new file is the caller's, and the file has had no
        // descriptor.
        Ok(Self {
            sync_file: NonNull::new(sync_file).ok_or(ENOMEM)?,
        })
    }

    /// Makes the file stand for a fence, as [`SyncFile::new`] does.
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
        // SAFETY: By the type invariant the sync_file is valid. A sync_file has a file.
        let file = unsafe { NonNull::new_unchecked((*self.sync_file.as_ptr()).file) };

        core::mem::forget(self);
        // SAFETY: By the type invariant the reference is ours; `self` does not drop it. The file
        // has no descriptor, so no task uses its position by `fdget_pos()`.
        let file = unsafe { ARef::from_raw(file.cast::<File>()) };
        SyncFile { file }
    }
}

impl Drop for SyncFileAllocation {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the sync_file is valid, and the reference to its file is
        // ours.
        unsafe { bindings::fput((*self.sync_file.as_ptr()).file) };
    }
}

impl SyncFile {
    /// Creates a file for a fence. Takes a reference to the fence.
    ///
    /// A container of a foreign driver must be [unwrapped first](crate#containers), as polling the
    /// file adds a callback to the fence. Fails with `ENOMEM`.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `sync_file_create()`
    pub fn new(fence: &Fence) -> Result<Self> {
        SyncFileAllocation::with_fence(fence).map(SyncFileAllocation::into_inner)
    }

    /// Installs the file under a reserved descriptor. User space can use it from here on.
    ///
    /// Context: process.
    ///
    /// C function: `fd_install()`
    pub fn install(self, fd: FileDescriptorReservation) {
        fd.fd_install(self.file)
    }

    /// Returns the fence that a file descriptor of the current process stands for.
    /// Fails with `EINVAL` if the descriptor is not one of a sync_file.
    ///
    /// Context: process.
    ///
    /// C function: `sync_file_get_fence()`
    pub fn fence_from_fd(fd: i32) -> Result<ARef<Fence>> {
        // SAFETY: `fd` may be any number.
        let fence = unsafe { bindings::sync_file_get_fence(fd) };

        // SAFETY: The function took a reference for the caller.
        NonNull::new(fence)
            .map(|fence| unsafe { Fence::from_raw_owned(fence) })
            .ok_or(EINVAL)
    }
}
