// SPDX-License-Identifier: GPL-2.0

//! Sync files and their descriptors.

mod fixture;

use dma_buf::SyncFile;
use fixture::*;
use kernel::fs::file::FileDescriptorReservation;

fn installed(
    file: SyncFile,
    other_file: SyncFile,
    fd: FileDescriptorReservation,
    other_fd: FileDescriptorReservation,
) {
    file.install(fd);

    // A descriptor stands for one file.
    #[cfg(fault = "sync_file_descriptor_twice")]
    other_file.install(fd); //~ E0382 use of moved value: `fd`

    // A file gets one descriptor.
    #[cfg(fault = "sync_file_twice")]
    file.install(other_fd); //~ E0382 use of moved value: `file`
}
