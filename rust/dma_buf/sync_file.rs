// SPDX-License-Identifier: GPL-2.0

//! Fences as files: how user space holds and passes on a fence.
//!
//! C header: [`include/linux/sync_file.h`](srctree/include/linux/sync_file.h)

use crate::{
    bindings,
    fence::Fence, //
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
        // SAFETY: The fence is valid, and the callee takes its own reference.
        let sync_file = unsafe { bindings::sync_file_create(fence.as_raw()) };
        let sync_file = NonNull::new(sync_file).ok_or(ENOMEM)?;

        // SAFETY: A new sync_file is owned by the one reference to its file,
        // which is ours. No descriptor stands for it, so no `fdget_pos` runs.
        let file = unsafe {
            let file = NonNull::new((*sync_file.as_ptr()).file).ok_or(EINVAL)?;
            ARef::from_raw(file.cast::<File>())
        };
        Ok(Self { file })
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
