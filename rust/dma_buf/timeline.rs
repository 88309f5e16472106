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
//! [`FenceHeader`]. A timeline whose handle is dropped completes all of its fences, and is freed a
//! grace period later. Nothing is counted per fence, and a leaked handle keeps only its own fence
//! alive.
//!
//! The driver's operations lie in the module that made the timeline, which may be unloaded while
//! another module still has the handle. The unload closes the timeline first, and on a closed one
//! nothing of that module is used: a fence published there has [`CLOSED_OPS`], and the module
//! that publishes it drops its data.
//!
//! # Locks
//!
//! The head lock is taken to signal, and to walk over pending fences. The tail lock is taken to
//! publish, and inside the head lock: see the [crate's page](crate#locks).
//!
//! The core may call an operation of the driver with the fence's lock held. So the result is only
//! stored in the fence, and the `reap` irq_work signals the fence in order; the core itself never
//! signals a fence of this crate. `reap` asks the driver about the fences before it, with no lock
//! held.

mod header;
mod options;
mod pending;
mod signal;
mod timeout;

pub(crate) use header::{
    drop_data,
    FenceData,
    FenceHeader,
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
    TimeoutTimer, //
};

/// Asks the driver about a fence. Returns `None` if it is not complete, or else its result, 0 or an
/// error code.
///
/// Called inside an RCU read-side section, in which the fence was seen pending on a timeline that
/// is not closed.
pub(crate) type PollFn = unsafe fn(NonNull<FenceHeader>) -> Option<i32>;

/// The operations of a driver on a timeline's fences.
///
/// # Invariants
///
/// If the operations of a fence have [`Timeline::get_driver_name`], they are the field `fence` of a
/// `TimelineOps`.
#[repr(C)]
pub(crate) struct TimelineOps {
    /// The first field, as [`Self::of_fence`] casts pointers to it.
    pub(crate) fence: bindings::dma_fence_ops,
    /// Drops a fence's data; `None` if it needs no dropping.
    pub(crate) drop_data: bindings::rcu_callback_t,
    /// `None` if the driver does not implement `signaled`.
    pub(crate) poll: Option<PollFn>,
    /// [`FenceContextOps::expired`](crate::FenceContextOps::expired).
    ///
    /// Called by the timer's function, which [`Timeline::sync`] waits for, with no lock held, on a
    /// timeline that was not closed when the fences signalled.
    pub(crate) expired: Option<unsafe fn(NonNull<Timeline>, u64, usize)>,
    /// `type_id` and `module_tag` together identify the type that the operations are for. The id of
    /// a type is unique among crates of different names, and the crates of one module have
    /// different names. (`()` is in no crate, and is the same type in all.) The tag is a function
    /// instantiated for the type, so its address lies in the module that uses the type. Neither is
    /// enough alone: another module may have a crate of the same name, and the linker may merge
    /// functions of the same code.
    pub(crate) type_id: fn() -> TypeId,
    pub(crate) module_tag: unsafe fn(NonNull<TrackedEntry>),
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
    module_tag: TimelineOps::no_module_tag,
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
        // SAFETY: By the function's contract. The operations stay valid while RCU is read-locked,
        // as for the core.
        unsafe {
            Atomic::from_ptr((&raw mut (*fence).ops).cast::<*mut c_void>())
                .load(Acquire)
                .cast::<bindings::dma_fence_ops>()
                .as_ref()
        }
    }

    /// Returns the `TimelineOps` that the operations of a fence are part of, if it is a fence of
    /// this crate.
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

    /// Returns `true` if both are for the same type.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        core::ptr::fn_addr_eq(self.module_tag, other.module_tag)
            && (self.type_id)() == (other.type_id)()
    }

    /// The tag of no type. It is not called.
    fn no_module_tag(_: NonNull<TrackedEntry>) {}
}

/// The number of fences that are visited or signalled at a time with interrupts off.
const BATCH: usize = 256;

/// The data that the tail lock protects.
struct Tail {
    /// The highest sequence number published.
    last: u64,
    /// On a timeline of points: all points up to here have been removed from `points`.
    removed_up_to: u64,
    /// On a timeline of points: all points up to here have signalled.
    signaled_up_to: u64,
    /// Fences are cancelled when they are published.
    closed: bool,
    /// Publishing only numbers a fence and adds it to the queue: there are no points, and no
    /// timeout.
    is_plain: bool,
    /// The timer is started, or its function has yet to look for pending fences.
    timer_started: bool,
    /// The pending fences, on a timeline of points.
    points: Points,
}

/// The data that the head lock protects.
struct Head {
    scan: Scan,
}

impl Tail {
    /// Returns the next number. When the numbers run out, fences share the last one, as equal
    /// points do, so it does not count as signalled.
    fn next_seqno(&mut self) -> u64 {
        if self.last == u64::MAX {
            self.removed_up_to = self.removed_up_to.min(u64::MAX - 1);
            self.signaled_up_to = self.signaled_up_to.min(u64::MAX - 1);
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
    /// Signals fences that an operation has found done, and the rest of a long batch.
    #[pin]
    reap: Opaque<bindings::irq_work>,
    /// Valid while the timeline is not closed, and for a grace period after that. Then its module
    /// may be freed: see [`Self::ops`].
    ops: NonNull<TimelineOps>,
    /// A copy of the one in `ops`. When the timeline is closed, no fence that it is for is pending.
    drop_data: bindings::rcu_callback_t,
    context: u64,
    driver_name: CString,
    timeline_name: CString,
    options: ContextOptions,
    /// Completes fences that have been pending for too long.
    #[pin]
    timer: TimeoutTimer,
    /// The error for a fence that was dropped unsignalled has been logged.
    warned: Atomic<bool>,
}

// SAFETY: Fields that change are atomic or protected by the locks.
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
                    removed_up_to: options.first_seqno - 1,
                    signaled_up_to: options.first_seqno - 1,
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
            timer <- TimeoutTimer::new(),
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

    /// Returns the number of pending points.
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
        // SAFETY: By the function's contract, the module that the operations lie in closes the
        // timeline, waits for a grace period and calls `sync` before it is freed.
        unsafe { self.ops.as_ref() }
    }

