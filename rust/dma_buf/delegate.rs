// SPDX-License-Identifier: GPL-2.0

//! Code that runs later, in a context where it may signal fences.
//!
//! A callback on a fence runs with the lock of that fence held, so it must not signal
//! another one. It queues a delegate instead, whose body runs in a signalling section:
//!
//! | Delegate | Its body runs in | May sleep | Queued by |
//! |---|---|---|---|
//! | [`IrqWork`] | hard interrupt context, at once | no | [`QueueIrqWork`], [`IrqWorkRef`] |
//! | [`SignallingWork`] | a workqueue | yes | [`QueueWork`], [`WorkRef`] |
//! | [`Timer`] | hard interrupt context, after a while | no | [`TimerRef`] |
//! | [`ThreadedInterrupt`] | the thread of an interrupt handler | yes | the hardware |
//! | [`CleanupWork`] | a workqueue, outside of sections | yes | the driver |
//!
//! With `PREEMPT_RT`, the body of an irq_work runs in a thread, and that of a timer in a
//! softirq. A [`FenceProxy`] is a callback and a delegate in one: it signals a driver's
//! fence when another fence signals.
//!
//! # Ownership
//!
//! A delegate owns the item that its body works on, and lends it out by `Deref`. It can be dropped
//! in any context, and the drop does not wait: an irq_work or a work that is queued still runs. The
//! item is dropped a grace period after the delegate and the last of its references ([`WorkRef`]
//! and the like), in softirq context. So what an item owns by then must not sleep in its drop.
//!
//! With a counted reference, an item that queues its own delegate would keep itself alive, and so
//! would two items that queue each other. They hold a [`WeakRef`] instead. Jobs may form a longer
//! cycle: a job owns a registration, whose callback has a reference to a work, whose item owns the
//! queue that the job is in. The driver breaks it by emptying the queue when it is unbound.
//!
//! # Module unload
//!
//! A module may be unloaded while there are delegates that it has leaked, or that a foreign fence
//! may queue. The unload waits for bodies that are running, and no body is called after that. Only
//! a [`CleanupWork`] that is queued still runs, before the module is gone.
//!
//! # Examples
//!
//! A job is completed from a work item, which a callback queues:
//!
//! ```
//! use dma_buf::{
//!     callback::{FenceCallbackRegistration, QueueWork},
//!     delegate::{Delegate, SignallingWork},
//!     DriverFence, SignallingSection,
//! };
//! use kernel::{new_mutex, prelude::*, sync::Mutex};
//! # let ring = dma_buf::FenceContext::new(c"mygpu", c"ring 0", ())?;
//! # let other = dma_buf::FenceContext::new(c"mygpu", c"ring 1", ())?;
//!
//! /// Signals a fence when another one has signalled.
//! #[pin_data]
//! struct SignalJob {
//!     #[pin]
//!     job: Mutex<Option<DriverFence<()>>>,
//! }
//!
//! impl Delegate for SignalJob {
//!     fn run(&self, _section: &SignallingSection<'_>) {
//!         if let Some(job) = self.job.lock().take() {
//!             job.signal(Ok(()));
//!         }
//!     }
//! }
//!
//! let first = ring.new_fence(ring.new_fence_allocation(())?);
//! let second = other.new_fence(other.new_fence_allocation(())?);
//! let fence = second.fence();
//! let work = SignallingWork::new(pin_init!(SignalJob {
//!     job <- new_mutex!(Some(second)),
//! }))?;
//! let mut callback = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;
//!
//! // Queues the work when the first fence signals, or now if it has.
//! if let Err(QueueWork(work)) = callback
//!     .as_mut()
//!     .register_unwrapped(&first.leaf().into(), QueueWork(work.to_ref()))
//! {
//!     work.queue();
//! }
//! first.signal(Ok(()));
//! fence.wait()?;
//! # Ok::<(), Error>(())
//! ```
//!
//! [`QueueIrqWork`]: crate::callback::QueueIrqWork
//! [`QueueWork`]: crate::callback::QueueWork

mod fence_proxy;
mod interrupt;
mod irq_work;
mod raw;
mod timer;
mod work;

pub use fence_proxy::{
    FenceProxy,
    FenceProxyAllocation, //
};
pub use interrupt::{
    ThreadedDelegate,
    ThreadedInterrupt, //
};
pub use irq_work::{
    IrqWork,
    IrqWorkRef, //
};
pub use raw::{
    DelegateOwner,
    DelegateRef,
    WeakRef, //
};
pub use timer::{
    Timer,
    TimerRef, //
};
pub(crate) use work::LibraryQueues;
pub use work::{
    Cleanup,
    CleanupWork,
    SignallingWork,
    WorkRef,
    Workqueue, //
};

use crate::section::SignallingSection;

/// The item of an [`IrqWork`], a [`SignallingWork`] or a [`Timer`], with the body that it runs.
///
/// # Examples
///
/// ```
/// use dma_buf::{
///     delegate::{Delegate, IrqWork},
///     SignallingSection,
/// };
/// use kernel::{prelude::*, sync::atomic::{Atomic, Relaxed}};
///
/// struct Count(Atomic<i32>);
///
/// impl Delegate for Count {
///     fn run(&self, _section: &SignallingSection<'_>) {
///         self.0.add(1, Relaxed);
///     }
/// }
///
/// let work = IrqWork::new(Count(Atomic::new(0)))?;
/// work.queue();
/// work.sync();
/// assert_eq!(work.0.load(Relaxed), 1);
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no body for a `SignallingWork`, an `IrqWork` or a `Timer`",
    note = "implement `Delegate` for it"
)]
pub trait Delegate: Send + Sync + Sized + 'static {
    /// Runs the body, in a signalling section.
    ///
    /// Where the body may sleep, it must neither lock a reservation object nor allocate
    /// with `GFP_KERNEL`. A body does not run on two CPUs at a time, except that of an
    /// [`IrqWork`] that is queued again while it runs.
    ///
    /// Context: that of the delegate, see [the module](self).
    fn run(&self, section: &SignallingSection<'_>);
}
