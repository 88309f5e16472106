// SPDX-License-Identifier: GPL-2.0

//! The core of a fence context: its pending fences, their order, and how they are published.
//!
//! It is not generic, so this code exists once, and the functions that the kernel calls are text
//! of this module, whichever driver made the context.
//!
//! # Order
//!
//! Fences of one context signal in the order of their sequence numbers: a reservation object, or a
//! merge, keeps only the latest, and waiters would miss an earlier one that signals later. A fence
//! completed early is *done*: its result is fixed, and it signals in its turn.
//!
//! # Lifetime
//!
//! A pending fence finds its timeline without holding a reference to it: see the invariants of
//! [`Header`]. A timeline whose handle is dropped completes all of its fences, and is freed a grace
//! period later. Nothing is counted per fence, and a leaked handle keeps only its own fence alive.
//!
//! The driver's operations lie in the module that made the timeline, which may be unloaded while
//! another module still has the handle. The unload closes the timeline first, and on a closed one
//! nothing of that module is used: a fence published there has [`CLOSED_OPS`], and the module
//! that publishes it drops its data.
//!
//! # Locks
//!
//! The head lock is taken to signal, and to look at what is pending; the tail lock to publish, and
//! within the head lock: see the [crate's page](crate#locks).
//!
//! The core may call an operation of the driver with the fence's lock held. So the result is only
//! noted in the fence, and the `reap` irq_work completes the fence in order; the core itself never
//! signals a fence of ours. `reap` asks the driver about the fences before it with no lock held.

mod header;
mod options;
mod pending;
mod signal;
mod timeout;

pub(crate) use header::{
    drop_data,
    FenceData,
    Header,
    PENDING, //
};
pub use options::ContextOptions;
pub use signal::SignalOutcome;

use crate::{
    bindings,
    fence,
    lock::{
        lock,
        new_irq_lock,
        IrqsOff, //
    },
    registry::TrackedEntry, //
};
use core::{
    any::TypeId,
    ptr::NonNull, //
};
use kernel::{
    ffi::{
        c_char,
        c_void, //
    },
    prelude::*,
    str::{
        CStrExt,
        CString, //
    },
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        SpinLockIrq, //
    },
    types::Opaque, //
};
use options::MAX_CHOSEN_SEQNO;
use pending::{
    Points,
    Queue, //
};
use timeout::{
    Scan,
    Timer, //
};

/// Asks the driver about a fence. Returns `None` if it is not complete, or else its result, 0 or an
/// error code.
///
/// To be called inside an RCU read-side section in which the fence was seen pending on
/// a timeline that is not closed.
pub(crate) type PollFn = unsafe fn(NonNull<Header>) -> Option<i32>;

/// The operations of a driver on a timeline's fences.
///
/// # Invariants
///
/// Operations of a fence that name [`Timeline::get_driver_name`] are the `fence` in one of these.
#[repr(C)]
pub(crate) struct TimelineOps {
    /// At the start, as [`Self::of_fence`] relies on it.
    pub(crate) fence: bindings::dma_fence_ops,
    /// Drops a fence's data; `None` if it needs no dropping.
    pub(crate) drop_data: bindings::rcu_callback_t,
    /// `None` if the driver cannot tell.
    pub(crate) poll: Option<PollFn>,
    /// [`FenceContextOps::expired`](crate::FenceContextOps::expired).
    ///
    /// Called by the timer's function, which [`Timeline::sync`] waits for, with no lock held, on a
    /// timeline that was not closed when the fences signalled.
    pub(crate) expired: Option<unsafe fn(NonNull<Timeline>, u64, usize)>,
    /// `type_id` and `anchor` together identify the type that the operations are for. The id of a
    /// type is unique among crates of different names, and the crates of one module have different
    /// names. (`()` is in no crate, and is the same type in all.) The anchor is a function
    /// instantiated for the type, so its address lies in the module that uses the type. Neither is
    /// enough alone: another module may have a crate of the same name, and the linker may merge
    /// functions of the same code.
    pub(crate) type_id: fn() -> TypeId,
    pub(crate) anchor: unsafe fn(NonNull<TrackedEntry>),
}

/// The operations of fences that are published on a closed timeline.
static CLOSED_OPS: TimelineOps = TimelineOps {
    fence: bindings::dma_fence_ops {
        get_driver_name: Some(Timeline::get_driver_name),
        get_timeline_name: Some(Timeline::get_timeline_name),
        enable_signaling: None,
        signaled: None,
        wait: None,
        release: None,
        set_deadline: None,
    },
    drop_data: None,
    poll: None,
    expired: None,
    // No driver's type.
    type_id: TypeId::of::<TimelineOps>,
    anchor: TimelineOps::no_anchor,
};

