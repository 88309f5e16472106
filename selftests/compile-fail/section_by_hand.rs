// SPDX-License-Identifier: GPL-2.0

//! Nobody makes proof of a section.

use core::marker::PhantomData;
use dma_buf::{
    signalling,
    SignallingSection, //
};
use kernel::types::NotThreadSafe;

fn body(_section: &SignallingSection<'_>) {}

fn case() {
    #[cfg(fault)]
    #[rustfmt::skip]
    body(&SignallingSection { _scope: PhantomData, _not_send: NotThreadSafe }); //~ E0451 private
    signalling(body);
}
