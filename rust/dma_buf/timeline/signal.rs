// SPDX-License-Identifier: GPL-2.0

//! Walking over the fences of a timeline, and signalling them: in order, and at most [`BATCH`] at a
//! time with interrupts off.
//!
//! If an operation finds a fence done, it stores the result in the fence, and the `reap` irq_work
//! signals it. Waiters may never ask about the fences before it, as a reservation object keeps only
//! the latest. So the irq_work asks the driver.

use super::{
    header::{
        FenceHeader,
        PENDING, //
    },
    Head,
    PollFn,
    Queue,
    Tail,
    Timeline,
    BATCH, //
};
use crate::{
    bindings,
    fence::{
        self,
        Fence, //
    },
    lock::{
        lock,
        IrqGuard,
        IrqsOff, //
    },
    lockdep::DomainSection,
    section::Annotation, //
};
use core::ptr::NonNull;
use kernel::{
    container_of,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Acquire,
            Full,
            Relaxed, //
        },
        rcu, //
    },
    types::Opaque, //
};

/// The outcome of [`DriverFence::signal`](crate::DriverFence::signal).
///
/// See [`DriverFence`](crate::DriverFence) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalOutcome {
    /// The fence has signalled.
    Signaled,
    /// The fence is done. It signals as soon as all fences before it in its context have.
    InTurn,
    /// The fence had been completed before, and that result stays: by the context, its timeout, or
    /// an operation of the driver.
    TooLate,
}

/// Returns a reference to a pending fence.
///
/// # Safety
///
/// The fence is pending, and the lock with which it was found is still held.
unsafe fn get_fence(header: NonNull<FenceHeader>) -> ARef<Fence> {
    // SAFETY: By the function's contract it is valid.
    unsafe { Fence::from_raw(FenceHeader::as_fence(header)) }.into()
}

/// A timeline whose head lock is held.
pub(super) struct LockedHead<'a> {
    timeline: &'a Timeline,
    irqs: &'a IrqsOff,
    pub(super) head: IrqGuard<'a, Head>,
}

