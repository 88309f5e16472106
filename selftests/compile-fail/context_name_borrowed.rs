// SPDX-License-Identifier: GPL-2.0

//! The driver's name outlives every fence, so it is not borrowed.

mod fixture;

use dma_buf::FenceContext;
use fixture::*;
use kernel::prelude::*;

#[cfg(fault)]
type Name<'a> = &'a CStr;
#[cfg(not(fault))]
type Name<'a> = &'static CStr;

fn case(name: Name<'_>) -> Result<FenceContext<Ring>> {
    FenceContext::new(name, c"ring 0", Ring { number: 0 }) //~ E0521 borrowed data escapes
}
