// SPDX-License-Identifier: GPL-2.0

//! A slot hands out references, not what it holds.

use dma_buf::{
    Fence,
    FenceSlot, //
};
use kernel::sync::aref::ARef;

fn case(slot: &FenceSlot) {
    #[cfg(fault)]
    let _fence: Option<&Fence> = slot.get(); //~ E0308 mismatched types
    #[cfg(not(fault))]
    let _fence: Option<ARef<Fence>> = slot.get();
}