impl<'a> LockedHead<'a> {
    #[inline]
    pub(super) fn timeline(&self) -> &'a Timeline {
        self.timeline
    }

    #[inline]
    pub(super) fn lock_tail(&self) -> IrqGuard<'a, Tail> {
        lock(&self.timeline.tail, self.irqs)
    }

    /// Signals up to `max` fences from the front: those with numbers up to `up_to`, and those
    /// behind them that are done. Fences that are not done get `result`, 0 or an error code.
    /// Returns their number, and `true` if more may be left. The caller drops the lock before it
    /// continues.
    pub(super) fn signal(&mut self, up_to: u64, result: i32, max: usize) -> (usize, bool) {
        // SAFETY: The function may be called in any context.
        let now = unsafe { bindings::ktime_get() };

        if self.timeline.options.points {
            return self.signal_points(up_to, result, now, max);
        }
        let left = if self.timeline.drop_data.is_some() {
            self.signal_queue::<true>(up_to, result, now, max)
        } else {
            self.signal_queue::<false>(up_to, result, now, max)
        };

        (max - left, left == 0)
    }

    /// [`Self::signal`], of a queue. `HAS_DROP`: the data of the fences needs dropping. Returns
    /// `max` minus the number of fences.
    #[inline(never)]
    fn signal_queue<const HAS_DROP: bool>(
        &self,
        up_to: u64,
        result: i32,
        now: i64,
        max: usize,
    ) -> usize {
        let Timeline { queue, tail, .. } = self.timeline;
        let drop_data = if HAS_DROP {
            self.timeline.drop_data
        } else {
            None
        };
        let mut left = max;
        let Some(mut header) = queue.first() else {
            return left;
        };

        // SAFETY: Fences in the queue are valid. The head lock is held until the signalled fences
        // are taken out of the queue, and the last fence is taken out before it is signalled.
        unsafe {
            while FenceHeader::seqno(header) <= up_to
                || header.as_ref().result.load(Acquire) != PENDING
            {
                let Some(next) = Queue::after(header) else {
                    queue.take_last(header, tail, self.irqs);
                    self.signal_and_release(header, result, now, drop_data);
                    return left - 1;
                };

                self.signal_and_release(header, result, now, drop_data);
                header = next;
                left -= 1;
                if left == 0 {
                    break;
                }
            }
            queue.take_before(header);
        }
        left
    }

    /// [`Self::signal`], of points.
    fn signal_points(&self, up_to: u64, result: i32, now: i64, max: usize) -> (usize, bool) {
        let mut steps = BATCH;

        for count in 0..max {
            let Some(header) = self.take_due(up_to, &mut steps) else {
                return (count, steps == 0);
            };

            // SAFETY: The fence was just taken.
            unsafe { self.signal_and_release(header, result, now, self.timeline.drop_data) };
        }
        (max, true)
    }

    /// Signals a fence, with its own result if it is done, and drops the timeline's reference.
    ///
    /// # Safety
    ///
    /// The fence was pending, and is taken out before the head lock is released. `drop_data` is for
    /// its type.
    // Inlined, so that a constant `drop_data` of `None` leaves one `put()` for each fence.
    #[inline(always)]
    unsafe fn signal_and_release(
        &self,
        header: NonNull<FenceHeader>,
        result: i32,
        now: i64,
        drop_data: bindings::rcu_callback_t,
    ) {
        // SAFETY: By the function's contract, the timeline's reference keeps the fence valid. The
        // head lock is held.
        unsafe {
            match header.as_ref().result.cmpxchg(PENDING, result, Full) {
                Ok(_) => fence::signal_raw(FenceHeader::as_fence(header), result, now),
                Err(error) => Self::signal_with_its_result(header, error, now),
            }
            FenceHeader::release(header, drop_data);
        }
    }

    /// Signals a fence that is done already. Cold: most fences of a batch are not.
    ///
    /// # Safety
    ///
    /// As for [`Self::signal_and_release`], with the head lock held.
    #[cold]
    #[inline(never)]
    unsafe fn signal_with_its_result(header: NonNull<FenceHeader>, error: i32, now: i64) {
        // SAFETY: By the function's contract.
        unsafe {
            fence::signal_raw(
                FenceHeader::as_fence(header),
                error,
                header.as_ref().timestamp_or(now),
            )
        }
    }

    /// Signals up to `max` done fences from the front. The `reap` irq_work continues if there may
    /// be more.
    #[inline(never)]
    fn signal_done(mut self, max: usize) {
        let (_, more) = self.signal(0, 0, max);

        if more {
            // SAFETY: The head lock is held, and the fences that may be left were pending under it.
            unsafe { self.timeline.queue_reap() };
        }
    }

    /// Returns `true` if the first fence of the queue is done.
    #[inline]
    fn is_first_done(&self) -> bool {
        self.timeline.queue.first().is_some_and(|first| {
            // SAFETY: Fences in the queue are valid.
            unsafe { first.as_ref() }.result.load(Acquire) != PENDING
        })
    }

    /// Calls `f` for a batch of pending fences, in order, until it returns `false`. Begins at
    /// `cursor` if that is still pending, or else at number `seqno` or before. Returns the fence to
    /// continue at, if there is more. A cursor can be dropped with any lock held, as RCU frees the
    /// fence.
    pub(super) fn visit_batch(
        &self,
        cursor: Option<ARef<Fence>>,
        seqno: u64,
        mut f: impl FnMut(NonNull<FenceHeader>) -> bool,
    ) -> Option<ARef<Fence>> {
        let timeline = self.timeline();
        let tail = timeline.options.points.then(|| self.lock_tail());
        // If the cursor has signalled, so have all fences before it.
        let mut at = match cursor.filter(|cursor| !cursor.test_signaled_flag()) {
            Some(cursor) => NonNull::new(cursor.as_raw().cast()),
            None => tail.as_ref().map_or_else(
                || timeline.queue.first(),
                |tail| tail.points.first_from(seqno),
            ),
        };

        // SAFETY: The head lock is held, and for points also the tail lock. Pending fences are
        // valid.
        unsafe {
            for _ in 0..BATCH {
                let header = at?;

                if !f(header) {
                    return None;
                }
                at = match &tail {
                    Some(tail) => tail.points.after(header),
                    None => Queue::after(header),
                };
            }
            at.map(|header| get_fence(header))
        }
    }

    /// Returns the number of the first pending fence.
    pub(super) fn first_seqno(&self) -> Option<u64> {
        let first = if self.timeline.options.points {
            self.lock_tail().points.first()
        } else {
            self.timeline.queue.first()
        };

        // SAFETY: Pending fences are valid, and stay so while the head lock is held.
        first.map(|first| unsafe { FenceHeader::seqno(first) })
    }

    /// Takes the first point if it is due.
    fn take_due(&self, up_to: u64, steps: &mut usize) -> Option<NonNull<FenceHeader>> {
        let mut guard = self.lock_tail();
        let tail = &mut *guard;
        let Some(header) = tail.points.due(up_to, steps) else {
            tail.removed_up_to = tail.removed_up_to.max(up_to.min(tail.last));
            let first = tail.points.first();
            // SAFETY: Fences in the tree are valid.
            let first = first.map(|it| unsafe { FenceHeader::seqno(it) });

            // All points up to `removed_up_to` have signalled, unless some were added there
            // meanwhile.
            if first.is_none_or(|first| first > tail.removed_up_to) {
                tail.signaled_up_to = tail.removed_up_to;
            }
            return None;
        };

        // SAFETY: It is in the tree, and the head lock is held.
        unsafe {
            tail.points.take(header);
            tail.removed_up_to = tail.removed_up_to.max(FenceHeader::seqno(header));
        }
        Some(header)
    }

    /// Returns the first fence that [`Self::signal`] has found not done.
    fn first_unfinished(&self) -> Option<NonNull<FenceHeader>> {
        if self.timeline.options.points {
            return self.lock_tail().points.unfinished();
        }
        self.timeline.queue.first()
    }
}

