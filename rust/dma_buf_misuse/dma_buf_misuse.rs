// SPDX-License-Identifier: GPL-2.0

//! What lockdep must report, and what it must not: one case for each load.
//!
//! A report switches lockdep off, so each case is a boot of its own. The suite
//! `lockdep` loads this with a number and knows what to expect.

mod cases;

use kernel::prelude::*;

module! {
    type: DmaBufMisuse,
    name: "dma_buf_misuse",
    authors: ["The dma_buf_rs authors"],
    description: "Misuse of fences that lockdep must report",
    license: "GPL",
    params: {
        case: u32 {
            default: 0,
            description: "Which case to run",
        },
    },
}

struct DmaBufMisuse;

impl kernel::Module for DmaBufMisuse {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        cases::run(module_parameters::case.value())?;
        Ok(DmaBufMisuse)
    }
}
