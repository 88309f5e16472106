// SPDX-License-Identifier: GPL-2.0

//! GPU synchronisation for Rust drivers: safe abstractions over the kernel's
//! `dma_fence` and what stands on it.
//!
//! A driver that runs jobs on hardware makes a [`FenceContext`] for each of its
//! timelines, a [`DriverFence`] for each job, and hands the shared side of it,
//! a [`Fence`], to whoever wants to wait: user space through a [`SyncFile`],
//! another driver, its own scheduler.
//!
//! | Who | Type | May |
//! |---|---|---|
//! | the driver, once per job | [`DriverFence`] | signal it, read its data |
//! | everybody, any number of times | [`Fence`] behind [`ARef`] | wait, ask, register callbacks |
//!
//! # States
//!
//! ```text
//!  new_fence_allocation()       new_fence()
//!         |                         |
//!         v                         v         signal(Ok) and all before it
//!   +-----------+  publication  +---------+  signalled         +-----------+
//!   | allocated |-------------->| pending |------------------->| signalled |
//!   +-----------+               +---------+                    +-----------+
//!         | dropped               |  |  |  signal(Err), bound:    +-------+
//!         v                       |  |  +-- ETIME --------------->| error |
//!       nothing                   |  |                            +-------+
//!                                 |  |  dropped, or its context:  +-----------+
//!                                 |  +--- ECANCELED ------------->| cancelled |
//!                                 |                               +-----------+
//!                                 |  completed, but not the first
//!                                 +--> done: any of these, in its turn
//! ```
//!
//! - *Pending*: somebody may wait for it, and will until it signals.
//! - *Done*: its result is fixed, and it waits for those before it.
//! - *Signalled*, in the kernel's sense, are all three on the right.
//!
//! # Containers
//!
//! A [`Fence`] may stand for others: an array for all of several at once, a link
//! of a chain for what came before it on a timeline, too. A driver takes whatever
//! it is handed, and the rules of what may be in what are in the types:
//!
//! | Type | Is | Made by |
//! |---|---|---|
//! | [`Leaf`] | no container | [`DriverFence::leaf`], [`Fence::kind`], [`Leaf::from_fence`] |
//! | [`FenceArray`] | an array, of leaves if it is of this crate | [`FenceArray::new`], [`FenceArrayAllocation`] |
//! | [`Flat`] | a leaf, or an array of leaves | [`Fence::flatten`], [`merge`], arrays |
//! | [`FenceChain`] | a link, with something flat in it | [`FenceChainAllocation::append`] |
//!
//! [`Fence::leaves`] walks over the leaves of anything, a foreign driver's nesting
//! included.
//!
//! A foreign driver may break the rules: the kernel warns when a container is put where
//! it must not be, once, and then lives with it. But whoever has the kernel deal with
//! such a fence as a whole has it recurse, for as much stack as it is deep, and take
//! locks of one class inside each other, which lockdep reports. So what comes from
//! another driver and may be a container is made flat by [`Fence::flatten`] first, and
//! what comes of that is asked, waited for and registered on. Flattening,
//! [`merge`], [`Fence::leaves`], [`Fence::links`] and [`Wait::on_leaves`] bear any
//! nesting, as they ask the kernel of leaves, and of arrays of leaves, only. As they
//! are, fences are handed to it by [`Fence::is_signaled`], [`Fence::status`],
//! [`Fence::later`], [`Fence::describe`], [`Fence::set_deadline`] and
//! [`Fence::find_seqno`], which recurse; and by [`Fence::enable_signaling`],
//! [`Wait::on`], [`Wait::on_any`] and the poll of a [`SyncFile`], where lockdep has
//! something to say, too.
//! [`FenceCallbackRegistration::register`] refuses what it sees at one look. The last
//! reference has all in it let go, level by level, inside each other: that is the kernel's,
//! and the caller that drops it cannot tell.
//!
//! # Buffers
//!
//! Drivers that share a buffer take turns by its reservation object: see [`resv`]. A [`DmaBuf`]
//! lends the reservation object of another driver's buffer.
//!
//! # Contexts
//!
//! | May sleep, process context | Any context, with a fence's lock held too | Any, but with no fence's lock held |
//! |---|---|---|
//! | making contexts, allocations, work types; waiting; [`SyncFile::new`], [`SyncFileAllocation::new`]; [`FenceArray::new`], [`merge`], [`Fence::flatten`]; locking a reservation object, reserving slots | the flag test, error, timestamp, numbers, names, kinds, references, [`ContextNumbers::data`]; publishing | signalling, [`FenceContext::first_pending`] and its like, [`FenceChainAllocation::append`], [`FenceArrayAllocation::build`], [`dedup`], registering and cancelling callbacks, `is_signaled`, `status`, [`FenceSlot`], [`Fence::links`], [`Fence::find_seqno`], [`Fence::leaves`], [`ResvSlot::add`](resv::ResvSlot::add), [`Resv::test_signaled`](resv::Resv::test_signaled), [`Resv::fences_unlocked`](resv::Resv::fences_unlocked) |
//!
//! References, in the second column, are all but the last: dropping that one is for
//! the third. "Any context" is any but NMI. With `PREEMPT_RT`, where spinlocks sleep, it is
//! neither hard interrupt context nor under a raw spinlock; bodies of work types
//! run in threads and softirqs there.
//!
//! # Locks
//!
//! A context has two locks. Publishing takes the one, signalling the other, and callbacks run
//! with that and the lock of their fence:
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
//! - With a lock L held that callbacks take, a driver may do what the second column above names,
//!   such as publish, and nothing of the third.
//! - A callback may take such a lock, publish on any context, also its own, and queue an
//!   [`IrqWork`] or a [`Work`], which then signal: a callback must not. A [`FenceProxy`] does
//!   so.
//! - Interrupts are off for as long as it takes to signal 256 fences: what there is more of is
//!   left to the next piece.
//!
//! # What types refuse, and what lockdep reports
//!
//! Types: signalling twice, or through a [`Fence`]; using data of a fence that may have been
//! dropped; ending a section out of order, keeping it, or taking it to another
//! thread; keeping a name beyond its RCU guard; moving a registration that the
//! kernel points to; registering a callback that runs driver code, without
//! `unsafe`; adding a fence to a reservation object without its lock, or without room,
//! and a container at all.
//!
//! A body that runs in a section is handed a [`SignallingSection`] and can still call any
//! function that it can name: Rust cannot take one away. Whatever must not be
//! done there (locking a reservation object, `GFP_KERNEL`, touching user memory)
//! lockdep reports, and this crate reports a wait that does not declare its order
//! ([`Wait::ordered`]), on kernels with lockdep. The list of it all is [`misuse`].
//!
//! # Compared with the API merged for the next release
//!
//! The names are its names. What differs does so on purpose:
//!
//! - Handles have no lifetime: a [`DriverFence`] can live in a list or an XArray
//!   ([`ForeignOwnable`](kernel::types::ForeignOwnable)).
//! - A forgotten fence or context is no panic, and is completed all the same.
//! - A context's fences signal in order, and the context knows what is pending.
//! - A free-form [`FenceCallback`] is `unsafe` to implement; the ready ones are
//!   not.
//! - [`DriverFence::signal`] enters a signalling section by itself.
//! - An operation returns its finding; it never signals.
//! - [`ContextNumbers`] finds a driver's own data in a fence that has signalled, if the data
//!   needs no dropping.
//! - [`ContextOptions::first_seqno`] sets the first sequence number.
//! - [`SyncFileAllocation`] makes the file before the fence.
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
//! [`FenceCallbackRegistration::register`]: callback::FenceCallbackRegistration::register
//! [`FenceProxy`]: delegate::FenceProxy
//! [`IrqWork`]: delegate::IrqWork
//! [`Work`]: delegate::Work