impl TimelineOps {
    /// Returns the operations of a fence, unless it has signalled and lost them.
    ///
    /// # Safety
    ///
    /// The fence is valid, and RCU is read-locked for `'a`.
    pub(crate) unsafe fn load<'a>(
        fence: *mut bindings::dma_fence,
    ) -> Option<&'a bindings::dma_fence_ops> {
        // SAFETY: By the function's contract. What the operations point to stays while RCU is
        // read-locked, as for the core.
        unsafe {
            Atomic::from_ptr((&raw mut (*fence).ops).cast::<*mut c_void>())
                .load(Acquire)
                .cast::<bindings::dma_fence_ops>()
                .as_ref()
        }
    }

    /// Returns what the operations of a fence are part of, if it is a fence of this crate.
    ///
    /// # Safety
    ///
    /// `ops` are the operations of a fence.
    pub(crate) unsafe fn of_fence(ops: &bindings::dma_fence_ops) -> Option<&Self> {
        let ours = ops.get_driver_name.is_some_and(|f| {
            core::ptr::fn_addr_eq(
                f,
                Timeline::get_driver_name
                    as unsafe extern "C" fn(*mut bindings::dma_fence) -> *const c_char,
            )
        });

        // SAFETY: By the function's contract and the type invariants.
        ours.then(|| unsafe { &*core::ptr::from_ref(ops).cast::<Self>() })
    }

    /// Returns `true` if these are for the same types.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        core::ptr::fn_addr_eq(self.anchor, other.anchor) && (self.type_id)() == (other.type_id)()
    }

    /// Stands for the anchor of no type. It is not called.
    fn no_anchor(_: NonNull<TrackedEntry>) {}
}

/// How many fences are looked at, or signalled, before interrupts are on again.
const BATCH: usize = 256;

/// What the tail lock protects.
struct Tail {
    /// The highest sequence number published.
    last: u64,
    /// On a timeline of points: all points up to here have been taken out.
    taken: u64,
    /// On a timeline of points: all points up to here have signalled.
    passed: u64,
    /// Fences are published cancelled.
    closed: bool,
    /// Fences are only numbered and added to the queue: there are no points, and no timeout.
    is_plain: bool,
    /// The timer is started, or its function is about to look at what is pending.
    timer_started: bool,
    /// The pending fences, on a timeline of points.
    points: Points,
}

/// What the head lock protects.
struct Head {
    scan: Scan,
}

impl Tail {
    /// Returns the next number. At the end of the numbers, fences share the last one, as equal
    /// points do; so it has not passed.
    fn next_point(&mut self) -> u64 {
        if self.last == u64::MAX {
            self.taken = self.taken.min(u64::MAX - 1);
            self.passed = self.passed.min(u64::MAX - 1);
        }
        self.last.saturating_add(1)
    }
}

/// The core of a fence context. See the [module](self).
///
/// # Invariants
///
/// Pending fences are in `tail.points` if `options.points` is set, or else in `queue`; both
/// own a reference to each. They are taken out only with `head` held.
#[pin_data]
#[repr(C)]
pub(crate) struct Timeline {
    pub(crate) entry: TrackedEntry,
    #[pin]
    head: SpinLockIrq<Head>,
    #[pin]
    tail: SpinLockIrq<Tail>,
    queue: Queue,
    /// Signals fences that an operation has found to be done, and what is left of a long batch:
    /// with no lock held.
    #[pin]
    reap: Opaque<bindings::irq_work>,
    /// Valid while the timeline is not closed, and for a grace period after that; then
    /// the module that it lies in may go. See [`Self::ops`].
    ops: NonNull<TimelineOps>,
    /// A copy of the one in `ops`. On a closed timeline no fence is pending that it is for.
    drop_data: bindings::rcu_callback_t,
    context: u64,
    driver_name: CString,
    timeline_name: CString,
    options: ContextOptions,
    /// Completes fences that have been pending for too long.
    #[pin]
    timer: Timer,
    /// An error was logged, as a fence was dropped unsignalled.
    warned: Atomic<bool>,
}

// SAFETY: All that changes is atomic or protected by the locks.
unsafe impl Send for Timeline {}
// SAFETY: As above.
unsafe impl Sync for Timeline {}

