// SPDX-License-Identifier: GPL-2.0

//! Waiting for fences.
//!
//! C functions: `dma_fence_wait_timeout()`, `dma_fence_wait_any_timeout()`

mod leaves;

use super::Fence;
use crate::{
    bindings,
    lockdep::Domain,
    section, //
};
use kernel::{
    error::code::*,
    ffi::c_long,
    prelude::*,
    time::Jiffies, //
};

/// Why a wait ended without the fence having signalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// The time was over.
    TimedOut,
    /// A signal came for the waiting task.
    Interrupted,
    /// The fence's driver, which waits in its own way, gave up with this error.
    /// The fence is to be taken for signalled.
    Driver(Error),
    /// The wait was not possible. Nobody waited, but for [`Wait::on_leaves`], which
    /// may find out on its way.
    Invalid(Error),
}

impl From<WaitError> for Error {
    fn from(error: WaitError) -> Error {
        match error {
            WaitError::TimedOut => ETIME,
            WaitError::Interrupted => ERESTARTSYS,
            WaitError::Driver(error) | WaitError::Invalid(error) => error,
        }
    }
}

/// How to wait.
///
/// By default a wait is uninterruptible, without end, and not in a signalling
/// section.
///
/// Context of all waits: process context, may sleep.
///
/// # Examples
///
/// ```
/// use dma_buf::{Fence, Wait, WaitError};
/// use kernel::{error::code::*, prelude::*, time::msecs_to_jiffies};
///
/// fn settle(fence: &Fence) -> Result {
///     match Wait::new()
///         .interruptible()
///         .timeout(msecs_to_jiffies(100))
///         .on(fence)
///     {
///         Ok(_) => Ok(()),
///         Err(WaitError::TimedOut) => Err(EBUSY),
///         Err(error) => Err(error.into()),
///     }
/// }
/// # settle(&Fence::stub())?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Wait {
    interruptible: bool,
    timeout: c_long,
    ordered: bool,
    domain: Option<Domain>,
}

/// `MAX_SCHEDULE_TIMEOUT`, which stands for no end.
const FOREVER: c_long = c_long::MAX;

/// The most fences that [`Wait::on_any`] takes.
pub const MAX_WAIT_ANY: usize = 16384;

impl Default for Wait {
    fn default() -> Self {
        Self::new()
    }
}

impl Wait {
    /// An uninterruptible wait without end.
    #[inline]
    pub const fn new() -> Self {
        Self {
            interruptible: false,
            timeout: FOREVER,
            ordered: false,
            domain: None,
        }
    }

    /// A signal for the task ends the wait.
    #[inline]
    pub const fn interruptible(mut self) -> Self {
        self.interruptible = true;
        self
    }

    /// The wait ends after this many jiffies; 0 only looks. More than the
    /// scheduler takes is without end.
    #[inline]
    pub const fn timeout(mut self, timeout: Jiffies) -> Self {
        self.timeout = if timeout > FOREVER as Jiffies {
            FOREVER
        } else {
            timeout as c_long
        };
        self
    }

    /// Declares that what is waited for completes before, and without, what the
    /// current signalling section will signal, as a scheduler knows of the jobs
    /// that it has queued one after another.
    ///
    /// Lockdep says nothing of a wait inside a section, since the core permits
    /// this one; any other is likely to be a deadlock, and on a kernel with
    /// lockdep it is reported here.
    #[inline]
    pub const fn ordered(mut self) -> Self {
        self.ordered = true;
        self
    }

    /// The wait is for fences of this domain, which lockdep then checks.
    #[inline]
    pub const fn domain(mut self, domain: Domain) -> Self {
        self.domain = Some(domain);
        self
    }

    /// After how many jiffies the wait ends.
    #[inline]
    pub(crate) fn jiffies(self) -> Jiffies {
        self.timeout as Jiffies
    }

    /// The wait for the next of several fences, after one that has left so many jiffies.
    ///
    /// One that only looks, or is without end, is so for all: what is left of it is not
    /// told in jiffies, and some drivers that wait in their own way do not tell at all.
    #[inline]
    pub(crate) fn left(self, left: Jiffies) -> Self {
        match self.timeout {
            0 | FOREVER => self,
            _ => self.timeout(left),
        }
    }

    /// Waits for a fence to signal. On success, says how many jiffies were left.
    ///
    /// As a whole: what a foreign driver nests is better [flattened
    /// first](crate#containers), or waited for by [`Self::on_leaves`].
    ///
    /// Process context, may sleep.
    ///
    /// C function: `dma_fence_wait_timeout()`
    #[inline]
    pub fn on(self, fence: &Fence) -> Result<Jiffies, WaitError> {
        self.annotate();
        self.on_annotated(fence)
    }

