// SPDX-License-Identifier: GPL-2.0

//! Two drivers, each with a signalling domain and a class for its fences' locks.

use crate::{
    fixture::{
        long,
        Mock, //
    },
    job::{
        Job,
        Waits, //
    }, //
};
use dma_buf::{
    ContextOptions,
    Domain,
    FenceContext,
    LockClass,
    Wait, //
};
use kernel::prelude::*;

#[derive(Clone, Copy)]
pub(crate) struct Side {
    pub(crate) domain: Domain,
    class: LockClass,
}

impl Side {
    fn new(domain: &CStr, class: &CStr) -> Result<Self> {
        Ok(Self {
            domain: Domain::new(domain)?,
            class: LockClass::new(class)?,
        })
    }

    pub(crate) fn both() -> Result<[Self; 2]> {
        Ok([
            Self::new(c"contract a", c"contract fence a")?,
            Self::new(c"contract b", c"contract fence b")?,
        ])
    }

    fn options(self) -> ContextOptions {
        ContextOptions::new()
            .domain(self.domain)
            .lock_class(self.class)
    }

    pub(crate) fn context(self) -> Result<FenceContext<Mock>> {
        FenceContext::with_options(c"contract", c"contract", self.options(), Mock)
    }

    /// A wait in the domain, whose time is long.
    pub(crate) fn wait(self) -> Wait {
        Wait::new().domain(self.domain).timeout(long())
    }

    pub(crate) fn job(self) -> Result<Job> {
        Job::with_options(self.options(), Wait::new().domain(self.domain))
    }

    /// All ways of waiting, in the domain.
    pub(crate) fn waits(self) -> Result<Waits> {
        Waits::of(|| self.job())
    }
}
