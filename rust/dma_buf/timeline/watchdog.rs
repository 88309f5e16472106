// SPDX-License-Identifier: GPL-2.0

//! A bound on how long the fences of a timeline may be pending.
//!
//! A fence that is pending for longer is completed with `ETIME`, and so are all
//! before it: a timeline signals in order. One timer serves the timeline.
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

use super::Timeline;
use crate::{
    bindings,
    header::Header,
    lockdep::DomainSection,
    section::Annotation, //
};
use core::{
    mem::offset_of,
    ops::ControlFlow,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    time::Delta,
    types::Opaque, //
};

/// The timer's function does not run more often than that: it looks at the list
/// with interrupts off.
const SLACK_NS: i64 = 1_000_000;

/// The timer. It is started, and its time changed, with the timeline's lock held.
#[pin_data]
#[repr(C)]
pub(super) struct Watchdog {
    /// At the start, as the timer's function relies on it.
    #[pin]
    timer: Opaque<bindings::hrtimer>,
    /// The timer is started, or its function is about to look at the list. Only
    /// changed with the timeline's lock held.
    awake: Atomic<bool>,
}

impl Watchdog {
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            timer <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes.
                unsafe {
                    bindings::hrtimer_setup(
                        slot,
                        Some(Timeline::bark),
                        bindings::CLOCK_MONOTONIC as bindings::clockid_t,
                        bindings::hrtimer_mode_HRTIMER_MODE_ABS,
                    )
                }
            }),
            awake: Atomic::new(false),
        })
    }

    fn start(&self, at: i64) {
        self.awake.store(true, Relaxed);
        // SAFETY: The timer is initialised.
        unsafe {
            bindings::hrtimer_start_range_ns(
                self.timer.get(),
                at,
                0,
                bindings::hrtimer_mode_HRTIMER_MODE_ABS,
            )
        };
    }

    /// Stops the timer unless its function runs; says whether it did.
    pub(super) fn try_cancel(&self) -> bool {
        // SAFETY: The timer is initialised.
        unsafe { bindings::hrtimer_try_to_cancel(self.timer.get()) >= 0 }
    }

    /// Stops the timer, and waits for its function.
    pub(super) fn cancel(&self) {
        // SAFETY: The timer is initialised.
        unsafe { bindings::hrtimer_cancel(self.timer.get()) };
    }
}

impl Timeline {
    /// Has a fence completed when its time is over. Called with the lock held,
    /// before the fence goes on the list.
    #[inline(never)]
    pub(super) fn watch(&self, header: NonNull<Header>, bound: Delta) {
        // SAFETY: Any context.
        let end = unsafe { bindings::ktime_get() }.saturating_add(bound.as_nanos());

        // SAFETY: The caller owns the fence, which is not on the list.
        unsafe { (*(*header.as_ptr()).expires.get()).write(end) };
        // Time does not run backwards: one that the timer was started for has less.
        if !self.watchdog.awake.load(Relaxed) {
            self.watchdog.start(end);
        }
    }

    /// The timer's function.
    ///
    /// # Safety
    ///
    /// `timer` is that of a timeline.
    #[inline(never)]
    unsafe extern "C" fn bark(timer: *mut bindings::hrtimer) -> bindings::hrtimer_restart {
        // SAFETY: By the function's contract; a timeline is not freed while its
        // timer is queued or its function runs.
        let this = unsafe {
            &*timer
                .byte_sub(offset_of!(Timeline, watchdog))
                .cast::<Timeline>()
        };

        let _domain = DomainSection::begin(this.options.domain);
        let _section = Annotation::begin();
        let guard = this.lock.lock();
        // SAFETY: Any context.
        let now = unsafe { bindings::ktime_get() };
        // SAFETY: The lock is held.
        let ordered = unsafe { !(*this.inner.get()).chosen };
        let mut late = None;
        let mut next: Option<i64> = None;

        this.for_each_pending(|header| {
            // SAFETY: What is on the list is valid, and the lock is held; the time
            // is initialised, as there is a bound.
            let (end, seqno) = unsafe {
                (
                    (*header.as_ref().expires.get()).assume_init(),
                    (*Header::as_fence(header)).seqno,
                )
            };

            if end <= now {
                late = Some(seqno);
                return ControlFlow::Continue(());
            }
            next = Some(next.map_or(end, |next| next.min(end)));
            if ordered {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        let late = late.map(|seqno| (seqno, this.drain_to(&guard, seqno, ETIME.to_errno())));
        // What `next` is for may have been completed just now; the timer then finds
        // the one after it. Fences that expire together are taken together.
        this.watchdog.awake.store(next.is_some(), Relaxed);
        if let Some(next) = next {
            this.watchdog.start(next.max(now.saturating_add(SLACK_NS)));
        }
        drop(guard);
        if let (Some((seqno, count)), Some(expired)) = (late, this.ops.expired) {
            // SAFETY: It is for this timeline, which was not closed when something was
            // on its list. Whoever lets its text go waits for this function before.
            unsafe { expired(NonNull::from(this), seqno, count) };
        }
        bindings::hrtimer_restart::HRTIMER_NORESTART
    }
}
