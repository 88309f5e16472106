// SPDX-License-Identifier: GPL-2.0

//! The core of a fence context: its pending fences, and their order.
//!
//! It is not generic, so this code exists once, and the functions that the kernel calls are text
//! of this module, whichever driver made the context.
//!
//! # Order
//!
//! Fences of one context signal in the order of their sequence numbers. A reservation object, or a
//! merge, keeps only the latest fence of a context. If that signalled first, its waiters would
//! miss an earlier one that has not. A fence completed early is *done*: its result is fixed, and it
//! signals as soon as all fences before it have.
//!
//! # Lifetime
//!
//! A pending fence finds its timeline without holding a reference to it:
//!
//! - A fence that has not signalled is in its timeline's queue or tree, or has just been taken out
//!   of it, under the head lock, to be signalled.
//! - A timeline whose handle is dropped completes all fences in there, and is freed a grace period
//!   later.
//!
//! So if the SIGNALED flag is seen clear inside an RCU read-side section, the timeline stays valid
//! until that section ends. Nothing is counted per fence, and a leaked handle keeps only its own
//! fence alive.
//!
//! The driver's operations lie in the module that made the timeline, which may be unloaded while
//! another module still has the handle. The unload closes the timeline first, and on a closed one
//! nothing of that module is used: a fence published there has [`ops::CLOSED_OPS`], and the module
//! that publishes it drops its data.
//!
//! # Locks
//!
//! ```text
//!   publishing                     signalling
//!
//!   a driver's lock L              the head lock
//!         |                           |       |
//!         v                           |       v
//!   the tail lock  <------------------+   a fence's own lock
//!                                             |
//!                                             v  callbacks
//!                                         a driver's lock L, and publishing
//! ```
//!
//! Publishing does not take the head lock, so a driver may hold its lock L while it publishes,
//! and take L in a callback. It must not hold L while it signals, or looks at what is pending,
//! which may take the head lock.
//!
//! The core may call an operation of the driver with the fence's lock held. So the result is only
//! noted in the fence, and the `reap` irq_work completes the fence in order; the core itself never
//! signals a fence of ours. `reap` asks the driver about the fences before it with no lock held.

mod header;
mod ops;
mod options;
mod pending;
mod points;
mod publish;
mod queue;
mod signal;
mod timeout;

pub(crate) use header::{
    drop_data,
    FenceData,
    Header,
    PENDING, //
};
pub(crate) use ops::{
    PollFn,
    TimelineOps, //
};
pub use options::ContextOptions;
pub(crate) use signal::Completed;

use crate::{
    bindings,
    lock::{
        lock,
        new_irq_lock,
        IrqsOff, //
    },
    registry::TrackedEntry, //
};
use core::ptr::NonNull;
use kernel::{
    ffi::c_char,
    prelude::*,
    str::{
        CStrExt,
        CString, //
    },
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        SpinLockIrq, //
    },
    types::Opaque, //
};
use points::Points;
use queue::Queue;
use timeout::{
    Scan,
    Timer, //
};

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
        let irqs = IrqsOff::begin();

        let last = lock(&self.tail, &irqs).last;
        last
    }

    /// Returns how many points are pending.
    pub(crate) fn point_count(&self) -> usize {
        let irqs = IrqsOff::begin();

        let count = lock(&self.tail, &irqs).points.count();
        count
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
        // SAFETY: By the function's contract and the invariants of `Header`.
        // The tracepoint inside signalling comes here with the flag set, but
        // with the head lock held.
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
