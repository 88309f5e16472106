// SPDX-License-Identifier: GPL-2.0

//! Fences for GPU drivers: safe abstractions over `dma_fence` and the objects built on it.
//!
//! A fence stands for a job on hardware. Its driver signals it when the job is done; other drivers
//! and user space wait for it.
//!
//! ```
//! use dma_buf::{
//!     resv::{Resv, ResvUsage},
//!     FenceContext, FenceContextOps, SyncFileAllocation,
//! };
//! use kernel::{prelude::*, sync::Arc};
//!
//! /// A ring of the hardware, which completes its jobs in order.
//! struct Ring;
//!
//! #[vtable]
//! impl FenceContextOps for Ring {
//!     type FenceData = ();
//! }
//!
//! let ring = FenceContext::new(c"mygpu", c"ring 0", Ring)?;
//! let buffer = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
//!
//! // To submit a job, first do everything that may fail.
//! let memory = ring.new_fence_allocation(())?;
//! let file = SyncFileAllocation::new()?;
//! let job = buffer.with_lock(|buffer| {
//!     let slot = buffer.reserve_one()?;
//!     // The job is committed: nothing fails from here on.
//!     let job = ring.new_fence(memory);
//!
//!     slot.add(job.as_leaf(), ResvUsage::Write);
//!     Ok::<_, Error>(job)
//! })?;
//! let fence = job.fence();
//! // `file.install(fd)` gives it to user space.
//! let file = file.into_file(&fence);
//!
//! // When the hardware is done, usually in the interrupt handler:
//! job.signal(Ok(()));
//!
//! // Before another driver reads the buffer:
//! buffer.wait(ResvUsage::for_access(false))?;
//! // A driver that has the fence:
//! fence.wait()?;
//! # drop(file);
//! # Ok::<(), Error>(())
//! ```
//!
//! - [`FenceContext`] is a timeline of the driver, such as a ring, and [`DriverFence`] its handle
//!   to the fence of one job, by which it signals the fence.
//! - [`Fence`], behind an [`ARef`], is the fence for all other code, which can wait for it, ask it,
//!   and register [callbacks](callback) on it, but not signal it.
//! - [`resv`] has the reservation objects of buffers, [`DmaBuf`] those of other drivers' buffers,
//!   and [`SyncFile`] passes fences to user space.
//! - [`delegate`] has irq_work, work items and timers in which a driver may signal fences.
//! - [`job_queue`] carries a ring's jobs from submission, through dependencies and the hardware, to
//!   cleanup.
//!
//! [`coverage`] is a table of C functions with the items that stand for them. [`changes`] lists the
//! changes of each version. Prose says *signalled* and *signalling*, as the kernel's documentation
//! does. Names of items are spelt as in C: `is_signaled`, `enable_signaling`, `begin_signalling`.
//!
//! # States of a fence
//!
//! ```text
//!   new_fence_allocation()
//!         |
//!         v
//!   +-----------+  new_fence()  +---------+                               +-----------+
//!   | allocated |-------------->| pending |---- signal(Ok(())) ---------->| signalled |
//!   +-----------+               +---------+                               +-----------+
//!         | drop                   | | |                                  +-----------+
//!         v                        | | +----- signal(Err(..)), timeout -->| error     |
//!       freed                      | |                                    +-----------+
//!                                  | |                                    +-----------+
//!                                  | +--- handle or context dropped ----->| cancelled |
//!                                  |                                      +-----------+
//!                                  |  signal(..) while an earlier fence is pending
//!                                  +--> done, and one of these in its turn
//! ```
//!
//! - *Pending*: others may wait for the fence. It must signal in finite time, and nothing that this
//!   depends on may wait for memory or for a reservation object.
//! - *Done*: the result is fixed. The fences of a context signal in order, so the fence waits for
//!   those before it.
//! - *Signalled*, in C's terms, are all three states on the right. Waits have ended, and callbacks
//!   have run.
//!
//! # Containers
//!
//! A [`Fence`] may be a container of fences: an array, which signals when all of its members have,
//! or a link of a chain, which signals when its fence and all links before it have. A driver takes
//! fences of any kind. The type determines where a fence may be put:
//!
//! - A [`Leaf`] is not a container. It goes into arrays, links and reservation objects. It comes
//!   from [`DriverFence::leaf`] and [`Fence::as_leaf`].
//! - An [`UnwrappedFence`] is a leaf or an array of leaves. It goes into links and, leaf by leaf,
//!   into reservation objects. It comes from [`Fence::to_unwrapped`],
//!   [`unwrap_merge`](unwrap::unwrap_merge) and [`FenceArray::create`](array::FenceArray::create).
//! - A [`FenceChain`](chain::FenceChain) is a link, with an unwrapped fence in it. It comes from
//!   [`FenceChainAllocation::append`](chain::FenceChainAllocation::append).
//!
//! A foreign driver may nest containers in ways that the kernel warns about: an array in an array,
//! a link in a link. If such a fence is passed to the core, the core recurses once per level and
//! nests locks of one class, which lockdep reports. So a driver unwraps the fences that it gets
//! before it does anything else with them. [`Fence::to_unwrapped`], [`Fence::leaves`],
//! [`Fence::links`] and merges take any nesting, and registering a callback on a nested fence that
//! is pending fails. All other functions pass the fence to the core as it is. The last reference to
//! it also makes the kernel recurse, which no caller can avoid.
//!
//! # Locks
//!
//! A context has two locks. Publishing takes the tail lock. Signalling takes the head lock, and
//! runs callbacks with that and the lock of the fence held:
//!
//! ```text
//!  publishing                  signalling
//!
//!  the driver's lock L         head lock of the context
//!        |                       |              |
//!        v                       v              v
//!  tail lock of the context <----+        lock of the fence
//!                                               |  callbacks
//!                                               v
//!                                  L, and tail locks by publishing
//! ```
//!
//! - A callback may take a lock L of the driver that is irq-safe, publish on any context, and queue
//!   a [`delegate`]. It must not signal: it queues a delegate that does, or is a [`FenceProxy`].
//! - With L held, the driver may call all functions under *Any context* below, such as publishing,
//!   and none of those under *No fence lock held*, such as signalling.
//! - The operations of a context ([`FenceContextOps`]) may be called with the lock of a fence held.
//!   They must not take a lock under which the driver signals.
//!
//! Interrupts are off for at most 256 signals at a time.
//!
//! # Contexts
//!
//! Each function says in which contexts it may be called. In general:
//!
//! *May sleep, process context only*
//! - creating contexts, delegates, allocations, arrays and sync_files; unwrapping;
//! - waiting, locking a reservation object, and reserving slots.
//!
//! *No fence lock held, and no lock that a callback takes; otherwise any context*
//! - signalling and cancelling, and the drop of a [`DriverFence`] or [`FenceContext`];
//! - asking a context for its pending fences, or a driver ([`Fence::is_signaled`],
//!   [`Fence::status`], [`Fence::enable_signaling`],
//!   [`Resv::test_signaled`](resv::Resv::test_signaled), walks along chains and over leaves);
//! - registering and cancelling callbacks;
//! - dropping the last reference to a fence, and so also
//!   [`ResvSlot::add`](resv::ResvSlot::add), which may replace a fence, and [`RcuFence`].
//!
//! *Any context, also a callback*
//! - publishing: [`FenceContext::new_fence`], [`FenceContext::new_fence_at`];
//! - [`Fence::test_signaled_flag`], and a fence's error, timestamp, numbers, names and kind;
//! - taking a reference, dropping one that is not the last, and queueing a delegate.
//!
//! *Any context* excludes NMI. With `PREEMPT_RT`, where spinlocks sleep, it also excludes hard
//! interrupt context and code under a raw spinlock. Delegates run in neither.
//!
//! # Signalling sections
//!
//! Code that a fence's signal depends on runs in a [signalling section](signalling()). The bodies
//! of delegates and [`DriverFence::signal`] open one themselves. In a section, lockdep reports
//! locking a reservation object, allocating with `GFP_KERNEL` and touching user memory. This crate
//! reports a wait there, on kernels with lockdep, unless the wait
//! [declares](FenceWait::allow_in_signalling) that its fence signals first. The types cannot refuse
//! any of these: Rust has no way to keep a closure from calling a function. A [`lockdep`] domain
//! finds more.
//!
//! The types do refuse: signalling twice, or through a [`Fence`]; using the data of a fence that
//! may have been dropped; keeping a section or a name beyond its scope; moving a callback that is
//! registered; a callback of the driver's own without `unsafe`; adding a fence to a reservation
//! object without its lock or without a slot; putting a container where a leaf belongs. The table
//! of all this, with the reports, is [`misuse`].
//!
//! # Module unload
//!
//! A fence may outlive its driver: a sync_file or a reservation object keeps it. This crate makes
//! that safe, even if the driver leaks its handles. When a module is unloaded, after its exit
//! function,
//!
//! - the contexts that it has leaked or given to another module cancel their pending fences. A
//!   fence that is published there later is cancelled at once;
//! - the bodies of its delegates are not called any more. The unload waits for running bodies. Only
//!   a [`CleanupWork`](delegate::CleanupWork) that is queued still runs;
//! - data and memory that wait for a grace period are dropped.
//!
//! A signalled fence needs neither its driver nor this crate: C frees its memory. Leaked objects
//! are never freed.
//!
//! The module of this crate, `dma_buf_rs.ko`, is kept loaded by the modules that use it, by a
//! registration that one of these has leaked, and, once there are [`lockdep`] names, for ever. A
//! module that does not use the crate is not slowed down when it is loaded or unloaded.
//!
//! # Differences from Linux 7.4
//!
//! Linux 7.4 has abstractions for contexts, fences and callbacks in `kernel::dma_buf`. This crate
//! takes their names and shapes, except:
//!
//! [`FenceContext`]
//! - 7.4's `FenceContext::new(first_seqno, driver, timeline, data)` returns an initialiser, and the
//!   driver pins the context. Here [`FenceContext::new`] returns a handle that can be moved, to
//!   memory that stays in place: pending fences refer to it, even if the handle is leaked. The
//!   first seqno is 1, or [`ContextOptions::first_seqno`].
//! - 7.4 counts unsignalled fences. Dropping the context panics if any is left, and otherwise waits
//!   for `rcu_barrier()`. Here dropping it cancels them, in any context, and does not wait.
//! - In 7.4 a fence signals when the driver signals it, and two CPUs can publish in another order
//!   than that of the seqnos. Here seqnos are given out and published under one lock, and fences
//!   signal in their order, as reservation objects and merges keep only the latest of a context.
//! - 7.4 calls `dma_fence_init()`, with which the core compares seqnos as 32-bit numbers. Here it
//!   is `dma_fence_init64()`.
//! - 7.4 keeps the context's data to itself. Here [`FenceContext`] dereferences to it.
//! - Only here: signalling and cancelling by the context, points, timeouts, looking up pending
//!   fences, 32-bit hardware seqnos, [`ContextNumbers`], [`ContextOptions`].
//!
//! [`FenceContextOps`]
//! - In 7.4 the trait has a type, `FenceDataType`, and no operations. Here it is a `#[vtable]`
//!   trait with the type [`FenceData`](FenceContextOps::FenceData) and optional operations. It is
//!   `Send + Sync + 'static`, as a leaked context outlives all borrows, and `()` implements it.
//! - In C the core signals a fence at once if an operation finds its work done. Here an irq_work
//!   does, a moment later: an operation may be called with the fence's lock held, and earlier
//!   fences may be pending.
//!
//! [`DriverFenceAllocation`]
//! - In 7.4 it borrows the context, and `allocation.new_fence()` publishes the fence. Here it
//!   belongs to no context, so it can be stored beside one, and [`FenceContext::new_fence`] takes
//!   it.
//! - Only here: [`DriverFenceAllocation::new`] with allocation flags.
//!
//! [`DriverFence`]
//! - In 7.4 it borrows its context. Here it has no lifetime: it can be in a list or an
//!   [`Arc`](kernel::sync::Arc), and in one structure with its context.
//! - In 7.4 it dereferences to the data. Here it has [`DriverFence::data`], so that no method of
//!   the data looks like one of the fence.
//! - `signal()` returns nothing in 7.4. Here it returns a [`SignalOutcome`]: the fence may have to
//!   wait for its turn, and the context may have completed it before.
//! - `signal()` opens no signalling section in 7.4. Here it does, so that lockdep checks the locks
//!   that are held.
//! - 7.4 logs each fence that is dropped unsignalled. Here only the first of a context is logged.
//! - In 7.4 a handle that is forgotten makes dropping its context panic. Here its fence is
//!   cancelled when the context is dropped.
//! - 7.4 drops the data a grace period after the handle is gone. Here the fence must also have
//!   signalled, as the operations use the data until then.
//! - Only here: [`DriverFence::fence`], [`DriverFence::leaf`], [`DriverFence::as_leaf`],
//!   [`DriverFence::seqno`], [`DriverFence::signal_timestamp`], [`DriverFence::detach`].
//!
//! [`Fence`]
//! - 7.4's `is_signaled()` takes the fence's lock, and so returns `true` only after the callbacks
//!   have run. [`Fence::is_signaled`] returns `true` as soon as the flag is set, as in C.
//! - 7.4's `from_raw()` takes only fences that were made in Rust. [`Fence::from_raw`] takes any.
//! - Only here: all methods but `is_signaled()`, `seqno()` and `from_raw()`; comparison and
//!   printing.
//!
//! [`FenceCallback`] and [`FenceCallbackRegistration`](callback::FenceCallbackRegistration)
//! - In 7.4 they are beside the other types. Here they are in [`callback`], with callbacks that are
//!   ready for use and need no `unsafe`.
//! - 7.4's `FenceCallback::on_signal(&mut self)` is safe to implement. Here the trait is `unsafe`:
//!   its code runs with the fence's lock held, and if a registration is leaked, it may be called
//!   after its module is gone. Its method is `called(&self, fence)`, so it is also `Sync`.
//! - 7.4 registers the callback while it allocates:
//!   `KBox::pin_init(FenceCallbackRegistration::new(&fence, callback), GFP_KERNEL)`. Here `new()`
//!   makes an idle registration, which may come before a job is committed, and
//!   [`FenceCallbackRegistration::register`] uses it, as often as wanted.
//! - 7.4 drops the callback together with the registration, which has `fence()`. Here
//!   [`FenceCallbackRegistration::cancel`] returns the callback, and there is no `fence()`.
//! - 7.4's `CallbackError` is `AlreadySignaled(T)` or `Other(Error)`, and `Other` loses the
//!   callback. [`CallbackError`](callback::CallbackError) has `Busy(T)` and `Nested(T)` instead. It
//!   has no conversion from `AllocError`, as registering allocates nothing.
//!
//! 7.4 has nothing for the rest: waits, containers, reservation objects, dma-bufs, sync_files,
//! signalling sections, delegates, lockdep classes, and drivers that are unloaded with fences or
//! handles left.
//!
//! # C side
//!
//! C headers: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h),
//! [`include/linux/dma-fence-array.h`](srctree/include/linux/dma-fence-array.h),
//! [`include/linux/dma-fence-chain.h`](srctree/include/linux/dma-fence-chain.h),
//! [`include/linux/dma-fence-unwrap.h`](srctree/include/linux/dma-fence-unwrap.h),
//! [`include/linux/dma-resv.h`](srctree/include/linux/dma-resv.h),
//! [`include/linux/dma-buf.h`](srctree/include/linux/dma-buf.h),
//! [`include/linux/sync_file.h`](srctree/include/linux/sync_file.h)
//!
//! Reference: <https://docs.kernel.org/driver-api/dma-buf.html>
//!
//! [`ARef`]: kernel::sync::aref::ARef
//! [`FenceCallback`]: callback::FenceCallback
//! [`FenceCallbackRegistration::cancel`]: callback::FenceCallbackRegistration::cancel
//! [`FenceCallbackRegistration::register`]: callback::FenceCallbackRegistration::register
//! [`FenceProxy`]: delegate::FenceProxy

