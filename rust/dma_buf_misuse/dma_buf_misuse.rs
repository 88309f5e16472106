// SPDX-License-Identifier: GPL-2.0

//! Misuse of fences, and the right use beside it: one case for each load.
//!
//! What must come of each is in the table selftests/lockdep/misuse, which the suite
//! `lockdep` goes by. A report switches lockdep off, so each case that has one is a boot of
//! its own.

mod allocation;
mod bindings;
mod callbacks;
mod containers;
mod domains;
mod fixture;
mod interrupts;
mod locks;
mod operations;
mod ours;
mod resv;
mod sections;
mod waits;
mod what;

use kernel::prelude::*;

module! {
    type: DmaBufMisuse,
    name: "dma_buf_misuse",
    authors: ["The dma_buf_rs authors"],
    description: "Misuse of fences that lockdep must report",
    license: "GPL",
}

/// A case: its path, and what it does.
type Case = (&'static str, fn() -> Result);

/// Lists the cases of a module.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        pub(crate) const CASES: &[crate::Case] =
            &[$((concat!(module_path!(), "::", stringify!($case)), $case)),*];
    };
}
pub(crate) use cases;

const CASES: [&[Case]; 11] = [
    allocation::CASES,
    callbacks::CASES,
    containers::CASES,
    domains::CASES,
    interrupts::CASES,
    locks::CASES,
    operations::CASES,
    ours::CASES,
    resv::CASES,
    sections::CASES,
    waits::CASES,
];

/// The case that the table calls so.
fn find(name: &str) -> Option<fn() -> Result> {
    CASES
        .iter()
        .flat_map(|cases| cases.iter())
        .find(|(path, _)| path.strip_prefix("dma_buf_misuse::") == Some(name))
        .map(|(_, case)| *case)
}

struct DmaBufMisuse;

impl kernel::Module for DmaBufMisuse {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let name = what::parameter().to_str().map_err(|_| EINVAL)?;
        let case = find(name).ok_or(EINVAL).inspect_err(|_| {
            pr_err!("there is no case {name}\n");
        })?;

        case()?;
        Ok(DmaBufMisuse)
    }
}
