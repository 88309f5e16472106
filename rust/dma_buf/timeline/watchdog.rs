// SPDX-License-Identifier: GPL-2.0

//! A bound on how long the fences of a timeline may be pending.
//!
//! A fence that is pending for longer is completed with `ETIME`, and so are all
//! before it: a timeline signals in order. One timer serves the timeline.
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

use super::{
    place::{
        Place,
        PIECE, //
    },
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
    cell::UnsafeCell,
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

/// The timer's function does not run more often than that, and does not do much each
/// time: it looks at the list with interrupts off. What expires together is taken
/// together.
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
    /// Protected by the timeline's lock.
    patrol: UnsafeCell<Patrol>,
}

/// How far the timer's function has got.
struct Patrol {
    /// Where to go on looking, if it has not looked at everything.
    place: Option<Place>,
    /// When the first that it has looked at expires.
    next: Option<i64>,
    /// All up to here are to be completed, unless it has signalled.
    late: Option<Place>,
}

impl Patrol {
    const DONE: Self = Self {
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
            awake: Atomic::new(false),
            patrol: UnsafeCell::new(Patrol::DONE),
        })
    }

    /// Nothing comes onto the list any more, and what was on it has signalled.
    pub(super) fn rest(&self, _guard: &IrqGuard<'_>) {
        // SAFETY: The timeline's lock is held.
        let patrol = unsafe { &mut *self.patrol.get() };

        *patrol = Patrol::DONE;
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
    /// Sets the time after which a fence is completed with `ETIME`.
    ///
    /// # Safety
    ///
    /// The lock is held, and the timeline is not closed. The caller owns the fence, which
    /// is not on the list yet.
    #[inline(never)]
    pub(super) unsafe fn watch(&self, header: NonNull<Header>, bound: Delta) {
        // SAFETY: Any context.
        let end = unsafe { bindings::ktime_get() }.saturating_add(bound.as_nanos());

        // SAFETY: By the function's contract.
        unsafe { (*(*header.as_ptr()).expires.get()).write(end) };
        // Time does not run backwards: one that the timer was started for has less.
        if !self.watchdog.awake.load(Relaxed) {
            self.watchdog.start(end);
        }
    }

    /// Looks at a piece of the list for what is late.
    fn look(&self, guard: &IrqGuard<'_>, patrol: &mut Patrol, now: i64) {
        let head = self.pending.get();
        let mut link = self.resume(guard, patrol.place.take());

        // SAFETY: The list is initialised and locked, and what is on it is valid; the
        // time is initialised, as there is a bound.
        unsafe {
            let is_by_age = !(*self.inner.get()).chosen;
            let mut late = None;

            for _ in 0..PIECE {
                if link == head {
                    break;
                }
                let header = Self::header_of(link);
                let end = (*header.as_ref().expires.get()).assume_init();

                if end <= now {
                    late = Some(link);
                } else {
                    patrol.next = Some(patrol.next.map_or(end, |next| next.min(end)));
                    if is_by_age {
                        link = head;
                        break;
                    }
                }
                link = (*link).next;
            }
            patrol.late = late.map(|link| Place::new(link));
            patrol.place = (link != head).then(|| Place::new(link));
        }
    }

    /// Does a piece of what there is to do, and says when to go on, if something is
    /// left, and what was completed: up to which number, and how many fences signalled.
    fn patrol(&self, guard: &IrqGuard<'_>, now: i64) -> (Option<i64>, Option<(u64, usize)>) {
        // SAFETY: The lock is held, and nothing that is called here uses it.
        let patrol = unsafe { &mut *self.watchdog.patrol.get() };

        if patrol.late.is_none() {
            self.look(guard, patrol, now);
        }
        let late = patrol.late.take();
        let done = late.filter(|late| late.is_pending(guard)).map(|late| {
            let seqno = late.seqno();
            let up_to = self.up_to(guard, seqno, PIECE);

            if up_to != seqno {
                patrol.late = Some(late);
            }
            (up_to, self.drain_to(guard, up_to, ETIME.to_errno()))
        });
        let next = if patrol.late.is_some() || patrol.place.is_some() {
            Some(now)
        } else {
            // What is there but was not looked at has come since.
            // SAFETY: The list is initialised and locked.
            let is_empty = unsafe { (*self.pending.get()).next } == self.pending.get();

            patrol.next.take().or((!is_empty).then_some(now))
        };

        // It may all have signalled meanwhile.
        (next, done.filter(|(_, count)| *count != 0))
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
        let (next, done) = this.patrol(&guard, now);

        // What `next` is for may have been completed just now; the timer then finds
        // the one after it.
        this.watchdog.awake.store(next.is_some(), Relaxed);
        if let Some(next) = next {
            // SAFETY: Any context.
            let spent = unsafe { bindings::ktime_get() }.saturating_sub(now);

            // As long again is for others.
            let pause = SLACK_NS.max(spent.saturating_mul(2));
            this.watchdog.start(next.max(now.saturating_add(pause)));
        }
        drop(guard);
        if let Some((seqno, count)) = done {
            // SAFETY: The timeline was not closed when something was on its list, and
            // `sync` waits for this function. The operations are for this timeline.
            unsafe {
                if let Some(expired) = this.ops().expired {
                    expired(NonNull::from(this), seqno, count);
                }
            }
        }
        bindings::hrtimer_restart::HRTIMER_NORESTART
    }
}
