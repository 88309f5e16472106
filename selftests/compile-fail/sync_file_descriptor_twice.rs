// SPDX-License-Identifier: GPL-2.0

//! A descriptor stands for one file.

use dma_buf::SyncFile;
use kernel::fs::file::FileDescriptorReservation;

fn case(file: SyncFile, second: SyncFile, fd: FileDescriptorReservation) {
    file.install(fd);
    #[cfg(fault)]
    second.install(fd); //~ E0382 use of moved value: `fd`
    #[cfg(not(fault))]
    drop(second);
}