impl Timeline {
    #[inline]
    pub(super) fn lock_head<'a>(&'a self, irqs: &'a IrqsOff) -> LockedHead<'a> {
        LockedHead {
            timeline: self,
            irqs,
            head: lock(&self.head, irqs),
        }
    }

    /// Completes a fence with `error`, 0 or an error code, unless it was completed before, and
    /// signals it if all before it have signalled.
    ///
    /// `timestamp` is in ns of CLOCK_MONOTONIC; 0 takes the time at which the fence signals. If
    /// this returns [`SignalOutcome::Signaled`], the timeline's reference to the fence is the
    /// caller's.
    ///
    /// # Safety
    ///
    /// `header` is published, and the caller has a reference to it.
    #[inline(never)]
    pub(crate) unsafe fn complete(
        header: NonNull<FenceHeader>,
        error: i32,
        timestamp: i64,
    ) -> SignalOutcome {
        // SAFETY: The caller's reference keeps the fence valid.
        let this = unsafe { header.as_ref() };

        // The annotations come before RCU is read-locked, as they do nothing in atomic context. The
        // domain's comes first, so that a report names it.
        #[cfg(CONFIG_LOCKDEP)]
        let _domain = DomainSection::begin({
            let _rcu = rcu::read_lock();
            if this.result.load(Relaxed) != PENDING {
                return SignalOutcome::TooLate;
            }
            // SAFETY: As below.
            unsafe { this.timeline.as_ref() }.options.domain
        });
        let _section = Annotation::begin();
        let irqs = IrqsOff::begin();

        if this.result.load(Relaxed) != PENDING {
            return SignalOutcome::TooLate;
        }
        // SAFETY: By the invariants of `FenceHeader`, as the fence was pending inside this RCU
        // read-side section.
        let timeline = unsafe { this.timeline.as_ref() };
        let head = timeline.lock_head(&irqs);

        if this.result.cmpxchg(PENDING, error, Full).is_err() {
            return SignalOutcome::TooLate;
        }
        // A point is never in the queue.
        if timeline.queue.first() != Some(header) {
            // SAFETY: The head lock is held, and the fence has not signalled.
            unsafe { this.timestamp.get().write(timestamp) };
            if timeline.options.points {
                head.signal_done(BATCH);
            }
            return SignalOutcome::InTurn;
        }
        // Not by `signal`, which costs more: a driver does this for each job.
        // SAFETY: The head lock is held, and this is the first fence, so it may signal.
        unsafe {
            timeline.queue.take(header, &timeline.tail, &irqs);
            fence::signal_raw(
                FenceHeader::as_fence(header),
                error,
                match timestamp {
                    0 => bindings::ktime_get(),
                    timestamp => timestamp,
                },
            );
        }
        if head.is_first_done() {
            head.signal_done(BATCH - 1);
        }
        SignalOutcome::Signaled
    }

