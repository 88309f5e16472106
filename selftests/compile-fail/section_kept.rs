// SPDX-License-Identifier: GPL-2.0

//! A section's token is not kept by who opened it.

use dma_buf::{
    signalling,
    SignallingSection, //
};

fn case() {
    let mut kept: Option<&SignallingSection<'_>> = None;

    signalling(|section| {
        #[cfg(fault)]
        {
            kept = Some(section); //~ E0521 borrowed data escapes outside of closure
        }
        let _ = section;
    });
    let _ = kept.take();
}
