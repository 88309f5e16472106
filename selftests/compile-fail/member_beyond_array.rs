// SPDX-License-Identifier: GPL-2.0

//! The fences in an array are lent by the array.

use dma_buf::FenceArray;
use kernel::sync::aref::ARef;

fn case(array: ARef<FenceArray>) -> usize {
    let members = array.fences();
    #[cfg(fault)]
    drop(array); //~ E0505 cannot move out of `array` because it is borrowed
    members.len()
}