#![crate_name = "dma_buf"]

pub mod array;
mod bindings;
mod buffer;
pub mod callback;
pub mod chain;
mod context;
pub mod delegate;
mod driver_fence;
#[cfg(all(CONFIG_DRM = "y", CONFIG_RUST_DRM_GEM_SHMEM_HELPER))]
pub mod drm;
mod fence;
pub mod job_queue;
mod library;
mod lock;
pub mod lockdep;
mod registry;
pub mod resv;
mod section;
mod slab;
mod sync_file;
mod timeline;
pub mod unwrap;

pub use buffer::DmaBuf;
pub use context::{
    ContextNumbers,
    FenceContext,
    FenceContextOps,
    SeqnoError, //
};
pub use driver_fence::{
    DriverFence,
    DriverFenceAllocation, //
};
pub use fence::{
    Fence,
    FenceKind,
    FenceStatus,
    FenceWait,
    Leaf,
    RcuFence,
    WaitError, //
};
pub use section::{
    signalling,
    SignallingSection, //
};
pub use sync_file::{
    SyncFile,
    SyncFileAllocation, //
};
pub use timeline::{
    ContextOptions,
    SignalOutcome, //
};
pub use unwrap::UnwrappedFence;

#[cfg(doc)]
pub mod changes {
    //! A page of the docs, not a module: the changes of each version, for drivers.
    #![doc = include_str!("changes.md")]

