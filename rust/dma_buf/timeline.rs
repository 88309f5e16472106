// SPDX-License-Identifier: GPL-2.0

//! The core of a fence context: its pending fences, and their order.
//!
//! Not generic: whatever the driver's types, this is one piece of code, in this
//! module's text.
//!
//! # Order
//!
//! Fences of one context signal in the order of their sequence numbers. A
//! reservation object, or a merge, keeps only the latest of a context, so a
//! later fence that signals first would make its waiters forget an earlier one
//! that has not. A fence completed early is *done*: its result is fixed, and it
//! signals as soon as all before it have.
//!
//! # Lifetime
//!
//! A pending fence finds its timeline without holding a reference to it:
//!
//! - A fence that has not signalled is on the list of its timeline.
//! - A timeline whose handle goes first completes all that are on its list, and
//!   is then freed, a grace period later.
//!
//! So whoever sees the SIGNALED flag clear, inside an RCU read-side section,
//! knows that the timeline is there until that section ends. Nothing is counted
//! per fence, and a leaked handle keeps nothing alive but its own fence.
//!
//! # Locks
//!
//! timeline's lock -> fence's lock -> what callbacks take. Never the reverse: an
//! operation of the driver's, which the core may call with the fence's lock held,
//! only notes its finding in the fence, and has the `reap` irq_work complete it
//! in order. So the core itself never signals a fence of ours.

use crate::{
    bindings,
    fence,
    header::{
        Header,
        PENDING, //
    },
    lock::{
        IrqGuard,
        IrqLock, //
    },
    registry::Entry,
    section::Annotation, //
};
use core::{
    any::TypeId,
    cell::UnsafeCell,
    mem::offset_of,
    ptr::NonNull, //
};
use kernel::{
    ffi::c_char,
    prelude::*,
    str::{
        CStrExt,
        CString, //
    },
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed, //
        },
        rcu,
        static_lock_class, //
    },
    types::Opaque, //
};

/// What a timeline needs to know of the driver's types.
pub(crate) struct TimelineOps {
    pub(crate) fence: bindings::dma_fence_ops,
    /// Drops a fence's data; `None` if it needs no dropping.
    pub(crate) drop_data: bindings::rcu_callback_t,
    /// Together, these tell for whose types the operations are: a type's id is
    /// unique within the module that it is used in, where no two crates have one
    /// name, and the module is unique. Neither is enough by itself, and neither
    /// is the address of these operations, as equal ones may be merged.
    pub(crate) type_id: fn() -> TypeId,
    pub(crate) module: *mut bindings::module,
}

/// Protected by the timeline's lock.
struct Inner {
    /// The highest sequence number published.
    last: u64,
    /// The highest sequence number that has signalled, or was to.
    passed: u64,
    /// Sequence numbers have been given out here.
    gives_out: bool,
    /// Nothing new gets onto the list.
    closed: bool,
}

/// See the module.
///
/// # Invariants
///
/// - `pending` holds the headers of the fences published here and not signalled,
///   by rising sequence number, each with a reference that the list owns. It is
///   used only with `lock` held.
#[pin_data]
#[repr(C)]
pub(crate) struct Timeline {
    pub(crate) entry: Entry,
    #[pin]
    lock: IrqLock,
    #[pin]
    pending: Opaque<bindings::list_head>,
    inner: UnsafeCell<Inner>,
    /// Completes what an operation found to be done, where the list's lock may
    /// be taken.
    #[pin]
    reap: Opaque<bindings::irq_work>,
    ops: &'static TimelineOps,
    context: u64,
    driver_name: &'static CStr,
    timeline_name: CString,
    /// A dropped fence has been complained about.
    complained: Atomic<bool>,
}

// SAFETY: All that changes is atomic or protected by `lock`.
unsafe impl Send for Timeline {}
// SAFETY: As above.
unsafe impl Sync for Timeline {}

/// How far to go in signalling what is on the list.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// As far as fences are complete.
    Pending,
    /// As far as that, or this sequence number if it is further; what is not
    /// complete by then is completed with this result, 0 or an error code.
    Seqno(u64, i32),
}

