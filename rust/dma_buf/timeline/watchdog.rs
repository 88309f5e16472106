// SPDX-License-Identifier: GPL-2.0

//! A bound on how long the fences of a timeline may be pending.
//!
//! A fence that is pending for longer is completed with `ETIME`, and so are all
//! before it: a timeline signals in order. One timer serves the timeline.
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

use super::{
    walk::Place,
    Head,
    Tail,
    Timeline, //
};
use crate::{
    bindings,
    header::Header,
    lock::IrqGuard,
    lockdep::DomainSection,
    section::Annotation, //
};
use core::{
    mem::offset_of,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    time::Delta,
    types::Opaque, //
};

/// The timer's function does not run more often than that, and does not do much each
/// time: interrupts are off. What expires together is taken together.
const SLACK_NS: i64 = 1_000_000;

/// The timer. It is started, and its time changed, with the tail lock held.
#[pin_data]
#[repr(C)]
pub(super) struct Watchdog {
    /// At the start, as the timer's function relies on it.
    #[pin]
    timer: Opaque<bindings::hrtimer>,
}

/// How far the timer's function has got where the user picks the numbers: what was published
/// first may be anywhere.
pub(super) struct Patrol {
    /// Where to go on looking, if it has not looked at everything.
    place: Option<Place>,
    /// When the first that it has looked at expires.
    next: Option<i64>,
    /// All up to here are to be completed.
    late: Option<u64>,
}

impl Patrol {
    pub(super) const DONE: Self = Self {
        place: None,
        next: None,
        late: None,
    };
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
        })
    }

    /// To be called with the tail lock held.
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

/// When a fence expires.
///
/// # Safety
///
/// The fence is pending, on a timeline with a bound.
unsafe fn end_of(header: NonNull<Header>) -> i64 {
    // SAFETY: By the function's contract; it was set before the fence was published.
    unsafe { (*header.as_ref().expires.get()).assume_init() }
}

impl Timeline {
    /// Sets the time after which a fence is completed with `ETIME`, if there is a bound.
    ///
    /// # Safety
    ///
    /// `tail` is this timeline's, which is not closed. The caller owns the fence, which
    /// nobody can reach yet.
    #[inline]
    pub(super) unsafe fn watch(
        &self,
        tail: &mut Tail,
        header: NonNull<Header>,
        bound: Option<Delta>,
    ) {
        if let Some(bound) = bound {
            // SAFETY: By the function's contract.
            unsafe { self.watch_for(tail, header, bound) };
        }
    }

    /// [`Self::watch`].
    ///
    /// # Safety
    ///
    /// As for [`Self::watch`].
    #[inline(never)]
    unsafe fn watch_for(&self, tail: &mut Tail, header: NonNull<Header>, bound: Delta) {
        // SAFETY: Any context.
        let end = unsafe { bindings::ktime_get() }.saturating_add(bound.as_nanos());

        // SAFETY: By the function's contract.
        unsafe { (*(*header.as_ptr()).expires.get()).write(end) };
        // Time does not run backwards: one that the timer was started for has less.
        if !tail.watched {
            tail.watched = true;
            self.watchdog.start(end);
        }
    }

    /// Looks at a piece of what is pending for what has expired.
    fn look(&self, head: &mut IrqGuard<'_, Head>, now: i64) {
        let Patrol {
            place,
            mut next,
            mut late,
        } = core::mem::replace(&mut head.patrol, Patrol::DONE);
        let points = self.options.points;

        let place = self.walk(head, place, 0, |header| {
            // SAFETY: What is pending is valid, and there is a bound.
            let (seqno, end) = unsafe { (Header::seqno(header), end_of(header)) };

            if end <= now {
                late = Some(seqno);
                return true;
            }
            next = Some(next.map_or(end, |next| next.min(end)));
            // Those that the timeline numbers expire in order.
            points
        });
        head.patrol = Patrol { place, next, late };
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
        let mut head = this.head.lock();
        // SAFETY: Any context.
        let now = unsafe { bindings::ktime_get() };

        if head.patrol.late.is_none() {
            this.look(&mut head, now);
        }
        let expired = head.patrol.late.take().map(|late| {
            let (up_to, count, more) = this.expire(&head, late);

            head.patrol.late = more.then_some(late);
            (up_to, count)
        });

        this.rest_or_start(&mut head, now);
        drop(head);
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

    /// Starts the timer for what is left, if there is anything.
    fn rest_or_start(&self, head: &mut IrqGuard<'_, Head>, now: i64) {
        // What was not looked at has come since, or is still to be looked at.
        let next = if head.patrol.late.is_some() || head.patrol.place.is_some() {
            None
        } else {
            head.patrol.next.take()
        };
        let mut tail = self.tail.lock_with(head);
        let is_empty = tail.points.is_empty() && self.queue.first().is_none();

        tail.watched = !is_empty;
        if is_empty {
            return;
        }
        // SAFETY: Any context.
        let spent = unsafe { bindings::ktime_get() }.saturating_sub(now);
        // As long again is for others.
        let pause = SLACK_NS.max(spent.saturating_mul(2));

        self.watchdog
            .start(next.unwrap_or(now).max(now.saturating_add(pause)));
    }
}
