// SPDX-License-Identifier: GPL-2.0

//! A timer whose function signals fences.
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

use crate::{
    bindings,
    registry::{
        Tracked,
        TrackedBox,
        TrackedEntry,
        TrackedOps, //
    },
    section::{
        signalling,
        Section, //
    }, //
};
use core::{
    mem::offset_of,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        rcu, //
    },
    time::Delta,
    types::Opaque, //
};

/// What a [`Timer`] does.
pub trait TimerItem: Send + Sync + Sized + 'static {
    /// The body. It runs in a signalling section, with interrupts off (in a
    /// softirq with `PREEMPT_RT`); on one CPU at a time.
    fn run(&self, section: &Section<'_>);
}

/// The part of a [`Timer`] that does not depend on the item's type.
#[pin_data]
#[repr(C)]
struct RawTimer {
    /// At the start, as the registry relies on it.
    entry: TrackedEntry,
    #[pin]
    timer: Opaque<bindings::hrtimer>,
    /// The handle has been dropped. A body that runs meanwhile may have started the
    /// timer, which cannot be stopped then.
    dropped: Atomic<bool>,
    /// Runs the item's body.
    body: unsafe fn(NonNull<RawTimer>),
}

// SAFETY: A timer can be started and stopped anywhere.
unsafe impl Send for RawTimer {}
// SAFETY: As above.
unsafe impl Sync for RawTimer {}

impl RawTimer {
    fn new(ops: &'static TrackedOps, body: unsafe fn(NonNull<RawTimer>)) -> impl PinInit<Self> {
        pin_init!(Self {
            entry: TrackedEntry::new(ops),
            timer <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes.
                unsafe {
                    bindings::hrtimer_setup(
                        slot,
                        Some(Self::run),
                        bindings::CLOCK_MONOTONIC as bindings::clockid_t,
                        bindings::hrtimer_mode_HRTIMER_MODE_REL,
                    )
                }
            }),
            dropped: Atomic::new(false),
            body,
        })
    }

    /// The function of the timer. Text of this module, as it may be called when
    /// the driver's is gone.
    ///
    /// # Safety
    ///
    /// `timer` is the one in a `RawTimer`.
    #[inline(never)]
    unsafe extern "C" fn run(timer: *mut bindings::hrtimer) -> bindings::hrtimer_restart {
        // SAFETY: By the function's contract. The memory is not freed before a
        // grace period has passed and the timer does not run.
        let this = unsafe {
            NonNull::new_unchecked(timer.byte_sub(offset_of!(Self, timer)).cast::<Self>())
        };
        // SAFETY: As above.
        let raw = unsafe { this.as_ref() };
        let _rcu = rcu::read_lock();

        if !raw.entry.is_stopped() && !raw.dropped.load(Relaxed) {
            // SAFETY: It is what the body was made for, and the driver's text
            // stays until RCU is read-unlocked.
            unsafe { (raw.body)(this) };
        }
        bindings::hrtimer_restart::HRTIMER_NORESTART
    }

    /// Stops the timer unless its function runs; says whether it did.
    fn try_cancel(&self) -> bool {
        // SAFETY: The timer is initialised.
        unsafe { bindings::hrtimer_try_to_cancel(self.timer.get()) >= 0 }
    }

    /// Stops the timer and waits for its function; says whether it was started.
    fn cancel(&self) -> bool {
        // SAFETY: The timer is initialised.
        unsafe { bindings::hrtimer_cancel(self.timer.get()) > 0 }
    }
}

#[pin_data]
#[repr(C)]
struct Inner<T: TimerItem> {
    /// At the start, as the body relies on it.
    #[pin]
    raw: RawTimer,
    #[pin]
    item: T,
}

// SAFETY: The raw part, which starts it, starts with the entry, which
// `Timer::new` makes.
unsafe impl<T: TimerItem> Tracked for Inner<T> {
    fn quiesce(&self) {
        self.raw.cancel();
    }

    fn is_busy(&self) -> bool {
        !self.raw.try_cancel()
    }
}

/// A high-resolution timer that owns what it works on.
///
/// Dropping it stops it and does not wait: a body that runs goes on, and is the last
/// one, even if it has started the timer again. The item is dropped a grace period
/// later, in softirq context. If its module goes, it does not run any more.
///
/// # Examples
///
/// ```
/// use dma_buf::{Section, Timer, TimerItem};
/// use kernel::{prelude::*, sync::{Arc, Completion}, time::Delta};
///
/// struct Ring(Arc<Completion>);
///
/// impl TimerItem for Ring {
///     fn run(&self, _section: &Section<'_>) {
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
pub struct Timer<T: TimerItem> {
    inner: TrackedBox<Inner<T>>,
}

impl<T: TimerItem> Timer<T> {
    /// Makes a timer that is not started.
    ///
    /// Process context, may sleep. Fails with `ENOMEM`, or as `item` does.
    ///
    /// C function: `hrtimer_setup()`
    pub fn new<E>(item: impl PinInit<T, E>) -> Result<Self>
    where
        Error: From<E>,
    {
        Ok(Self {
            inner: TrackedBox::new(try_pin_init!(Inner {
                raw <- RawTimer::new(TrackedBox::<Inner<T>>::OPS, Self::body),
                item <- item,
            }? Error))?,
        })
    }

    /// Has the body run after `delay`, instead of when it was to; one that is
    /// negative is over.
    ///
    /// Any context, the body too.
    ///
    /// C function: `hrtimer_start()`
    pub fn start(&self, delay: Delta) {
        // Once the module goes, and a grace period has passed, nothing is started.
        let _rcu = rcu::read_lock();
        if self.inner.get().raw.entry.is_stopped() {
            return;
        }
        // SAFETY: The timer is initialised, and the handle keeps it.
        unsafe {
            bindings::hrtimer_start_range_ns(
                self.inner.get().raw.timer.get(),
                delay.as_nanos().max(0),
                0,
                bindings::hrtimer_mode_HRTIMER_MODE_REL,
            )
        };
    }

    /// Stops the timer and waits for the body if it runs; says whether it was
    /// started.
    ///
    /// Any context but the body, and where a lock is held that the body takes; with
    /// `PREEMPT_RT`, it may sleep.
    ///
    /// C function: `hrtimer_cancel()`
    pub fn cancel(&self) -> bool {
        self.inner.get().raw.cancel()
    }

    /// Runs the item's body.
    ///
    /// # Safety
    ///
    /// `raw` starts a valid `Inner<T>`.
    unsafe fn body(raw: NonNull<RawTimer>) {
        // SAFETY: By the function's contract.
        let inner = unsafe { raw.cast::<Inner<T>>().as_ref() };

        signalling(|section| inner.item.run(section));
    }
}

impl<T: TimerItem> Deref for Timer<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner.get().item
    }
}

impl<T: TimerItem> Drop for Timer<T> {
    fn drop(&mut self) {
        let raw = &self.inner.get().raw;

        raw.dropped.store(true, Relaxed);
        raw.try_cancel();
    }
}
