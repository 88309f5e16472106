// SPDX-License-Identifier: GPL-2.0

//! What a cancelled registration gives back is given back once.

use dma_buf::callback::{
    Cancelled,
    Complete, //
};

fn case(cancelled: Cancelled<Complete>) {
    let _first = cancelled.into_inner();
    #[cfg(fault)]
    let _second = cancelled.into_inner(); //~ E0382 use of moved value: `cancelled`
}