impl Timeline {
    pub(crate) fn new(
        entry: Entry,
        ops: &'static TimelineOps,
        driver_name: &'static CStr,
        timeline_name: CString,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            entry,
            lock <- IrqLock::new(c"dma_buf_rs::FenceContext", static_lock_class!()),
            pending <- Opaque::ffi_init(|slot: *mut bindings::list_head| {
                // SAFETY: `slot` is valid for writes, and stays where it is.
                unsafe { slot.write(bindings::list_head { next: slot, prev: slot }) }
            }),
            inner: UnsafeCell::new(Inner {
                last: 0,
                passed: 0,
                gives_out: false,
                closed: false,
            }),
            reap <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes.
                unsafe { bindings::dma_buf_rs_init_irq_work(slot, Some(Self::reap)) }
            }),
            ops,
            // SAFETY: Any context; the count is not zero.
            context: unsafe { bindings::dma_fence_context_alloc(1) },
            driver_name,
            timeline_name,
            complained: Atomic::new(false),
        })
    }

    #[inline]
    pub(crate) fn context(&self) -> u64 {
        self.context
    }

    /// Publishes a fence with the next sequence number.
    ///
    /// On a closed timeline, it is published cancelled.
    ///
    /// # Safety
    ///
    /// `header` starts a fence of the type that `self.ops` is for, which the
    /// caller owns, and has not been published. Afterwards the caller owns a
    /// reference to it.
    #[inline]
    pub(crate) unsafe fn publish(&self, header: NonNull<Header>) {
        let guard = self.lock.lock();
        // SAFETY: The lock is held.
        let inner = unsafe { &mut *self.inner.get() };

        inner.gives_out = true;
        inner.last += 1;
        // SAFETY: By the function's contract. No number on the list is higher.
        unsafe { self.insert(header, inner.last, self.pending.get()) };
        if inner.closed {
            let _section = Annotation::begin();
            self.drain(&guard, Until::Seqno(u64::MAX, ECANCELED.to_errno()));
        }
    }

    /// Publishes a fence with the sequence number `seqno`, unless numbers are
    /// given out here and this one is not above the last; says whether it did.
    ///
    /// If it, or a higher one, has signalled, so has this one, with success.
    ///
    /// # Safety
    ///
    /// As for [`Self::publish`]; nothing changes if it returns false.
    pub(crate) unsafe fn publish_at(&self, header: NonNull<Header>, seqno: u64) -> bool {
        let _section = Annotation::begin();
        let guard = self.lock.lock();
        // SAFETY: The lock is held.
        let inner = unsafe { &mut *self.inner.get() };

        if inner.gives_out && seqno <= inner.last {
            return false;
        }
        inner.last = inner.last.max(seqno);

        // Behind the last one that is not above it.
        let head = self.pending.get();
        // SAFETY: The list is initialised and locked, and what is on it is valid.
        let next = unsafe {
            let mut next = head;
            while (*next).prev != head
                && (*Header::as_fence(Self::header_of((*next).prev))).seqno > seqno
            {
                next = (*next).prev;
            }
            next
        };
        // SAFETY: By the function's contract; the place was just found.
        unsafe { self.insert(header, seqno, next) };

        if inner.closed {
            self.drain(&guard, Until::Seqno(u64::MAX, ECANCELED.to_errno()));
        } else if seqno <= inner.passed {
            self.drain(&guard, Until::Seqno(inner.passed, 0));
        }
        true
    }

    /// Initialises a fence and puts it on the list, before `next`.
    ///
    /// # Safety
    ///
    /// - As for [`Self::publish`], with the lock held.
    /// - `next` is the list's head, or the link of one on it, and the numbers
    ///   before it are not above, those from it on not below `seqno`.
    #[inline]
    unsafe fn insert(
        &self,
        header: NonNull<Header>,
        seqno: u64,
        next: *mut bindings::list_head,
    ) {
        let fence = Header::as_fence(header);

        // SAFETY: The caller owns the fence. Its operations may run as soon as it
        // is initialised, as a tracepoint in there calls two, so the timeline is
        // set before. A null lock selects the fence's own. The second reference
        // is the list's. The header is on no list, and the list is locked.
        unsafe {
            (&raw mut (*header.as_ptr()).timeline).write(NonNull::from(self));
            bindings::dma_fence_init64(
                fence,
                &self.ops.fence,
                core::ptr::null_mut(),
                self.context,
                seqno,
            );
            fence::get(fence);
            bindings::dma_buf_rs_list_add_tail(
                &raw mut (*(*header.as_ptr()).link.get()).pending,
                next,
            );
        }
    }

    /// Completes a fence with `error`, 0 or an error code, unless that has
    /// happened, and signals it if all before it have. Says whether it was the
    /// first.
    ///
    /// `timestamp` is in ns of CLOCK_MONOTONIC; 0 takes the time at which the
    /// fence signals.
    ///
    /// # Safety
    ///
    /// `header` is published, and the caller has a reference to it.
    pub(crate) unsafe fn complete(header: NonNull<Header>, error: i32, timestamp: i64) -> bool {
        let _section = Annotation::begin();
        let _rcu = rcu::read_lock();

        // SAFETY: The caller's reference keeps the fence valid.
        let this = unsafe { header.as_ref() };
        if this.outcome.load(Relaxed) != PENDING {
            return false;
        }
        // SAFETY: By the invariants of `Header`, as the outcome was pending inside
        // this RCU read-side section.
        let timeline = unsafe { this.timeline.as_ref() };

        let guard = timeline.lock.lock();
        if this.outcome.cmpxchg(PENDING, error, Full).is_err() {
            return false;
        }
        // SAFETY: The lock is held.
        unsafe { this.timestamp.get().write(timestamp) };
        timeline.drain(&guard, Until::Pending);
        true
    }

    /// Signals fences from the front of the list, in order, and says how many.
    fn drain(&self, _guard: &IrqGuard<'_>, until: Until) -> usize {
        let mut now = 0;
        let mut count = 0;
        // SAFETY: The lock is held, and the callers do not hold on to this.
        let passed = unsafe { &raw mut (*self.inner.get()).passed };

        if let Until::Seqno(seqno, _) = until {
            // SAFETY: The lock is held.
            unsafe { *passed = (*passed).max(seqno.min((*self.inner.get()).last)) };
        }

        // A fence may lose its last reference as soon as it has signalled, while
        // its lock is still being let go; interrupts being off does not keep RCU
        // from freeing it where spinlocks sleep.
        let _rcu = rcu::read_lock();

        while let Some(header) = self.first() {
            let fence = Header::as_fence(header);
            // SAFETY: What is on the list is valid, and the list owns a
            // reference until it is given up below.
            let this = unsafe { header.as_ref() };

            let mut error = this.outcome.load(Acquire);
            if error == PENDING {
                match until {
                    // SAFETY: The number is set before publication.
                    Until::Seqno(seqno, result) if unsafe { (*fence).seqno } <= seqno => {
                        error = match this.outcome.cmpxchg(PENDING, result, Full) {
                            Ok(_) => result,
                            Err(first) => first,
                        };
                    }
                    _ => break,
                }
            }

            // SAFETY: The lock is held.
            let mut timestamp = unsafe { *this.timestamp.get() };
            if timestamp == 0 {
                if now == 0 {
                    // SAFETY: Any context.
                    now = unsafe { bindings::ktime_get() };
                }
                timestamp = now;
            }

            // SAFETY: The fence is on the list, and the list is locked. Its lock
            // is its own, interrupts are off, and by the invariants of `Header`
            // it has not signalled. Then the list gives up its reference.
            unsafe {
                bindings::dma_buf_rs_list_del(&raw mut (*this.link.get()).pending);
                *passed = (*passed).max((*fence).seqno);
                fence::signal_own(fence, error, timestamp);
                Header::release(header, self.ops.drop_data);
            }
            count += 1;
        }
        count
    }

    /// The first fence on the list.
    #[inline]
    fn first(&self) -> Option<NonNull<Header>> {
        let head = self.pending.get();
        // SAFETY: The list is initialised, and the callers hold the lock.
        let link = unsafe { (*head).next };

        if link == head {
            return None;
        }
        // SAFETY: It is not the head.
        Some(unsafe { Self::header_of(link) })
    }

    /// The fence that is on the list by this link.
    ///
    /// # Safety
    ///
    /// `link` is on the list, and not its head.
    #[inline]
    unsafe fn header_of(link: *mut bindings::list_head) -> NonNull<Header> {
        // SAFETY: What is on the list is the `link` of a header.
        unsafe { NonNull::new_unchecked(link.byte_sub(offset_of!(Header, link)).cast::<Header>()) }
    }

    /// Signals what is on the list, and says how many fences.
    pub(crate) fn signal(&self, until: Until) -> usize {
        let _section = Annotation::begin();
        let guard = self.lock.lock();

        self.drain(&guard, until)
    }

    /// Completes the pending fences with this sequence number, and says whether
    /// there was one.
    pub(crate) fn complete_seqno(&self, seqno: u64, error: i32) -> bool {
        let _section = Annotation::begin();
        let guard = self.lock.lock();
        let head = self.pending.get();
        let mut found = false;

        // SAFETY: The list is initialised and locked, and what is on it is valid.
        unsafe {
            let mut link = (*head).next;

            while link != head {
                let header = Self::header_of(link);
                let number = (*Header::as_fence(header)).seqno;

                if number > seqno {
                    break;
                }
                if number == seqno {
                    found |= header.as_ref().outcome.cmpxchg(PENDING, error, Full).is_ok();
                }
                link = (*link).next;
            }
        }
        self.drain(&guard, Until::Pending);
        found
    }

    /// Cancels what is on the list, and has everything cancelled that comes.
    pub(crate) fn close(&self) {
        let _section = Annotation::begin();
        let guard = self.lock.lock();

        // SAFETY: The lock is held.
        unsafe { (*self.inner.get()).closed = true };
        self.drain(&guard, Until::Seqno(u64::MAX, ECANCELED.to_errno()));
    }

    /// Notes that an operation of the driver's found the fence to be complete,
    /// and has that acted upon.
    ///
    /// Callable with the fence's lock held.
    pub(crate) fn note_complete(&self, header: &Header, error: i32) {
        if header.outcome.cmpxchg(PENDING, error, Full).is_ok() {
            // SAFETY: The work is initialised. The caller is an operation of a
            // pending fence, inside an RCU read-side section, so this happens
            // before the grace period after which the timeline is freed, unless
            // the work is still busy.
            unsafe { bindings::irq_work_queue(self.reap.get()) };
        }
    }

    /// The body of the `reap` irq_work.
    ///
    /// # Safety
    ///
    /// `work` is the one in a timeline.
    #[inline(never)]
    unsafe extern "C" fn reap(work: *mut bindings::irq_work) {
        // SAFETY: By the function's contract; a timeline is not freed while its
        // work is busy.
        let this = unsafe { &*work.byte_sub(offset_of!(Timeline, reap)).cast::<Timeline>() };

        this.signal(Until::Pending);
    }

    /// Whether the `reap` irq_work is queued or running.
    pub(crate) fn is_busy(&self) -> bool {
        // SAFETY: The work is initialised.
        unsafe { bindings::dma_buf_rs_irq_work_is_busy(self.reap.get()) }
    }

    /// Waits until the `reap` irq_work does not run.
    ///
    /// Process context, may sleep.
    pub(crate) fn sync(&self) {
        // SAFETY: The work is initialised; the context is right.
        unsafe { bindings::irq_work_sync(self.reap.get()) };
    }

    /// Whether this is a timeline of these types.
    #[inline]
    pub(crate) fn is_of(&self, ops: &TimelineOps) -> bool {
        self.ops.module == ops.module && (self.ops.type_id)() == (ops.type_id)()
    }

    /// Completes a fence whose handle was dropped, unless that has happened, and
    /// complains, once for each timeline.
    ///
    /// # Safety
    ///
    /// As for [`Self::complete`].
    #[cold]
    pub(crate) unsafe fn cancel_dropped(header: NonNull<Header>) {
        let rcu = rcu::read_lock();
        // SAFETY: The caller's reference keeps the fence valid.
        let this = unsafe { header.as_ref() };

        if this.outcome.load(Relaxed) == PENDING {
            // SAFETY: As in `complete`; the number never changes.
            let (timeline, seqno) =
                unsafe { (this.timeline.as_ref(), (*Header::as_fence(header)).seqno) };

            if !timeline.complained.xchg(true, Relaxed) {
                pr_err!(
                    "driver bug: fence {} of {} ({}) was dropped unsignalled; cancelled\n",
                    seqno,
                    &*timeline.timeline_name,
                    timeline.driver_name,
                );
            }
        }
        drop(rcu);

        // SAFETY: By the function's contract.
        unsafe { Self::complete(header, ECANCELED.to_errno(), 0) };
    }

    /// The operation `get_driver_name`.
    ///
    /// # Safety
    ///
    /// Called by the core, on a fence of ours that is initialised, inside an RCU
    /// read-side section, unless the fence has signalled.
    #[inline(never)]
    pub(crate) unsafe extern "C" fn get_driver_name(fence: *mut bindings::dma_fence) -> *const c_char {
        // SAFETY: By the function's contract and the invariants of `Header`.
        // The tracepoint inside signalling comes here with the flag set, but
        // with the timeline's lock held.
        unsafe { (*fence.cast::<Header>()).timeline.as_ref() }
            .driver_name
            .as_char_ptr()
    }

    /// The operation `get_timeline_name`.
    ///
    /// # Safety
    ///
    /// As for [`Self::get_driver_name`].
    pub(crate) unsafe extern "C" fn get_timeline_name(fence: *mut bindings::dma_fence) -> *const c_char {
        // SAFETY: As in `get_driver_name`.
        unsafe { (*fence.cast::<Header>()).timeline.as_ref() }
            .timeline_name
            .as_char_ptr()
    }
}