#![crate_name = "dma_buf"]

mod array;
mod bindings;
mod buffer;
pub mod callback;
mod chain;
mod context;
pub mod coverage;
pub mod delegate;
mod driver_fence;
mod fence;
mod flat;
mod header;
mod lock;
mod lockdep;
mod merge;
pub mod misuse;
mod options;
mod reader;
mod registry;
pub mod resv;
mod section;
mod slab;
mod sync_file;
mod timeline;
mod unwrap;

pub use array::{
    FenceArray,
    FenceArrayAllocation,
    MAX_ARRAY_FENCES, //
};
pub use buffer::DmaBuf;
pub use chain::{
    FenceChain,
    FenceChainAllocation,
    Links, //
};
pub use context::{
    ContextNumbers,
    FenceContext,
    FenceContextOps,
    SeqnoError, //
};
pub use driver_fence::{
    DriverFence,
    DriverFenceAllocation,
    DriverFenceBorrow,
    SignalOutcome, //
};
pub use fence::{
    AsFence,
    Fence,
    FenceSlot,
    Kind,
    Later,
    Leaf,
    Status,
    Wait,
    WaitError,
    MAX_WAIT_ANY, //
};
pub use flat::Flat;
pub use lockdep::{
    Domain,
    LockClass,
    MAX_LOCKDEP_NAME,
    MAX_LOCKDEP_NAMES, //
};
pub use merge::{
    dedup,
    merge,
    MAX_MERGE, //
};
pub use options::ContextOptions;
pub use section::{
    signalling,
    SignallingSection, //
};
pub use sync_file::{
    SyncFile,
    SyncFileAllocation, //
};
pub use unwrap::{
    Leaves,
    MAX_LEAVES,
    MAX_NESTED, //
};

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
    /// Goes first: what it runs to the end leaves things to RCU, which `watch`
    /// waits for.
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
            queues: delegate::LibraryQueues::new()?,
            watch <- registry::ModuleWatch::new(),
        })
    }
}

/// This module, for the C side.
///
/// Not inlined: in another module's text it would name that module.
#[inline(never)]
fn this_module() -> *mut bindings::module {
    kernel::module::this_module::<LocalModule>().as_ptr()
}
