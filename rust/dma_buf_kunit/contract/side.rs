// SPDX-License-Identifier: GPL-2.0

//! Two drivers, each with a signalling domain and a class for its fences' locks.

use crate::fixture::job::Job;
use crate::prelude::*;

#[derive(Clone, Copy)]
pub(crate) struct Side {
    pub(crate) domain: SignallingDomain,
    class: LockClass,
}

impl Side {
    fn new(domain: &CStr, class: &CStr) -> Result<Self> {
        Ok(Self {
            domain: SignallingDomain::new(domain)?,
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
    pub(crate) fn wait(self) -> FenceWait {
        FenceWait::new().domain(self.domain).timeout(long())
    }

    pub(crate) fn job(self) -> Result<Job> {
        Job::with_options(self.options(), FenceWait::new().domain(self.domain))
    }

    /// All ways of waiting, in the domain.
    pub(crate) fn waits(self) -> Result<Waits> {
        Waits::of(|| self.job())
    }
}
