// SPDX-License-Identifier: GPL-2.0

//! Waiting for fences.

use super::{
    acquire_signaled,
    Fence, //
};
use crate::{
    bindings,
    lockdep::SignallingDomain,
    section, //
};
use kernel::{
    bindings::TICK_NSEC,
    error::code::*,
    ffi::c_long,
    prelude::*,
    task::MAX_SCHEDULE_TIMEOUT,
    time::{
        Delta,
        Jiffies, //
    }, //
};

/// The reason why a wait ended though the fence has not signalled.
///
/// See [`FenceWait`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// The timeout expired.
    TimedOut,
    /// The waiting task received a signal.
    Interrupted,
    /// The fence's driver, which has a wait of its own, failed with this error. Treat the
    /// fence as signalled.
    Driver(Error),
    /// The call was invalid, and did not wait.
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

/// A wait for fences, with its options. The default is uninterruptible, without a timeout, and not
/// in a signalling section.
///
/// # Examples
///
/// ```
/// use dma_buf::{Fence, FenceWait, WaitError};
/// use kernel::{error::code::*, prelude::*, time::Delta};
///
/// fn settle(fence: &Fence) -> Result {
///     match FenceWait::new()
///         .interruptible()
///         .timeout(Delta::from_millis(100))
///         .wait(fence)
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
#[must_use = "nothing is waited for before `wait()` or the like is called"]
pub struct FenceWait {
    interruptible: bool,
    /// Not negative.
    timeout: c_long,
    in_signalling: bool,
    domain: Option<SignallingDomain>,
}

/// The highest number of fences of [`FenceWait::wait_any`]: the core allocates a callback for each.
const MAX_WAIT_ANY: usize = 16384;

impl Default for FenceWait {
    fn default() -> Self {
        Self::new()
    }
}

/// Context: any, unless a function says otherwise.
impl FenceWait {
    /// Creates an uninterruptible wait without a timeout.
    #[inline]
    pub const fn new() -> Self {
        Self {
            interruptible: false,
            timeout: MAX_SCHEDULE_TIMEOUT,
            in_signalling: false,
            domain: None,
        }
    }

    /// Ends the wait when the task receives a signal.
    #[inline]
    pub const fn interruptible(mut self) -> Self {
        self.interruptible = true;
        self
    }

    /// Ends the wait after this time, rounded up to whole jiffies. Does not sleep if it is 0 or
    /// negative.
    #[inline]
    pub const fn timeout(mut self, timeout: Delta) -> Self {
        self.timeout = to_jiffies(timeout) as c_long;
        self
    }

    /// Allows the wait in a signalling section. The caller declares that the fence signals
    /// before, and without, the fences that the section will signal, as a scheduler knows of
    /// jobs that it has queued one after another. Other waits in a section may be a deadlock. The
    /// core permits them all, so this crate reports them, on kernels with lockdep.
    #[inline]
    pub const fn allow_in_signalling(mut self) -> Self {
        self.in_signalling = true;
        self
    }

    /// Declares that the fences belong to this domain, for lockdep to check.
    #[inline]
    pub const fn domain(mut self, domain: SignallingDomain) -> Self {
        self.domain = Some(domain);
        self
    }

    /// Returns the timeout in jiffies.
    #[inline]
    pub(crate) fn jiffies(self) -> Jiffies {
        self.timeout as Jiffies
    }

    /// Returns the wait for the next of several fences. `remaining` is what the wait before it has
    /// left of the timeout, in jiffies.
    ///
    /// A timeout of 0, or none, stays as it is: C does not return its remaining jiffies, and some
    /// drivers with a wait of their own return no time at all.
    #[inline]
    pub(crate) fn with_remaining(self, remaining: Jiffies) -> Self {
        match self.timeout {
            0 | MAX_SCHEDULE_TIMEOUT => self,
            _ => Self {
                timeout: remaining as c_long,
                ..self
            },
        }
    }

    /// Waits until a fence has signalled. Returns how much of the timeout was left, in whole
    /// jiffies: at least one, even if the timeout was 0.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `dma_fence_wait_timeout()`
    #[inline]
    pub fn wait(self, fence: &Fence) -> Result<Delta, WaitError> {
        self.annotate();
        self.wait_annotated(fence).map(to_delta)
    }

    /// Waits without the annotations of this crate.
    #[inline]
    pub(crate) fn wait_annotated(self, fence: &Fence) -> Result<Jiffies, WaitError> {
        // SAFETY: The fence is valid, and the timeout is not negative.
        let ret = unsafe {
            bindings::dma_fence_wait_timeout(fence.as_raw(), self.interruptible, self.timeout)
        };
        Self::wait_result(ret)
    }

