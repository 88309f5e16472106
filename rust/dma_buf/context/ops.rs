// SPDX-License-Identifier: GPL-2.0

//! The operations of a driver on its fences.

use kernel::{
    prelude::*,
    time::{
        Instant,
        Monotonic, //
    }, //
};

/// The operations of a driver on the fences of its contexts.
///
/// The type that implements this is the data of the context: the operations borrow it, and
/// [`FenceContext`](crate::FenceContext) dereferences to it.
///
/// An implementation needs `#[vtable]`. All operations are optional. The core calls them on fences
/// that have not signalled; what they borrow stays valid for a grace period after that. They may
/// run on several CPUs at a time, with interrupts off and with the fence's lock held. So they do
/// not sleep, and they do not signal, nor look at what is pending, by a handle or by the context.
///
/// # Order
///
/// Fences of a context signal in order, and most waiters have only the latest: a reservation
/// object, or a merge, drops those before it. So what is asked of a fence is asked of all before
/// it, too:
///
/// - A fence that is found complete waits for those before it. If the driver implements
///   [`signaled`](Self::signaled), an irq_work asks about them at once, from the first pending
///   fence to the first that is not complete; and again whenever the later one is asked about.
/// - Enabling signaling of a fence obliges the driver to complete it and all fences before it, of
///   which signaling may never be enabled.
///
/// # Locks
///
/// An operation is called with the fence's lock held, which signalling takes, too. So an operation
/// takes no lock under which a fence of the context is signalled, cancelled or dropped, and no
/// lock that is held elsewhere with interrupts on. Release such a lock before you signal, or let
/// the operation use atomics. Publishing under the lock is allowed.
///
/// # Examples
///
/// ```
/// use dma_buf::{FenceContext, FenceContextOps};
/// use kernel::{prelude::*, sync::atomic::{Acquire, Atomic, Release}};
///
/// /// A ring whose hardware writes the number of the last job that it has done.
/// struct Ring {
///     done: Atomic<u64>,
/// }
///
/// #[vtable]
/// impl FenceContextOps for Ring {
///     type FenceData = ();
///
///     fn signaled(&self, _data: &(), seqno: u64) -> Option<Result> {
///         (self.done.load(Acquire) >= seqno).then_some(Ok(()))
///     }
/// }
///
/// let ring = FenceContext::new(c"mygpu", c"ring 0", Ring { done: Atomic::new(0) })?;
/// let job = ring.new_fence(ring.new_fence_allocation(())?);
/// let fence = job.fence();
///
/// // No interrupt comes, but the fence is asked.
/// ring.done.store(1, Release);
/// fence.is_signaled();
/// fence.wait()?;
/// # job.signal(Ok(()));
/// # Ok::<(), Error>(())
/// ```
#[vtable]
pub trait FenceContextOps: Send + Sync + Sized + 'static {
    /// The driver's data in each fence.
    ///
    /// It is dropped in softirq context, a grace period after the fence has signalled and its
    /// handle is gone; so its drop must not sleep. If the handle is leaked, so is the data.
    type FenceData: Send + Sync + 'static;

    /// Makes the hardware report when the work of the fence is complete: someone waits for it.
    ///
    /// Called at most once for a fence, with its lock held. From here on the driver completes this
    /// fence, and all fences before it in the context, without being asked. Returns the result if
    /// the work of this one is complete already; the fence then signals soon, in its turn.
    ///
    /// Context: any; the fence's lock is held, with interrupts off.
    ///
    /// C: `dma_fence_ops::enable_signaling`
    fn enable_signaling(&self, _data: &Self::FenceData, _seqno: u64) -> Option<Result> {
        build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }

    /// Returns the result of the work if it is complete. The fence then signals soon, in its turn.
    ///
    /// Called whenever the fence is asked whether it has signalled, and from an irq_work when a
    /// fence after this one was found complete.
    ///
    /// Context: any; the fence's lock may be held.
    ///
    /// C: `dma_fence_ops::signaled`
    fn signaled(&self, _data: &Self::FenceData, _seqno: u64) -> Option<Result> {
        build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }

    /// Passes on the time by which a waiter wants the fence. The driver may ignore it. Called any
    /// number of times.
    ///
    /// Context: any; the fence's lock is not held.
    ///
    /// C: `dma_fence_ops::set_deadline`
    fn set_deadline(&self, _data: &Self::FenceData, _seqno: u64, _deadline: Instant<Monotonic>) {
        build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }

    /// Called after the timeout of the context ([`ContextOptions::timeout`]) has signalled `count`
    /// fences. All fences up to `seqno` have signalled.
    ///
    /// Context: the interrupt of a timer (a softirq with `PREEMPT_RT`), with no lock held. The
    /// context may be used.
    ///
    /// [`ContextOptions::timeout`]: crate::ContextOptions::timeout
    fn expired(&self, _seqno: u64, _count: usize) {
        build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }
}

/// A context without data, operations or data in its fences.
#[vtable]
impl FenceContextOps for () {
    type FenceData = ();
}
