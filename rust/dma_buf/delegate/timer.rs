// SPDX-License-Identifier: GPL-2.0

//! Delegates that run after a while.
//!
//! The kernel crate's timer is what runs them; see `raw` for the reason why the driver does
//! not own that itself.
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

use super::{
    raw::{
        InSection,
        Mechanism,
        Owner,
        Raw,
        Reference, //
    },
    Delegate,
    WeakRef, //
};
use crate::bindings;
use core::{
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    impl_has_hr_timer,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        },
        rcu, //
    },
    time::{
        hrtimer::{
            HasHrTimer,
            HrTimer,
            HrTimerCallback,
            HrTimerCallbackContext,
            HrTimerRestart,
            RelativeMode, //
        },
        Delta,
        Monotonic, //
    }, //
};

/// The mechanism of a [`Timer`].
pub enum ByTimer {}

/// Set when the [`Timer`] has been dropped. A body that runs meanwhile may have started the
/// timer, which cannot be stopped then.
pub struct Dropped(Atomic<bool>);

impl Mechanism for ByTimer {
    type Source = HrTimer<Raw<Self>>;
    type Data = Dropped;

    #[inline(never)]
    unsafe fn init(source: *mut Self::Source, _dropped: &Dropped) {
        // SAFETY: By the function's contract.
        unsafe { pin_init::raw_init(source, HrTimer::new()) };
    }

    fn quiesce(raw: &Raw<Self>) {
        raw.cancel();
    }

    fn is_busy(raw: &Raw<Self>) -> bool {
        !raw.try_cancel()
    }
}

impl_has_hr_timer! {
    impl HasHrTimer<Self> for Raw<ByTimer> {
        mode: RelativeMode<Monotonic>,
        field: self.source,
    }
}

impl HrTimerCallback for Raw<ByTimer> {
    type Pointer<'a> = Pin<&'a Self>;

    // Text of this library, as it may be called when the driver's is gone. The memory is not
    // freed before a grace period has passed and the timer does not run.
    #[inline(never)]
    fn run(this: Pin<&Self>, _: HrTimerCallbackContext<'_, Self>) -> HrTimerRestart {
        let _rcu = rcu::read_lock();

        if !this.is_stopped() && !this.data.0.load(Relaxed) {
            // SAFETY: The driver's text stays until RCU is read-unlocked.
            unsafe { Raw::call(NonNull::from(this.get_ref())) };
        }
        HrTimerRestart::NoRestart
    }
}

impl Raw<ByTimer> {
    /// [`Timer::start`].
    fn start_after(&self, delay: Delta) {
        // Once the module goes, and a grace period has passed, nothing is started.
        let _rcu = rcu::read_lock();

        if !self.is_stopped() {
            // SAFETY: The timer is initialised, and the object stays until it is stopped.
            unsafe { Self::start(self, Delta::from_nanos(delay.as_nanos().max(0))) };
        }
    }

    fn as_raw(&self) -> *mut bindings::hrtimer {
        // SAFETY: The pointer is valid.
        unsafe { Self::c_timer_ptr(self) }.cast_mut()
    }

    /// Stops the timer unless the body runs. Returns `true` if the body does not run.
    fn try_cancel(&self) -> bool {
        // SAFETY: The timer is initialised.
        unsafe { bindings::hrtimer_try_to_cancel(self.as_raw()) >= 0 }
    }

    /// Stops the timer and waits for the body. Returns `true` if the timer was started.
    fn cancel(&self) -> bool {
        // SAFETY: The timer is initialised.
        unsafe { bindings::hrtimer_cancel(self.as_raw()) > 0 }
    }
}

/// A [`Delegate`] that runs after a while, in hard interrupt context.
///
/// With `PREEMPT_RT`, its body runs in a softirq.
///
/// Dropping the timer stops it and does not wait: a body that runs goes on, and is the last
/// one, though it may have started the timer again.
///
/// Context of the drop: any. The item is dropped later, in softirq context.
///
/// # Examples
///
/// ```
/// use dma_buf::{
///     delegate::{Delegate, Timer},
///     SignallingSection,
/// };
/// use kernel::{prelude::*, sync::{Arc, Completion}, time::Delta};
///
/// struct Ring(Arc<Completion>);
///
/// impl Delegate for Ring {
///     fn run(&self, _section: &SignallingSection<'_>) {
///         self.0.complete_all();
///     }
/// }
///
/// let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
/// let timer = Timer::new(Ring(done.clone()))?;
/// timer.start(Delta::from_micros(50));
/// done.wait_for_completion();
/// # Ok::<(), Error>(())
/// ```
pub struct Timer<T: Delegate>(Owner<ByTimer, InSection<T>>);

impl<T: Delegate> Timer<T> {
    /// Makes a timer that is not started. Fails with `ENOMEM`, or as `item` does.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `hrtimer_setup()`
    pub fn new<E>(item: impl PinInit<T, E>) -> Result<Self>
    where
        Error: From<E>,
    {
        let data = Dropped(Atomic::new(false));

        Ok(Self(Owner::new(data, item)?))
    }

    /// Makes a timer whose item has a weak reference to it. Fails as [`Self::new`] does.
    ///
    /// Context: process; may sleep.
    pub fn new_cyclic<I, E>(item: impl FnOnce(WeakRef<TimerRef>) -> I) -> Result<Self>
    where
        I: PinInit<T, E>,
        Error: From<E>,
    {
        let data = Dropped(Atomic::new(false));

        Ok(Self(Owner::new_cyclic(data, item)?))
    }

    /// Starts the timer: the body runs after `delay`, at once if that is negative, and never if the
    /// module is going. If the timer is already started, `delay` replaces its expiry.
    ///
    /// Context: any.
    ///
    /// C function: `hrtimer_start()`
    pub fn start(&self, delay: Delta) {
        self.0.raw().start_after(delay);
    }

    /// Takes a reference that does not depend on the item's type.
    ///
    /// Context: any.
    pub fn to_ref(&self) -> TimerRef {
        TimerRef(self.0.to_ref())
    }

    /// Stops the timer and waits for the body if it runs. Returns `true` if the timer was
    /// started.
    ///
    /// Context: any, but not the body, and no lock held that the body takes; with
    /// `PREEMPT_RT`, it may sleep.
    ///
    /// C function: `hrtimer_cancel()`
    pub fn cancel(&self) -> bool {
        self.0.raw().cancel()
    }
}

impl<T: Delegate> Deref for Timer<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Delegate> Drop for Timer<T> {
    fn drop(&mut self) {
        let raw = self.0.raw();

        raw.data.0.store(true, Relaxed);
        raw.try_cancel();
    }
}

/// A counted reference to a [`Timer`], of whatever item.
///
/// It does not keep the timer going: when the [`Timer`] has been dropped, the body does not
/// run any more.
///
/// Context of the drop: any. The item is dropped later, if this was the last reference.
#[derive(Clone)]
pub struct TimerRef(ARef<Raw<ByTimer>>);

impl Reference for TimerRef {
    type Mechanism = ByTimer;

    fn from_raw(raw: ARef<Raw<ByTimer>>) -> Self {
        Self(raw)
    }
}

impl TimerRef {
    /// Starts the timer, as [`Timer::start`] does.
    ///
    /// Context: any.
    ///
    /// C function: `hrtimer_start()`
    pub fn start(&self, delay: Delta) {
        self.0.start_after(delay);
    }
}