    /// Publishes a fence with the next sequence number.
    ///
    /// On a closed timeline, the fence is cancelled at once.
    ///
    /// # Safety
    ///
    /// `header` is the header of a fence of the type that `self.ops` is for, which the caller owns.
    /// After the call, the caller owns a reference to it.
    pub(crate) unsafe fn publish(&self, header: NonNull<FenceHeader>) {
        let irqs = IrqsOff::begin();
        let mut tail = lock(&self.tail, &irqs);

        // SAFETY: By the function's contract.
        unsafe {
            if !tail.is_plain {
                let seqno = tail.next_seqno();

                self.publish_checked(&mut tail, header, seqno);
                return;
            }
            // The numbers do not run out: see `MAX_CHOSEN_SEQNO`.
            tail.last = tail.last.wrapping_add(1);
            let seqno = tail.last;

            self.init(header, seqno, &self.ops().fence);
            self.queue.push(header);
        }
    }

    /// Publishes a fence with the sequence number `seqno`. Returns `false`, and does nothing, if
    /// the timeline has no points, and the number is not above the last one or is above
    /// `MAX_CHOSEN_SEQNO`.
    ///
    /// If a fence with this number or a higher one has signalled, this one signals with success.
    ///
    /// # Safety
    ///
    /// As for [`Self::publish`].
    pub(crate) unsafe fn publish_at(&self, header: NonNull<FenceHeader>, seqno: u64) -> bool {
        let irqs = IrqsOff::begin();
        let mut tail = lock(&self.tail, &irqs);

        if !self.options.points && (seqno <= tail.last || seqno > MAX_CHOSEN_SEQNO) {
            return false;
        }
        // SAFETY: By the function's contract.
        unsafe { self.publish_checked(&mut tail, header, seqno) };
        true
    }

    /// Publishes a fence with this number.
    ///
    /// # Safety
    ///
    /// As for [`Self::publish`]. If the timeline has no points, the number is above the last one.
    #[inline(never)]
    unsafe fn publish_checked(&self, tail: &mut Tail, header: NonNull<FenceHeader>, seqno: u64) {
        tail.last = tail.last.max(seqno);
        // SAFETY: By the function's contract. The operations are used only after the check that the
        // timeline is not closed, with the tail lock held. A fence that signals at once is never
        // pending on the timeline.
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
            } else if seqno <= tail.signaled_up_to {
                self.signal_at_once(header, 0);
            } else {
                self.start_timeout(tail, header);
                if seqno > tail.removed_up_to {
                    tail.points.insert(header);
                    return;
                }
                // The points up to `removed_up_to` are signalling on another CPU, which does not
                // see this one. So it is done, and `reap` signals it after them.
                header.as_ref().result.store(0, Release);
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
    /// The fence is initialised. The timeline has signalled all fences before it, or is closed. The
    /// tail lock is held.
    unsafe fn signal_at_once(&self, header: NonNull<FenceHeader>, error: i32) {
        // SAFETY: By the function's contract. The tail lock is held, so interrupts are off, or the
        // lock sleeps. The handle is not released yet, so this does not call `drop_data`, whose
        // module may be freed if the timeline is closed.
        unsafe {
            header.as_ref().result.store(error, Release);
            fence::signal_unshared(FenceHeader::as_fence(header), error);
            FenceHeader::release(header, self.drop_data);
        }
    }

    /// Initialises a fence, with a second reference for the timeline.
    ///
    /// # Safety
    ///
    /// As for [`Self::publish`]; `ops` is part of a [`TimelineOps`] that lasts until a grace period
    /// after the fence has signalled.
    // It has two callers, so the compiler would not inline it.
    #[inline(always)]
    unsafe fn init(
        &self,
        header: NonNull<FenceHeader>,
        seqno: u64,
        ops: *const bindings::dma_fence_ops,
    ) {
        let fence = FenceHeader::as_fence(header);

        // SAFETY: The caller owns the fence. Its operations may run while it is initialised, as a
        // tracepoint calls two of them, so the timeline is set before. A null lock selects the
        // fence's own. The fence is not shared yet, so the count can be set.
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

    /// Cancels all pending fences, and all that are published from here on.
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
    /// Called by the core, on an initialised fence of this crate, inside an RCU read-side section,
    /// unless the fence has signalled.
    #[inline(never)]
    pub(crate) unsafe extern "C" fn get_driver_name(
        fence: *mut bindings::dma_fence,
    ) -> *const c_char {
        // SAFETY: By the function's contract and the invariants of `FenceHeader`. The tracepoint
        // inside signalling calls this with the flag set, but with the head lock held.
        unsafe { (*fence.cast::<FenceHeader>()).timeline.as_ref() }
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
        unsafe { (*fence.cast::<FenceHeader>()).timeline.as_ref() }
            .timeline_name
            .as_char_ptr()
    }
}
