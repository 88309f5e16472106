// SPDX-License-Identifier: GPL-2.0

//! The timeout of a timeline. A fence that is pending for longer is completed with `ETIME`, and so
//! are all before it. One timer serves the timeline.
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

use super::{
    header::Header,
    signal::LockedHead,
    Tail,
    Timeline,
    BATCH, //
};
use crate::{
    bindings,
    fence::Fence,
    lock::IrqsOff,
    lockdep::DomainSection,
    section::Annotation, //
};
use core::ptr::NonNull;
use kernel::{
    container_of,
    prelude::*,
    sync::aref::ARef,
    time::Delta,
    types::Opaque, //
};

/// The least time between two runs of the timer, in ns. Fences that expire close together share
/// one.
const SLACK_NS: i64 = 1_000_000;

/// The timer. It is started with the tail lock held.
#[pin_data]
#[repr(transparent)]
pub(super) struct Timer {
    #[pin]
    timer: Opaque<bindings::hrtimer>,
}

/// How far the timer's function has got: it looks at one batch in a run. Points that were
/// published first may be anywhere, so it looks at all of them.
#[derive(Default)]
pub(super) struct Scan {
    /// Where to go on looking.
    cursor: Option<ARef<Fence>>,
    /// When the first fence that it has looked at expires.
    next: Option<i64>,
    /// All fences up to this number are to be completed.
    late: Option<u64>,
}

impl Timer {
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            timer <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes.
                unsafe {
                    bindings::hrtimer_setup(
                        slot,
                        Some(Timeline::expire),
                        bindings::CLOCK_MONOTONIC as bindings::clockid_t,
                        bindings::hrtimer_mode_HRTIMER_MODE_ABS,
                    )
                }
            }),
        })
    }

    fn start(&self, at: i64) {
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

    /// Stops the timer unless its function runs. Returns `false` if it does.
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

impl LockedHead<'_> {
    /// Looks for what has expired among a batch of what is pending.
    fn scan(&mut self, now: i64) {
        let Scan {
            cursor,
            mut next,
            mut late,
        } = core::mem::take(&mut self.head.scan);
        let points = self.timeline().options.points;

        let cursor = self.look(cursor, 0, |header| {
            // SAFETY: What is pending is valid. As there is a timeout, the time was set before the
            // fence was published.
            let (seqno, end) = unsafe {
                (
                    Header::seqno(header),
                    (*header.as_ref().expires.get()).assume_init(),
                )
            };

            if end <= now {
                late = Some(seqno);
                return true;
            }
            next = Some(next.map_or(end, |next| next.min(end)));
            // Fences that the timeline numbers expire in order.
            points
        });
        self.head.scan = Scan { cursor, next, late };
    }

    /// Starts the timer for what is left, if there is anything.
    fn restart_timer(&mut self, now: i64) {
        let scan = &mut self.head.scan;
        // What was not looked at was published since, or is still to be looked at.
        let next = if scan.late.is_some() || scan.cursor.is_some() {
            None
        } else {
            scan.next.take()
        };
        let timeline = self.timeline();
        let mut tail = self.lock_tail();

        tail.timer_started = timeline.queue.first().is_some() || tail.points.first().is_some();
        if !tail.timer_started {
            return;
        }
        // SAFETY: Any context.
        let spent = unsafe { bindings::ktime_get() }.saturating_sub(now);
        // The CPU is free for others for twice as long.
        let pause = SLACK_NS.max(spent.saturating_mul(2));

        timeline
            .timer
            .start(next.unwrap_or(now).max(now.saturating_add(pause)));
    }
}

impl Timeline {
    /// Sets the time after which a fence is completed with `ETIME`, if there is a timeout.
    ///
    /// # Safety
    ///
    /// `tail` is this timeline's, which is not closed. The caller owns the fence, which nothing
    /// refers to yet.
    #[inline]
    pub(super) unsafe fn start_timeout(&self, tail: &mut Tail, header: NonNull<Header>) {
        if let Some(timeout) = self.options.timeout {
            // SAFETY: By the function's contract.
            unsafe { self.start_timeout_of(tail, header, timeout) };
        }
    }

    /// # Safety
    ///
    /// As for [`Self::start_timeout`].
    #[inline(never)]
    unsafe fn start_timeout_of(&self, tail: &mut Tail, header: NonNull<Header>, timeout: Delta) {
        // SAFETY: Any context.
        let end = unsafe { bindings::ktime_get() }.saturating_add(timeout.as_nanos());

        // SAFETY: By the function's contract.
        unsafe { (*(*header.as_ptr()).expires.get()).write(end) };
        // Time does not run backwards: if the timer is started, it is for an earlier fence.
        if !tail.timer_started {
            tail.timer_started = true;
            self.timer.start(end);
        }
    }

    /// The timer's function.
    ///
    /// # Safety
    ///
    /// `timer` is that of a timeline.
    #[inline(never)]
    unsafe extern "C" fn expire(timer: *mut bindings::hrtimer) -> bindings::hrtimer_restart {
        let timer: *mut Timer = timer.cast();
        // SAFETY: By the function's contract; a timeline is not freed while its timer is queued or
        // its function runs.
        let this = unsafe { &*container_of!(timer, Timeline, timer) };

        let _domain = DomainSection::begin(this.options.domain);
        let _section = Annotation::begin();
        let irqs = IrqsOff::begin();
        let mut head = this.lock_head(&irqs);
        // SAFETY: Any context.
        let now = unsafe { bindings::ktime_get() };

        if head.head.scan.late.is_none() {
            head.scan(now);
        }
        let expired = head.head.scan.late.take().map(|late| {
            let (count, more) = head.signal(late, ETIME.to_errno(), BATCH);
            let left = head.first_seqno().map_or(late, |first| first - 1);

            head.head.scan.late = more.then_some(late);
            (left.min(late), count)
        });

        head.restart_timer(now);
        drop(head);
        drop(irqs);
        if let Some((seqno, count)) = expired.filter(|(_, count)| *count != 0) {
            // SAFETY: This is the timer's function, and `sync` waits for it before the module of
            // the operations goes. They are for this timeline.
            unsafe {
                if let Some(expired) = this.ops().expired {
                    expired(NonNull::from(this), seqno, count);
                }
            }
        }
        bindings::hrtimer_restart::HRTIMER_NORESTART
    }
}
