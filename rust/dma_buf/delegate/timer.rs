// SPDX-License-Identifier: GPL-2.0

//! Delegates that run after a delay.
//!
//! The kernel crate's timer runs them. See `raw` for the reason why the driver does not own it.
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

use super::{
    raw::{
        Backend,
        DelegateBody,
        Raw, //
    },
    Delegate,
    DelegateOwner,
    DelegateRef, //
};
use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    impl_has_hr_timer,
    prelude::*,
    sync::{
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

/// The backend of a [`Timer`].
pub enum TimerBackend {}

/// Set when the [`Timer`] is dropped. The drop cannot stop the timer while the body runs, and the
/// body may start it again.
pub struct OwnerDropped(Atomic<bool>);

impl Default for OwnerDropped {
    fn default() -> Self {
        Self(Atomic::new(false))
    }
}

impl Backend for TimerBackend {
    type Source = HrTimer<Raw<Self>>;
    type Data = OwnerDropped;

    #[inline(never)]
    unsafe fn init(source: *mut Self::Source, _dropped: &OwnerDropped) {
        // SAFETY: By the function's contract.
        unsafe { pin_init::raw_init(source, HrTimer::new()) };
    }

    fn owner_dropped(raw: &Raw<Self>) {
        raw.data.0.store(true, Relaxed);
        raw.try_cancel();
    }

    fn quiesce(raw: &Raw<Self>) {
        raw.cancel();
    }

    fn is_busy(raw: &Raw<Self>) -> bool {
        !raw.try_cancel()
    }
}

impl_has_hr_timer! {
    impl HasHrTimer<Self> for Raw<TimerBackend> {
        mode: RelativeMode<Monotonic>,
        field: self.source,
    }
}

impl HrTimerCallback for Raw<TimerBackend> {
    type Pointer<'a> = Pin<&'a Self>;

    // Text of this module, as it may be called when the driver's text is gone. The memory is freed
    // only after a grace period, and when the timer does not run.
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

impl Raw<TimerBackend> {
    fn start_after(&self, delay: Delta) {
        // Nothing is started once the module's unload has stopped the entry and waited for a grace
        // period.
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

    /// Stops the timer unless the body runs. Returns `false` if it does.
    fn try_cancel(&self) -> bool {
        // SAFETY: The timer is initialised.
        unsafe { bindings::hrtimer_try_to_cancel(self.as_raw()) >= 0 }
    }

    fn cancel(&self) -> bool {
        // SAFETY: The timer is initialised.
        unsafe { bindings::hrtimer_cancel(self.as_raw()) > 0 }
    }
}

/// A [`Delegate`] that runs after a delay, in hard interrupt context, or in a softirq with
/// `PREEMPT_RT`.
///
/// Dropping the timer stops it and does not wait. A body that is running goes on, and is the last
/// one, even if it has started the timer again.
///
/// See [`WeakRef`](super::WeakRef) for an example.
pub type Timer<T> = DelegateOwner<TimerBackend, DelegateBody<T>>;

/// A counted reference to a [`Timer`] with any item. It does not keep the timer going: when the
/// [`Timer`] has been dropped, the body does not run any more.
pub type TimerRef = DelegateRef<TimerBackend>;

impl<T: Delegate> Timer<T> {
    /// Starts the timer: the body runs after `delay`, at once if that is negative, and never if the
    /// module is being unloaded. If the timer is already started, `delay` replaces its expiry.
    ///
    /// Context: any.
    ///
    /// C function: `hrtimer_start()`
    pub fn start(&self, delay: Delta) {
        self.raw().start_after(delay);
    }

    /// Stops the timer and waits for the body if it runs. Returns `true` if the timer was started.
    ///
    /// Context: any, but not the body, and no lock held that the body takes; with
    /// `PREEMPT_RT`, it may sleep.
    ///
    /// C function: `hrtimer_cancel()`
    pub fn cancel(&self) -> bool {
        self.raw().cancel()
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
