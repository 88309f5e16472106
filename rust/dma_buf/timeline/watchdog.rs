// SPDX-License-Identifier: GPL-2.0

//! A bound on how long the fences of a timeline may be pending.
//!
//! A fence that is pending for longer is completed with `ETIME`, and so are all
//! before it: a timeline signals in order. One timer serves the timeline.
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

use super::{
    Timeline,
    Until, //
};
use crate::{
    bindings,
    header::{
        Header,
        PENDING, //
    },
    lockdep::DomainSection,
    section::Annotation, //
};
use core::{
    mem::offset_of,
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
    pub(super) fn watch(&self, header: NonNull<Header>, bound: Delta) {
        // SAFETY: Any context.
        let end = unsafe { bindings::ktime_get() }.saturating_add(bound.as_nanos());

        // SAFETY: The caller owns the fence, which is not on the list.
        unsafe { (*header.as_ptr()).expires.get().write(end) };
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
        let mut late = None;
        let mut next = None;

        this.for_each_pending(|header| {
            // SAFETY: What is on the list is valid, and the lock is held.
            let (end, seqno) = unsafe {
                (
                    *header.as_ref().expires.get(),
                    (*Header::as_fence(header)).seqno,
                )
            };
            // SAFETY: As above.
            if unsafe { header.as_ref() }.outcome.load(Relaxed) != PENDING {
                return;
            }
            if end <= now {
                late = Some(seqno);
            } else {
                next = Some(next.map_or(end, |next: i64| next.min(end)));
            }
        });
        if let Some(seqno) = late {
            this.drain(&guard, Until::Seqno(seqno, ETIME.to_errno()));
        }
        this.watchdog.awake.store(false, Relaxed);
        if let Some(next) = next {
            // Perhaps for one that has just been completed; it then barks at
            // nothing, and finds the next.
            this.watchdog.start(next);
        }
        bindings::hrtimer_restart::HRTIMER_NORESTART
    }
}
