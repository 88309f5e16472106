// SPDX-License-Identifier: GPL-2.0

//! What a driver says of its fences.

use kernel::{
    prelude::*,
    time::{
        Instant,
        Monotonic, //
    }, //
};

/// What a driver says of the fences of its contexts.
///
/// The implementing type is the context's own data, which the operations get,
/// and which [`FenceContext`] dereferences to.
///
/// The operations are optional. The core calls them on a fence that has not
/// signalled; what they are lent stays alive for a grace period after it has.
/// They may run at the same time on several CPUs, with interrupts off and with
/// the fence's lock held, so they must neither sleep, nor take a lock that is
/// held elsewhere with interrupts on, nor use the context or a handle of the
/// fence to signal, or to look at what is pending.
///
/// # Order
///
/// Fences of a context signal in order, and whoever waits mostly has only the latest:
/// a reservation object, or a merge, forgets those before it. So whatever is asked
/// of a fence is asked for all before it, too:
///
/// - One that is found complete waits for those before it. If the driver implements
///   [`signaled`](Self::signaled), they are asked about at once, from the first that
///   has not signalled to the first that is not complete; and whoever asks about the
///   later one again has that repeated.
/// - Enabling a fence obliges the driver to complete it and all before it, which may
///   never be enabled themselves.
///
/// # Locks
///
/// Nor may the operations take a lock under which a fence of the context is signalled,
/// cancelled or dropped: signalling takes the fence's lock, with which an operation is called.
/// Signal when such a lock has been let go, or have the operation use atomics. Publishing
/// under it is fine.
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
/// // No interrupt comes, but whoever asks finds out.
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
    /// It is dropped once both its handle is gone and the fence has signalled,
    /// and a grace period has passed since, in softirq context; so its drop must
    /// not sleep. If the handle is leaked, so is the data.
    type FenceData: Send + Sync + 'static;

    /// Somebody waits: have the hardware tell when it is done.
    ///
    /// Called once at most for a fence, with its lock held. From here on the driver
    /// sees to it that this fence, and all before it in the context, are completed
    /// without being asked. Returns the result if the work of this one turns out to
    /// be complete; the fence then signals soon, in its turn.
    ///
    /// C: `dma_fence_ops::enable_signaling`
    fn enable_signaling(&self, _data: &Self::FenceData, _seqno: u64) -> Option<Result> {
        build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }

    /// Whether the work is complete, and with what result.
    ///
    /// Called whenever somebody asks, perhaps with the fence's lock held; and from an
    /// irq_work, with no lock held, when a fence after this one was found complete.
    /// The fence then signals soon, in its turn.
    ///
    /// C: `dma_fence_ops::signaled`
    fn signaled(&self, _data: &Self::FenceData, _seqno: u64) -> Option<Result> {
        build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }

    /// Somebody hopes that the work is complete by then. Only a hint.
    ///
    /// Called any number of times, perhaps in atomic context, without the
    /// fence's lock.
    ///
    /// C: `dma_fence_ops::set_deadline`
    fn set_deadline(&self, _data: &Self::FenceData, _seqno: u64, _deadline: Instant<Monotonic>) {
        build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }

    /// Called when the timeout of the context ([`ContextOptions::timeout`]) has completed fences:
    /// all up to `seqno` have signalled now, and `count` of them have in this run.
    ///
    /// Context: the interrupt of a timer (a softirq with `PREEMPT_RT`), with no lock held. The
    /// context may be used.
    ///
    /// [`ContextOptions::timeout`]: crate::ContextOptions::timeout
    fn expired(&self, _seqno: u64, _count: usize) {
        build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }
}