impl Timeline {
    pub(crate) fn new(
        entry: TrackedEntry,
        ops: &'static TimelineOps,
        context: u64,
        driver_name: CString,
        timeline_name: CString,
        options: ContextOptions,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            entry,
            head <- new_irq_lock!(Head { scan: Scan::default() }, c"dma_buf_rs::FenceContext"),
            tail <- new_irq_lock!(
                Tail {
                    last: options.first_seqno - 1,
                    taken: options.first_seqno - 1,
                    passed: options.first_seqno - 1,
                    closed: false,
                    is_plain: !options.points && options.timeout.is_none(),
                    timer_started: false,
                    points: Points::new(),
                },
                c"dma_buf_rs::FenceContext::tail"
            ),
            queue: Queue::new(),
            reap <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes.
                unsafe { bindings::dma_buf_rs_init_irq_work(slot, Some(Self::reap)) }
            }),
            drop_data: ops.drop_data,
            ops: NonNull::from(ops),
            context,
            driver_name,
            timeline_name,
            options,
            timer <- Timer::new(),
            warned: Atomic::new(false),
        })
    }

    #[inline]
    pub(crate) fn context(&self) -> u64 {
        self.context
    }

    /// Returns the highest sequence number that was published.
    pub(crate) fn last_seqno(&self) -> u64 {
        lock(&self.tail, &IrqsOff::begin()).last
    }

    /// Returns how many points are pending.
    pub(crate) fn point_count(&self) -> usize {
        lock(&self.tail, &IrqsOff::begin()).points.count()
    }

    /// Returns the operations of the driver.
    ///
    /// # Safety
    ///
    /// For `'a`, the tail lock is held and the timeline is not closed; or RCU is read-locked,
    /// and the timeline was not closed inside that section; or the caller is one that
    /// [`Self::sync`] waits for.
    #[inline]
    unsafe fn ops<'a>(&self) -> &'a TimelineOps {
        // SAFETY: By the function's contract, the module that the operations lie in closes
        // the timeline, waits for a grace period and calls `sync` before it goes.
        unsafe { self.ops.as_ref() }
    }

    /// Publishes a fence with the next sequence number.
    ///
    /// On a closed timeline, it is published cancelled.
    ///
    /// # Safety
    ///
    /// `header` starts a fence of the type that `self.ops` is for, which the caller owns.
    /// Afterwards the caller owns a reference to it.
    pub(crate) unsafe fn publish(&self, header: NonNull<Header>) {
        let irqs = IrqsOff::begin();
        let mut tail = lock(&self.tail, &irqs);

        // SAFETY: By the function's contract.
        unsafe {
            if !tail.is_plain {
                let seqno = tail.next_point();

                self.add_rarely(&mut tail, header, seqno);
                return;
            }
            // It does not come to an end, see `MAX_CHOSEN_SEQNO`.
            tail.last = tail.last.wrapping_add(1);
            let seqno = tail.last;

            self.init(header, seqno, &self.ops().fence);
            self.queue.push(header);
        }
    }

    /// Publishes a fence with the sequence number `seqno`. Returns `false`, and does nothing, if
    /// the timeline numbers its fences and has passed this number.
    ///
    /// If a fence with this number or a higher one has signalled, this one signals with success.
    ///
    /// # Safety
    ///
    /// As for [`Self::publish`].
    pub(crate) unsafe fn publish_at(&self, header: NonNull<Header>, seqno: u64) -> bool {
        let irqs = IrqsOff::begin();
        let mut tail = lock(&self.tail, &irqs);

        if !self.options.points && (seqno <= tail.last || seqno > MAX_CHOSEN_SEQNO) {
            return false;
        }
        // SAFETY: By the function's contract.
        unsafe { self.add_rarely(&mut tail, header, seqno) };
        true
    }

    /// Publishes a fence with this number.
    ///
    /// # Safety
    ///
    /// As for [`Self::publish`]; where the timeline numbers its fences, the number is above
    /// the last.
    #[inline(never)]
    unsafe fn add_rarely(&self, tail: &mut Tail, header: NonNull<Header>, seqno: u64) {
        tail.last = tail.last.max(seqno);
        // SAFETY: By the function's contract. The operations are only used after the test that
        // the timeline is not closed, with the tail lock held. What is published at once is on
        // no timeline.
        unsafe {
            if tail.closed {
                self.init(header, seqno, &CLOSED_OPS.fence);
                self.signal_at_once(header, ECANCELED.to_errno());
                return;
            }
            self.init(header, seqno, &self.ops().fence);
            if !self.options.points {
                self.start_timeout(tail, header);
                self.queue.push(header);
            } else if seqno <= tail.passed {
                self.signal_at_once(header, 0);
            } else {
                self.start_timeout(tail, header);
                if seqno > tail.taken {
                    tail.points.insert(header);
                    return;
                }
                // The points up to `taken` are signalling on another CPU, which has passed this one
                // already. So it is done, and `reap` signals it after them.
                header.as_ref().outcome.store(0, Release);
                tail.points.insert(header);
                self.queue_reap();
            }
        }
    }

    /// Signals a fence that has just been initialised: nothing refers to it yet, and it is neither
    /// in the queue nor in the tree.
    ///
    /// # Safety
    ///
    /// The fence is initialised, on a timeline that has signalled all before it, or is closed. The
    /// tail lock is held.
    unsafe fn signal_at_once(&self, header: NonNull<Header>, error: i32) {
        // SAFETY: By the function's contract; the tail lock is held, so interrupts are off, or the
        // lock sleeps. The handle is still there, so `drop_data`, which may have gone with the
        // module of a closed timeline, is not called.
        unsafe {
            header.as_ref().outcome.store(error, Release);
            fence::signal_unknown(Header::as_fence(header), error);
            Header::release(header, self.drop_data);
        }
    }

    /// Initialises a fence, with a second reference for the timeline.
    ///
    /// # Safety
    ///
    /// As for [`Self::publish`]; `ops` is part of a [`TimelineOps`] that lasts until a grace period
    /// after the fence has signalled.
    #[inline(always)]
    unsafe fn init(
        &self,
        header: NonNull<Header>,
        seqno: u64,
        ops: *const bindings::dma_fence_ops,
    ) {
        let fence = Header::as_fence(header);

        // SAFETY: The caller owns the fence. Its operations may run as soon as it is initialised,
        // as a tracepoint in there calls two, so the timeline is set before. A null lock selects
        // the fence's own. The fence is not shared yet, so the count can be set.
        unsafe {
            (&raw mut (*header.as_ptr()).timeline).write(NonNull::from(self));
            bindings::dma_fence_init64(fence, ops, core::ptr::null_mut(), self.context, seqno);
            bindings::refcount_set(&raw mut (*fence).refcount.refcount, 2);
            #[cfg(CONFIG_LOCKDEP)]
            if let Some(class) = self.options.lock_class {
                class.set(fence);
            }
        }
    }

    /// Cancels all pending fences, and all that are published from now on.
    pub(crate) fn close(&self) {
        {
            let irqs = IrqsOff::begin();
            let mut tail = lock(&self.tail, &irqs);

            tail.closed = true;
            tail.is_plain = false;
        }
        self.signal_up_to(u64::MAX, ECANCELED.to_errno());

        // The timer is not started again: nothing is pending any more.
        let irqs = IrqsOff::begin();
        let scan = core::mem::take(&mut self.lock_head(&irqs).head.scan);

        drop(irqs);
        drop(scan);
    }

    /// Logs that a fence was dropped unsignalled, once.
    pub(crate) fn warn_unsignalled(&self, seqno: u64) {
        if !self.warned.xchg(true, Relaxed) {
            pr_err!(
                "driver bug: fence {} of {} ({}) was dropped unsignalled; cancelled\n",
                seqno,
                &*self.timeline_name,
                &*self.driver_name,
            );
        }
    }

    /// The operation `get_driver_name`.
    ///
    /// # Safety
    ///
    /// Called by the core, on a fence of ours that is initialised, inside an RCU
    /// read-side section, unless the fence has signalled.
    #[inline(never)]
    pub(crate) unsafe extern "C" fn get_driver_name(
        fence: *mut bindings::dma_fence,
    ) -> *const c_char {
        // SAFETY: By the function's contract and the invariants of `Header`. The tracepoint inside
        // signalling comes here with the flag set, but with the head lock held.
        unsafe { (*fence.cast::<Header>()).timeline.as_ref() }
            .driver_name
            .as_char_ptr()
    }

    /// The operation `get_timeline_name`.
    ///
    /// # Safety
    ///
    /// As for [`Self::get_driver_name`].
    #[inline(never)]
    pub(crate) unsafe extern "C" fn get_timeline_name(
        fence: *mut bindings::dma_fence,
    ) -> *const c_char {
        // SAFETY: As in `get_driver_name`.
        unsafe { (*fence.cast::<Header>()).timeline.as_ref() }
            .timeline_name
            .as_char_ptr()
    }
}
