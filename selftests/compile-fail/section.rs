// SPDX-License-Identifier: GPL-2.0

//! Signalling sections, and the tokens that prove them.

mod fixture;

use core::marker::PhantomData;
use dma_buf::{
    lockdep::SignallingDomain,
    signalling, //
};
use fixture::*;

fn body(_section: &SignallingSection<'_>) {}

/// Nobody makes proof of a section.
fn made() {
    #[cfg(fault = "section_by_hand")]
    #[rustfmt::skip]
    body(&SignallingSection { _scope: PhantomData, _not_send: NotThreadSafe }); //~ E0451 private
    signalling(body);
}

fn opened() {
    let mut kept: Option<&SignallingSection<'_>> = None;

    signalling(|section| {
        // A section's token is not kept by who opened it.
        #[cfg(fault = "section_kept")]
        {
            kept = Some(section); //~ E0521 borrowed data escapes outside of closure
        }

        // A section belongs to the thread that opened it.
        #[cfg(fault = "section_sent")]
        require_send(section); //~ E0277 cannot be shared between threads safely

        let _ = section;
    });
    let _ = kept.take();

    // A section's token does not leave its closure.
    #[cfg(fault = "section_returned")]
    let _kept = signalling(|section| section); //~ error lifetime may not live long enough
}

/// A section's token is not kept, of a domain either.
fn opened_in(domain: SignallingDomain) {
    let mut kept: Option<&SignallingSection<'_>> = None;

    domain.signalling(|section| {
        #[cfg(fault = "section_of_domain_kept")]
        {
            kept = Some(section); //~ E0521 borrowed data escapes outside of closure
        }
        let _ = section;
    });
    let _ = kept.take();
}

/// The token itself is not Send either.
#[cfg(fault = "section_type_sent")]
type Token = SignallingSection<'static>;
#[cfg(not(fault = "section_type_sent"))]
type Token = ();

fn sent(token: Token) {
    require_send(token); //~ E0277 cannot be sent between threads safely
}
