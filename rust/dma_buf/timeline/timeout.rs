// SPDX-License-Identifier: GPL-2.0

//! The timeout of a timeline. A fence that is pending for longer is completed with `ETIME`, and so
//! are all before it. One timer serves the timeline.
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

use super::{
    header::FenceHeader,
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

/// The shortest time between two runs of the timer, in ns. Fences that expire close together share
/// a run.
const SLACK_NS: i64 = 1_000_000;

/// The timer. It is started with the tail lock held.
#[pin_data]
#[repr(transparent)]
pub(super) struct TimeoutTimer {
    #[pin]
    timer: Opaque<bindings::hrtimer>,
}

/// The progress of the timer's function, which visits one batch of fences in a run. It visits all
/// points, as they are not in the order of publication.
#[derive(Default)]
pub(super) struct Scan {
    /// The fence to continue at.
    cursor: Option<ARef<Fence>>,
    /// The earliest expiry of the fences that it has visited.
    next_expiry: Option<i64>,
    /// The number of the last fence that has expired: all up to it are to be completed.
    expired_up_to: Option<u64>,
}

impl TimeoutTimer {
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
    /// Looks for expired fences in a batch of pending ones.
    fn scan(&mut self, now: i64) {
        let Scan {
            cursor,
            mut next_expiry,
            mut expired_up_to,
        } = core::mem::take(&mut self.head.scan);
        let points = self.timeline().options.points;

        let cursor = self.visit_batch(cursor, 0, |header| {
            // SAFETY: Pending fences are valid. As there is a timeout, the time was set before the
            // fence was published.
            let (seqno, expires) = unsafe {
                (
                    FenceHeader::seqno(header),
                    (*header.as_ref().expires.get()).assume_init(),
                )
            };

            if expires <= now {
                expired_up_to = Some(seqno);
                return true;
            }
            next_expiry = Some(next_expiry.map_or(expires, |next| next.min(expires)));
            // Fences that the timeline numbers expire in order.
            points
        });
        self.head.scan = Scan {
            cursor,
            next_expiry,
            expired_up_to,
        };
    }

    /// Starts the timer for the fences that are left, if there are any.
    fn restart_timer(&mut self, now: i64) {
        let scan = &mut self.head.scan;
        // If there are fences to complete or to visit, the timer runs again soon. Others that were
        // not visited were published later, and so expire later.
        let next = if scan.expired_up_to.is_some() || scan.cursor.is_some() {
            None
        } else {
            scan.next_expiry.take()
        };
        let timeline = self.timeline();
        let mut tail = self.lock_tail();

        tail.timer_started = timeline.queue.first().is_some() || tail.points.first().is_some();
        if !tail.timer_started {
            return;
        }
        // SAFETY: The function may be called in any context.
        let spent = unsafe { bindings::ktime_get() }.saturating_sub(now);
        // The CPU is free for other work for twice as long.
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
    pub(super) unsafe fn start_timeout(&self, tail: &mut Tail, header: NonNull<FenceHeader>) {
        if let Some(timeout) = self.options.timeout {
            // SAFETY: By the function's contract.
            unsafe { self.set_expiry(tail, header, timeout) };
        }
    }

    /// # Safety
    ///
    /// As for [`Self::start_timeout`].
    #[inline(never)]
    unsafe fn set_expiry(&self, tail: &mut Tail, header: NonNull<FenceHeader>, timeout: Delta) {
        // SAFETY: The function may be called in any context.
        let expires = unsafe { bindings::ktime_get() }.saturating_add(timeout.as_nanos());

        // SAFETY: By the function's contract.
        unsafe { (*(*header.as_ptr()).expires.get()).write(expires) };
        // Time does not run backwards: if the timer is started, it is for an earlier fence.
        if !tail.timer_started {
            tail.timer_started = true;
            self.timer.start(expires);
        }
    }

    /// The timer's function.
    ///
    /// # Safety
    ///
    /// `timer` is that of a timeline.
    #[inline(never)]
    unsafe extern "C" fn expire(timer: *mut bindings::hrtimer) -> bindings::hrtimer_restart {
        let timer: *mut TimeoutTimer = timer.cast();
        // SAFETY: By the function's contract. A timeline is not freed while its timer is queued or
        // its function runs.
        let this = unsafe { &*container_of!(timer, Timeline, timer) };

        let _domain = DomainSection::begin(this.options.domain);
        let _section = Annotation::begin();
        let irqs = IrqsOff::begin();
        let mut head = this.lock_head(&irqs);
        // SAFETY: The function may be called in any context.
        let now = unsafe { bindings::ktime_get() };

        if head.head.scan.expired_up_to.is_none() {
            head.scan(now);
        }
        let expired = head.head.scan.expired_up_to.take().map(|up_to| {
            let (count, more) = head.signal(up_to, ETIME.to_errno(), BATCH);
            let last = head.first_seqno().map_or(up_to, |first| first - 1);

            head.head.scan.expired_up_to = more.then_some(up_to);
            (last.min(up_to), count)
        });

        head.restart_timer(now);
        drop(head);
        drop(irqs);
        if let Some((seqno, count)) = expired.filter(|(_, count)| *count != 0) {
            // SAFETY: This is the timer's function, and `sync` waits for it before the module of
            // the operations is freed. They are for this timeline.
            unsafe {
                if let Some(expired) = this.ops().expired {
                    expired(NonNull::from(this), seqno, count);
                }
            }
        }
        bindings::hrtimer_restart::HRTIMER_NORESTART
    }
}
