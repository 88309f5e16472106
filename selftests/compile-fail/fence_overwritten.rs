// SPDX-License-Identifier: GPL-2.0

//! Nobody puts one fence in another's place.

use dma_buf::Fence;
use kernel::sync::aref::ARef;

fn case(mut a: ARef<Fence>, mut b: ARef<Fence>) {
    #[cfg(fault)]
    core::mem::swap::<Fence>(&mut a, &mut b);
    //~^ E0596 cannot borrow data in dereference
    //~| E0596 cannot borrow data in dereference
    core::mem::swap(&mut a, &mut b);
}
