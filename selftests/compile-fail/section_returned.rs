// SPDX-License-Identifier: GPL-2.0

//! A section's token does not leave its closure.

use dma_buf::signalling;

fn case() {
    #[cfg(fault)]
    let _kept = signalling(|section| section); //~ error lifetime may not live long enough
    #[cfg(not(fault))]
    signalling(|section| {
        let _ = section;
    });
}
