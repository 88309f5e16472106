// SPDX-License-Identifier: GPL-2.0

//! A module that gives a context away, and with it pointers to code of its own: what
//! is generic is instantiated where it is used. For selftests/unload.

use dma_buf::FenceContext;
use dma_buf_unload::{
    adopt,
    Adopted, //
};
use kernel::prelude::*;

module! {
    type: Orphan,
    name: "dma_buf_orphan",
    authors: ["The dma_buf_rs authors"],
    description: "A module that goes before what it has made",
    license: "GPL",
}

struct Orphan;

impl kernel::Module for Orphan {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        adopt(FenceContext::new(c"orphan", c"ring", Adopted)?);
        Ok(Self)
    }
}