    /// [`FenceContext::signal_up_to`](crate::FenceContext::signal_up_to), with this result, 0 or an
    /// error code.
    ///
    /// After the first batch it signals only fences that were published by then, so it ends even if
    /// other CPUs publish faster than this one signals.
    pub(crate) fn signal_up_to(&self, mut seqno: u64, result: i32) -> usize {
        let _domain = DomainSection::begin(self.options.domain);
        let _section = Annotation::begin();
        let mut count = 0;

        loop {
            let irqs = IrqsOff::begin();
            let mut head = self.lock_head(&irqs);
            let (some, more) = head.signal(seqno, result, BATCH);

            count += some;
            if !more {
                return count;
            }
            // A caller with interrupts off relies on no more fences being signalled here than it
            // asked for.
            if head.first_seqno().is_some_and(|first| first > seqno) {
                // SAFETY: The first fence is pending, and the head lock is held.
                unsafe { self.queue_reap() };
                return count;
            }
            drop(head);
            if count == some {
                drop(irqs);
                seqno = seqno.min(self.last_seqno());
            }
        }
    }

    /// Completes the pending fences with this sequence number. Returns `true` if there was one
    /// that was not done.
    pub(crate) fn complete_seqno(&self, seqno: u64, error: i32) -> bool {
        let mut found = false;

        self.for_each_pending(seqno, |header| {
            // SAFETY: Pending fences are valid.
            let (number, this) = unsafe { (FenceHeader::seqno(header), header.as_ref()) };

            if number == seqno {
                found |= this.result.cmpxchg(PENDING, error, Full).is_ok();
            }
            number <= seqno
        });
        self.signal_up_to(0, 0);
        found
    }

    /// Stores the result of a fence that an operation of the driver has found done, perhaps with
    /// the fence's lock held, and queues `reap`. Modelled in `reap.litmus`.
    ///
    /// # Safety
    ///
    /// The caller is an operation, as for [`Self::queue_reap`].
    pub(crate) unsafe fn note_done(&self, header: &FenceHeader, error: i32) {
        // If another result came first, that one counts.
        let _ = header.result.cmpxchg(PENDING, error, Full);
        // SAFETY: By the function's contract.
        unsafe { self.queue_reap() };
    }

    /// Queues `reap`, which signals the fences that are done.
    ///
    /// # Safety
    ///
    /// One of:
    ///
    /// - the caller is an operation of a fence of this timeline, inside an RCU read-side section in
    ///   which the fence's operations were set;
    /// - the head lock is held, and a fence was pending when it was taken: closing the timeline
    ///   takes it again to signal that fence;
    /// - the tail lock is held, and the timeline is not closed;
    /// - RCU is read-locked, and the timeline was not closed inside that section.
    pub(crate) unsafe fn queue_reap(&self) {
        // SAFETY: The work is initialised. By the function's contract this happens before the
        // grace period after which the timeline is freed, unless the work is still busy.
        unsafe { bindings::irq_work_queue(self.reap.get()) };
    }

    /// The function of the `reap` irq_work.
    ///
    /// # Safety
    ///
    /// `work` is the one in a timeline.
    #[inline(never)]
    pub(super) unsafe extern "C" fn reap(work: *mut bindings::irq_work) {
        let work: *mut Opaque<bindings::irq_work> = work.cast();
        // SAFETY: By the function's contract. A timeline is not freed while its work is busy.
        let this = unsafe { &*container_of!(work, Timeline, reap) };

        // Before RCU is read-locked, see `complete`.
        let _domain = DomainSection::begin(this.options.domain);
        let _section = Annotation::begin();
        let rcu = rcu::read_lock();

        // Interrupts are off. If there is more to do, the work runs again.
        let mut budget = BATCH;

        while let Some((header, poll)) = this.next_to_poll(&mut budget, &rcu) {
            // SAFETY: Inside this RCU read-side section the fence was pending and the timeline not
            // closed, so the driver's text stays as well.
            let Some(error) = (unsafe { poll(header) }) else {
                return;
            };
            // SAFETY: The fence is valid, as it is freed a grace period after it has signalled. If
            // it has signalled by now, it has a result already.
            let _ = unsafe { header.as_ref() }
                .result
                .cmpxchg(PENDING, error, Full);
        }
    }

