// SPDX-License-Identifier: GPL-2.0

//! A file gets one descriptor.

use dma_buf::SyncFile;
use kernel::fs::file::FileDescriptorReservation;

fn case(file: SyncFile, fd: FileDescriptorReservation, second: FileDescriptorReservation) {
    file.install(fd);
    #[cfg(fault)]
    file.install(second); //~ E0382 use of moved value: `file`
    #[cfg(not(fault))]
    drop(second);
}
