// SPDX-License-Identifier: GPL-2.0

//! The token itself is not Send either.

mod fixture;

use dma_buf::SignallingSection;
use fixture::*;

#[cfg(fault)]
type Token = SignallingSection<'static>;
#[cfg(not(fault))]
type Token = ();

fn case(token: Token) {
    require_send(token); //~ E0277 cannot be sent between threads safely
}