    /// Signals the fences that are done, and returns the first that is not, to ask the driver about
    /// it. Returns `None` if no fence is pending, the timeline is closed, or the driver does not
    /// implement `signaled`. Subtracts the number of fences from `budget`; when that is used up,
    /// queues another run, and returns `None`.
    fn next_to_poll(
        &self,
        budget: &mut usize,
        _rcu: &rcu::Guard,
    ) -> Option<(NonNull<FenceHeader>, PollFn)> {
        let irqs = IrqsOff::begin();
        let mut head = self.lock_head(&irqs);
        let (count, more) = head.signal(0, 0, (*budget).max(1));

        if more {
            // SAFETY: The head lock is held, and the fences that may be left were pending under it.
            unsafe { self.queue_reap() };
            return None;
        }
        let poll = {
            let tail = head.lock_tail();

            if tail.closed {
                return None;
            }
            // SAFETY: The tail lock is held, and the timeline is not closed.
            unsafe { self.ops() }.poll?
        };

        *budget = budget.saturating_sub(count + 1);
        if *budget == 0 {
            // SAFETY: RCU is read-locked, and inside this section the timeline was not closed.
            unsafe { self.queue_reap() };
            return None;
        }
        head.first_unfinished().map(|header| (header, poll))
    }

    /// Calls `f` for the pending fences, in order, until it returns `false`. Begins at number
    /// `seqno` or before.
    pub(super) fn for_each_pending(
        &self,
        seqno: u64,
        mut f: impl FnMut(NonNull<FenceHeader>) -> bool,
    ) {
        let mut cursor = None;

        loop {
            let irqs = IrqsOff::begin();

            cursor = self
                .lock_head(&irqs)
                .visit_batch(cursor.take(), seqno, &mut f);
            if cursor.is_none() {
                return;
            }
        }
    }

    /// Returns the pending fence with this number, if there is one; of several, the last.
    pub(crate) fn find_pending(&self, seqno: u64) -> Option<ARef<Fence>> {
        let mut found = None;

        if self.options.points {
            let irqs = IrqsOff::begin();
            let tail = lock(&self.tail, &irqs);
            let last = tail.points.last_up_to(seqno)?;

            // SAFETY: Pending fences are valid, and the tail lock is held.
            return unsafe { (FenceHeader::seqno(last) == seqno).then(|| get_fence(last)) };
        }
        self.for_each_pending(seqno, |header| {
            // SAFETY: Pending fences are valid, and the head lock is held.
            let number = unsafe { FenceHeader::seqno(header) };

            if number == seqno {
                // SAFETY: As above.
                found = Some(unsafe { get_fence(header) });
            }
            number < seqno
        });
        found
    }

    /// Returns the number of the first pending fence.
    pub(crate) fn first_pending_seqno(&self) -> Option<u64> {
        self.lock_head(&IrqsOff::begin()).first_seqno()
    }

    /// Fills `fences` with references to the first pending fences, up to its capacity.
    pub(crate) fn pending(&self, fences: &mut KVec<ARef<Fence>>) {
        self.for_each_pending(0, |header| {
            if fences.len() == fences.capacity() {
                return false;
            }
            // SAFETY: Pending fences are valid, and the head lock is held.
            fences
                .push_within_capacity(unsafe { get_fence(header) })
                .is_ok()
        });
    }

    /// Returns `true` if the kernel still uses the timeline: its irq_work is queued or running, or
    /// its timer's function runs.
    pub(crate) fn is_busy(&self) -> bool {
        // SAFETY: The work is initialised.
        let reaping = unsafe { bindings::dma_buf_rs_irq_work_is_busy(self.reap.get()) };

        reaping || !self.timer.try_cancel()
    }

    /// Waits until neither the irq_work nor the timer's function runs.
    ///
    /// Context: process; may sleep.
    ///
    /// # Safety
    ///
    /// Only one task calls it at a time: an irq_work has room for one that waits.
    pub(crate) unsafe fn sync(&self) {
        // SAFETY: The work is initialised, the context is right, and no other task waits for it.
        unsafe { bindings::irq_work_sync(self.reap.get()) };
        self.timer.cancel();
    }
}