    /// Waits until any of the fences has signalled. Returns its index. Fails with
    /// [`WaitError::Invalid`]: `EINVAL` without fences, `E2BIG` for more than 16 384, `ENOMEM`.
    ///
    /// Context: process; may sleep. Allocates with `GFP_KERNEL` unless the timeout is 0.
    ///
    /// C function: `dma_fence_wait_any_timeout()`
    pub fn wait_any(self, fences: &[&Fence]) -> Result<usize, WaitError> {
        if fences.is_empty() {
            return Err(WaitError::Invalid(EINVAL));
        }
        if fences.len() > MAX_WAIT_ANY {
            return Err(WaitError::Invalid(E2BIG));
        }
        self.annotate_all();

        let mut index = 0u32;
        // SAFETY: A reference to a `Fence` is a pointer to a `dma_fence`, and the array is only
        // read. It is not empty, and the timeout is not negative.
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
        Self::wait_result(ret).map(|_| index as usize)
    }

    #[inline]
    fn wait_result(ret: c_long) -> Result<Jiffies, WaitError> {
        acquire_signaled();
        match ret {
            1.. => Ok(ret as Jiffies),
            0 => Err(WaitError::TimedOut),
            _ => Err(Self::wait_error(ret)),
        }
    }

    #[cold]
    #[inline(never)]
    fn wait_error(ret: c_long) -> WaitError {
        match Error::from_errno(ret.max(i32::MIN as c_long) as i32) {
            error if error == ERESTARTSYS => WaitError::Interrupted,
            // Some drivers with a wait of their own return this instead of 0.
            error if error == ETIME => WaitError::TimedOut,
            error => WaitError::Driver(error),
        }
    }

    /// Makes the annotations of this crate and of the core, for a wait in which the core may
    /// find nothing to wait for.
    #[inline]
    pub(crate) fn annotate_all(self) {
        self.annotate();
        annotate_wait();
    }

    /// Makes the annotations of this crate. That of the domain comes before the core's, so that
    /// a report names it.
    #[inline]
    fn annotate(self) {
        if let Some(domain) = self.domain {
            domain.annotate_wait();
        }
        if !self.in_signalling {
            section::report_wait();
        }
    }
}

/// # Waiting
///
/// [`FenceWait`] has the other ways to wait.
impl Fence {
    /// Waits until the fence has signalled, uninterruptibly and without a timeout. Fails only if
    /// the fence's driver does, with [`WaitError::Driver`].
    ///
    /// Context: process; may sleep; not in a signalling section.
    ///
    /// C function: `dma_fence_wait()`
    pub fn wait(&self) -> Result<(), WaitError> {
        FenceWait::new().wait(self).map(|_| ())
    }

    /// Waits until the fence has signalled, uninterruptibly, for up to `timeout`. Returns the rest
    /// of it, as [`FenceWait::wait`] does. Fails with [`WaitError::TimedOut`].
    ///
    /// Context: process; may sleep; not in a signalling section.
    ///
    /// C function: `dma_fence_wait_timeout()`
    pub fn wait_timeout(&self, timeout: Delta) -> Result<Delta, WaitError> {
        FenceWait::new().timeout(timeout).wait(self)
    }
}

/// Converts a time to jiffies, rounded up. The longest time is less than the longest timeout.
#[inline]
pub(crate) const fn to_jiffies(time: Delta) -> Jiffies {
    match time.as_nanos() {
        nanos @ 1.. => (nanos as u64).div_ceil(TICK_NSEC as u64) as Jiffies,
        _ => 0,
    }
}

/// Converts jiffies to a time; jiffies that do not fit become the longest time.
#[inline]
pub(crate) fn to_delta(jiffies: Jiffies) -> Delta {
    Delta::from_nanos((jiffies as i64).saturating_mul(TICK_NSEC.into()))
}

/// Tells lockdep that this code waits for a fence, as the core does in a wait for one, but not for
/// any of several. It does not export the annotation, so this waits for a fence that has signalled.
#[inline]
fn annotate_wait() {
    #[cfg(CONFIG_LOCKDEP)]
    // SAFETY: The stub is valid, and this function owns the reference to it.
    unsafe {
        let stub = bindings::dma_fence_get_stub();
        bindings::dma_fence_wait_timeout(stub, false, 0);
        super::put(stub);
    }
}
