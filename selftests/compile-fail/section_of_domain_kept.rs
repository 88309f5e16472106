// SPDX-License-Identifier: GPL-2.0

//! A section's token is not kept, of a domain either.

use dma_buf::{
    Domain,
    SignallingSection, //
};

fn case(domain: Domain) {
    let mut kept: Option<&SignallingSection<'_>> = None;

    domain.signalling(|section| {
        #[cfg(fault)]
        {
            kept = Some(section); //~ E0521 borrowed data escapes outside of closure
        }
        let _ = section;
    });
    let _ = kept.take();
}
