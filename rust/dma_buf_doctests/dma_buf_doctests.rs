// SPDX-License-Identifier: GPL-2.0

//! The examples in the docs of the `dma_buf` crate, as a KUnit suite.
//!
//! `scripts/doctests.awk` makes it of them.

#![allow(unused, reason = "an example shows how, and need not be used")]

use kernel::prelude::*;

module! {
    type: DmaBufDoctests,
    name: "dma_buf_doctests",
    authors: ["The dma_buf_rs authors"],
    description: "The examples in the docs of the dma_buf crate",
    license: "GPL",
}

struct DmaBufDoctests;

impl kernel::Module for DmaBufDoctests {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(DmaBufDoctests)
    }
}

include!(env!("CRATE_DOCTESTS"));