    #[allow(unused_imports, reason = "for the links in the page")]
    use crate::*;
}

#[cfg(doc)]
pub mod coverage {
    //! A page of the docs, not a module: the driver-facing C functions, with the items that stand
    //! for them and the tests that call these.
    #![doc = include_str!("coverage.md")]

    #[allow(unused_imports, reason = "for the links in the page")]
    use crate::{
        array::*,
        callback::*,
        chain::*,
        delegate::*,
        lockdep::*,
        resv::*,
        unwrap::*,
        *, //
    };
}

#[cfg(doc)]
pub mod misuse {
    //! A page of the docs, not a module: the misuse of fences that is refused, and how it is
    //! reported.
    #![doc = include_str!("misuse.md")]
}

use kernel::prelude::*;

module! {
    type: DmaBufModule,
    name: "dma_buf_rs",
    authors: ["The dma_buf_rs authors"],
    description: "Rust abstractions for dma_fence and friends, as a library",
    license: "GPL",
    imports_ns: ["DMA_BUF"],
}

#[pin_data]
struct DmaBufModule {
    /// Dropped first: the works that its drop runs may leave callbacks to RCU, for which the drop
    /// of `watch` waits.
    queues: delegate::LibraryQueues,
    #[pin]
    watch: registry::ModuleWatch,
}

impl kernel::InPlaceModule for DmaBufModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        // SAFETY: This is the module's init, which runs once.
        #[cfg(CONFIG_LOCKDEP)]
        unsafe {
            lockdep::table::init()
        };

        try_pin_init!(Self {
            // SAFETY: As above.
            queues: unsafe { delegate::LibraryQueues::new() }?,
            // SAFETY: As above.
            watch <- unsafe { registry::ModuleWatch::new() },
        })
    }
}