    /// [`Self::on`], without annotations of ours.
    #[inline]
    pub(crate) fn on_annotated(self, fence: &Fence) -> Result<Jiffies, WaitError> {
        // SAFETY: The fence is valid, and the time not negative.
        let ret = unsafe {
            bindings::dma_fence_wait_timeout(fence.as_raw(), self.interruptible, self.timeout)
        };
        Self::outcome(ret)
    }

    /// Waits for any of these fences to signal, and says which has.
    ///
    /// Process context, may sleep, and allocates with `GFP_KERNEL` unless the time is
    /// 0. Fails with
    /// [`WaitError::Invalid`]: `EINVAL` without fences, `E2BIG` for more than
    /// [`MAX_WAIT_ANY`], `ENOMEM`. Each as a whole: see [`Self::on`].
    pub fn on_any(self, fences: &[&Fence]) -> Result<usize, WaitError> {
        if fences.is_empty() {
            return Err(WaitError::Invalid(EINVAL));
        }
        if fences.len() > MAX_WAIT_ANY {
            return Err(WaitError::Invalid(E2BIG));
        }
        self.annotate_all();

        let mut index = 0u32;
        // SAFETY: A reference is a pointer to a `Fence`, which is laid out as a
        // `dma_fence`; the array is only read. There is at least one, and the
        // time is not negative.
        let ret = unsafe {
            bindings::dma_fence_wait_any_timeout(
                fences.as_ptr().cast_mut().cast(),
                fences.len() as u32,
                self.interruptible,
                self.timeout,
                &mut index,
            )
        };
        if ret == -(bindings::ENOMEM as c_long) {
            return Err(WaitError::Invalid(ENOMEM));
        }
        Self::outcome(ret).map(|_| index as usize)
    }

    #[inline]
    fn outcome(ret: c_long) -> Result<Jiffies, WaitError> {
        match ret {
            1.. => Ok(ret as Jiffies),
            0 => Err(WaitError::TimedOut),
            _ => Err(Self::failure(ret)),
        }
    }

    #[cold]
    #[inline(never)]
    fn failure(ret: c_long) -> WaitError {
        match Error::from_errno(ret.max(i32::MIN as c_long) as i32) {
            error if error == ERESTARTSYS => WaitError::Interrupted,
            // What some drivers that wait in their own way have for it.
            error if error == ETIME => WaitError::TimedOut,
            error => WaitError::Driver(error),
        }
    }

    /// Those of ours, and the core's, for a wait that may turn out to be none.
    #[inline]
    pub(crate) fn annotate_all(self) {
        self.annotate();
        annotate_wait();
    }

    /// The annotations that are ours. The domain's comes before the core's, so
    /// that a report names it.
    #[inline]
    fn annotate(self) {
        if let Some(domain) = self.domain {
            domain.annotate_wait();
        }
        if !self.ordered {
            section::report_wait();
        }
    }
}

impl Fence {
    /// Waits, uninterruptibly and without end.
    ///
    /// Process context, may sleep; not in a signalling section, see [`Wait::ordered`].
    /// Fails only if the fence's driver does: [`WaitError::Driver`].
    ///
    /// C function: `dma_fence_wait()`
    pub fn wait(&self) -> Result<(), WaitError> {
        Wait::new().on(self).map(|_| ())
    }

    /// Waits without end, until a signal comes for the task: [`WaitError::Interrupted`].
    ///
    /// Process context, may sleep, as for [`Self::wait`].
    ///
    /// C function: `dma_fence_wait()`
    pub fn wait_interruptible(&self) -> Result<(), WaitError> {
        Wait::new().interruptible().on(self).map(|_| ())
    }

    /// Waits uninterruptibly for so many jiffies, and says how many were left; 0 only
    /// looks. When they are over, fails with [`WaitError::TimedOut`].
    ///
    /// Process context, may sleep, as for [`Self::wait`].
    ///
    /// C function: `dma_fence_wait_timeout()`
    pub fn wait_timeout(&self, timeout: Jiffies) -> Result<Jiffies, WaitError> {
        Wait::new().timeout(timeout).on(self)
    }

    /// [`Self::wait_timeout`], until a signal comes for the task.
    ///
    /// Process context, may sleep, as for [`Self::wait`].
    ///
    /// C function: `dma_fence_wait_timeout()`
    pub fn wait_interruptible_timeout(&self, timeout: Jiffies) -> Result<Jiffies, WaitError> {
        Wait::new().interruptible().timeout(timeout).on(self)
    }
}

/// Tells lockdep that this code waits for a fence.
///
/// The core does so in a wait for one fence, but not in one for any of several,
/// and keeps the annotation to itself. So this waits for a fence that has
/// signalled.
#[inline]
fn annotate_wait() {
    #[cfg(CONFIG_LOCKDEP)]
    // SAFETY: The stub is always there, and has signalled.
    unsafe {
        let stub = bindings::dma_fence_get_stub();
        bindings::dma_fence_wait_timeout(stub, false, 0);
        super::put(stub);
    }
}
