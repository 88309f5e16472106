// SPDX-License-Identifier: GPL-2.0

//! A section belongs to the thread that opened it.

mod fixture;

use dma_buf::signalling;
use fixture::*;

fn case() {
    signalling(|section| {
        #[cfg(fault)]
        require_send(section); //~ E0277 cannot be shared between threads safely
        let _ = section;
    });
}
