// SPDX-License-Identifier: GPL-2.0

//! Reservation objects: the fences of a buffer, and its lock.
//!
//! A driver that gives work on a buffer to the hardware adds the fence of the work to the buffer's
//! reservation object, with a [`ResvUsage`] that says how the work uses the buffer. A driver that
//! is about to use the buffer waits for the fences whose usage concerns it. So drivers that know
//! nothing of each other take turns.
//!
//! Memory for a fence is reserved before the job is committed. The fence is added after that, when
//! nothing may fail any more:
//!
//! ```text
//!  one object   handle --lock()--> ResvGuard --reserve(n)?--> ResvSlots --next()--> ResvSlot
//!
//!  several     ResvSet --lock()--> ResvSetGuard --reserve()?--> ResvSetSlots --drain()--> ResvSlot
//!                 ^                    |                             |        one a member
//!                 +----- unlock() -----+---------- unlock() ---------+
//!
//!                                                    ResvSlot --add(fence, usage), cannot fail
//! ```
//!
//! - Slots borrow the guard, or own the locks. So there are no slots without the lock, and while
//!   there are slots the object can be neither unlocked nor changed in another way.
//! - [`ResvGuard`] and [`ResvSetGuard`] lend each object as a [`LockedResv`], which has the
//!   operations that need the lock. The operations of [`Resv`] need no lock: asking whether the
//!   fences have signalled, waiting, listing the fences that are pending at the moment.
//! - To lock a second object, use a [`ResvSet`]. Two guards of their own may deadlock.
//!
//! # Signalling sections
//!
//! Others wait for fences with reservation objects locked. So a signalling section must not lock
//! one, and lockdep reports it. Waiting for a fence with the lock held is allowed, and so is adding
//! a fence in a section.
//!
//! # Leaks
//!
//! Contending tasks dereference the lock, the task that owns it (even after it has exited) and the
//! ww acquire context. The guards own references to all three. If a guard is leaked, its objects
//! stay locked for ever, in memory that is never freed.
//!
//! C header: [`include/linux/dma-resv.h`](srctree/include/linux/dma-resv.h)

mod guard;
mod iter;
mod set;

pub use guard::{
    LockedResv,
    ResvGuard,
    ResvSlot,
    ResvSlots, //
};
pub use iter::{
    ResvIter,
    ResvIterUnlocked, //
};
pub use set::{
    ResvSet,
    ResvSetGuard,
    ResvSetLocking,
    ResvSetSlots, //
};

use crate::bindings;
use core::ptr::null_mut;
use kernel::{
    error::to_result,
    prelude::*,
    sync::{
        aref::{
            ARef,
            AlwaysRefCounted, //
        },
        Arc, //
    },
    types::Opaque, //
};

/// A reservation object.
///
/// A driver embeds one in its buffer and implements [`HasResv`]. The reservation object of another
/// driver's buffer comes from a [`DmaBuf`](crate::DmaBuf).
///
/// # Examples
///
/// ```
/// use dma_buf::{
///     resv::{HasResv, Resv, ResvUsage},
///     Leaf,
/// };
/// use kernel::{prelude::*, sync::Arc};
///
/// #[pin_data]
/// struct Buffer {
///     #[pin]
///     resv: Resv,
/// }
///
/// impl HasResv for Buffer {
///     fn resv(&self) -> &Resv {
///         &self.resv
///     }
/// }
///
/// let buffer = Arc::pin_init(pin_init!(Buffer { resv <- Resv::new() }), GFP_KERNEL)?;
///
/// buffer.resv().with_lock(|resv| {
///     // May fail, so it comes before the job is committed.
///     let slot = resv.reserve_one()?;
///     // Cannot fail.
///     slot.add(&Leaf::stub(), ResvUsage::Write);
///     Ok::<(), Error>(())
/// })?;
/// assert!(buffer.resv().test_signaled(ResvUsage::Read));
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `inner` is initialised. It stays in place as long as it is borrowed or locked.
#[repr(transparent)]
#[pin_data(PinnedDrop)]
pub struct Resv {
    #[pin]
    inner: Opaque<bindings::dma_resv>,
}

// SAFETY: A reservation object may be used and destroyed on any CPU.
unsafe impl Send for Resv {}
// SAFETY: The C functions behind `&Resv` do their own locking. Those that need the lock are behind
// `LockedResv`.
unsafe impl Sync for Resv {}

/// Context: any, unless a function says otherwise.
impl Resv {
    /// Creates a reservation object without fences.
    ///
    /// C function: `dma_resv_init()`
    pub fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: `slot` is valid for writes, and pinned.
            inner <- Opaque::ffi_init(|slot| unsafe { bindings::dma_resv_init(slot) }),
        })
    }

    /// Returns a pointer to the C object.
    #[inline]
    pub fn as_raw(&self) -> *mut bindings::dma_resv {
        self.inner.get()
    }

    /// Borrows a C object.
    ///
    /// # Safety
    ///
    /// For `'a`, `ptr` points to an initialised reservation object.
    #[inline]
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::dma_resv) -> &'a Resv {
        // SAFETY: By the function's contract. A `Resv` is laid out as a `dma_resv`.
        unsafe { &*ptr.cast() }
    }

    /// Returns `true` if a task holds the lock. The answer may be outdated on return.
    ///
    /// C function: `dma_resv_is_locked()`
    #[inline]
    pub fn is_locked(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::dma_buf_rs_dma_resv_is_locked(self.as_raw()) }
    }

    /// Runs `f` with the lock held. A closure cannot leak the lock, so this needs no references,
    /// and is cheaper than a [`ResvGuard`].
    ///
    /// Context: process; may sleep. Not in a signalling section, and not with another reservation
    /// object locked.
    ///
    /// C functions: `dma_resv_lock()`, `dma_resv_unlock()`
    #[inline]
    pub fn with_lock<R>(&self, f: impl FnOnce(&mut LockedResv) -> R) -> R {
        // SAFETY: By the type invariant. Without an acquire context locking cannot fail.
        unsafe { bindings::dma_resv_lock(self.as_raw(), null_mut()) };
        // SAFETY: Just locked.
        unsafe { self.run_and_unlock(f) }
    }

    /// Like [`Self::with_lock`], but fails with `EINTR` if a signal arrives before the lock is
    /// acquired.
    ///
    /// Context: process; may sleep.
    ///
    /// C functions: `dma_resv_lock_interruptible()`, `dma_resv_unlock()`
    #[inline]
    pub fn with_lock_interruptible<R>(&self, f: impl FnOnce(&mut LockedResv) -> R) -> Result<R> {
        // SAFETY: By the type invariant.
        to_result(unsafe {
            bindings::dma_buf_rs_dma_resv_lock_interruptible(self.as_raw(), null_mut())
        })?;
        // SAFETY: Just locked.
        Ok(unsafe { self.run_and_unlock(f) })
    }

    /// # Safety
    ///
    /// The current task holds the lock. The function gives it up.
    #[inline]
    unsafe fn run_and_unlock<R>(&self, f: impl FnOnce(&mut LockedResv) -> R) -> R {
        // SAFETY: By the function's contract. The borrow ends before the lock does.
        let result = f(unsafe { self.assume_locked() });

        // SAFETY: By the function's contract.
        unsafe { bindings::dma_resv_unlock(self.as_raw()) };
        result
    }
}

#[pinned_drop]
impl PinnedDrop for Resv {
    /// Drops the references to the fences.
    ///
    /// Context: any; no fence lock held.
    ///
    /// C function: `dma_resv_fini()`
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant. The object is not locked: a guard, leaked or not, owns a
        // handle that keeps the object from being dropped; a closure that runs with the lock held
        // borrows it.
        unsafe { bindings::dma_resv_fini(self.as_raw()) };
    }
}

/// A type that has a reservation object, such as a driver's buffer.
///
/// Several buffers may share one reservation object, for example all buffers of an address space.
/// GEM objects of `kernel::drm` have one, on kernels with `CONFIG_DRM=y`: see the module `drm`.
///
/// See [`Resv`] for an example.
pub trait HasResv {
    /// Returns the reservation object.
    fn resv(&self) -> &Resv;
}

impl HasResv for Resv {
    #[inline]
    fn resv(&self) -> &Resv {
        self
    }
}

/// A reference that keeps a reservation object alive: an [`Arc`] or [`ARef`] to a type that has
/// one. A pair of a handle and any other value is a handle, too, so that a [`ResvSet`] can keep
/// data for each of its members, such as the usage with which the job's fence will be added.
///
/// # Safety
///
/// The object that [`Self::resv`] returns stays valid and in place until the handle is dropped,
/// also if the handle is moved meanwhile. If the handle is leaked, that is for ever.
pub unsafe trait ResvHandle {
    /// Returns the reservation object.
    fn resv(&self) -> &Resv;
}

// SAFETY: The `Arc` keeps its pointee alive and in place, and lends only shared borrows of it. As
// the pointee is `'static`, it borrows nothing that could end before a leaked `Arc` does.
unsafe impl<T: HasResv + ?Sized + 'static> ResvHandle for Arc<T> {
    #[inline]
    fn resv(&self) -> &Resv {
        (**self).resv()
    }
}

// SAFETY: As for `Arc`.
unsafe impl<T: HasResv + AlwaysRefCounted + 'static> ResvHandle for ARef<T> {
    #[inline]
    fn resv(&self) -> &Resv {
        (**self).resv()
    }
}

// SAFETY: The pair owns the handle, and lends no mutable borrow of it here.
unsafe impl<H: ResvHandle, T> ResvHandle for (H, T) {
    #[inline]
    fn resv(&self) -> &Resv {
        self.0.resv()
    }
}

/// How the work of a fence uses the buffer, which decides which work has to wait for it.
///
/// The usages are ordered from the strongest, `Kernel`, to the weakest, `Bookkeep`. A query for one
/// usage finds the fences of all stronger usages as well.
///
/// | Usage | Added by | Waited for by |
/// |---|---|---|
/// | `Kernel` | the driver, when it moves, clears or evicts the buffer | every access to the memory, unless the buffer is pinned |
/// | `Write` | a submission that writes, with implicit synchronisation | later submissions that read or write, with implicit synchronisation |
/// | `Read` | a submission that only reads, with implicit synchronisation | later submissions that write, with implicit synchronisation |
/// | `Bookkeep` | work outside of implicit synchronisation: explicitly synchronised submissions, page table updates, preemption fences | the driver, when it takes the memory away: a move, an eviction, the end of the buffer |
///
/// - A reader waits for `for_access(false)`: moves and writers. It runs beside other readers.
/// - A writer waits for `for_access(true)`: moves, writers and readers.
/// - A driver that moves the memory waits for `Bookkeep`, which is everything, and adds the fence
///   of its copy as `Kernel`, so that everything waits for it.
/// - A submission that user space synchronises explicitly adds its fence as `Bookkeep`. It waits
///   for `Kernel` only, and no implicitly synchronised work waits for it. User space can still make
///   others wait, by `DMA_BUF_IOCTL_IMPORT_SYNC_FILE`, which adds the fence as `Read` or `Write`.
///
/// A fence can be promoted: add it again with a stronger usage. It cannot be demoted, as others may
/// rely on it.
///
/// # Examples
///
/// The accesses that wait for a pending fence of each usage:
///
/// ```
/// use dma_buf::{resv::{Resv, ResvUsage}, FenceContext};
/// use kernel::{prelude::*, sync::Arc};
///
/// for (usage, reader_waits, writer_waits) in [
///     (ResvUsage::Kernel, true, true),
///     (ResvUsage::Write, true, true),
///     (ResvUsage::Read, false, true),
///     (ResvUsage::Bookkeep, false, false),
/// ] {
///     let engine = FenceContext::new(c"mygpu", c"engine", ())?;
///     let job = engine.new_fence(engine.new_fence_allocation(())?);
///     let resv = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
///
///     resv.with_lock(|resv| {
///         resv.reserve_one()?.add(&job.leaf(), usage);
///         Ok::<(), Error>(())
///     })?;
///     assert_eq!(!resv.test_signaled(ResvUsage::for_access(false)), reader_waits);
///     assert_eq!(!resv.test_signaled(ResvUsage::for_access(true)), writer_waits);
///     // A driver that takes the memory away waits for everything.
///     assert!(!resv.test_signaled(ResvUsage::Bookkeep));
///
///     job.signal(Ok(()));
///     assert!(resv.test_signaled(ResvUsage::Bookkeep));
/// }
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum ResvUsage {
    /// Memory management by the kernel: moving, clearing, evicting.
    Kernel = bindings::dma_resv_usage_DMA_RESV_USAGE_KERNEL,
    /// An implicitly synchronised write.
    Write = bindings::dma_resv_usage_DMA_RESV_USAGE_WRITE,
    /// An implicitly synchronised read.
    Read = bindings::dma_resv_usage_DMA_RESV_USAGE_READ,
    /// No implicit synchronisation. The memory is in use.
    Bookkeep = bindings::dma_resv_usage_DMA_RESV_USAGE_BOOKKEEP,
}

impl ResvUsage {
    /// All usages, from the strongest to the weakest.
    pub const ALL: [ResvUsage; 4] = [
        ResvUsage::Kernel,
        ResvUsage::Write,
        ResvUsage::Read,
        ResvUsage::Bookkeep,
    ];

    /// Returns the usage to wait for before an implicitly synchronised access: `Read` before a
    /// write, `Write` before a read.
    ///
    /// Context: any.
    ///
    /// C function: `dma_resv_usage_rw()`
    #[inline]
    pub const fn for_access(write: bool) -> Self {
        if write {
            ResvUsage::Read
        } else {
            ResvUsage::Write
        }
    }

    #[inline]
    pub(crate) const fn as_raw(self) -> bindings::dma_resv_usage {
        self as bindings::dma_resv_usage
    }

    /// Converts a usage of a fence in a list. C has no other values.
    #[inline]
    pub(crate) const fn from_raw(usage: bindings::dma_resv_usage) -> Self {
        match usage {
            bindings::dma_resv_usage_DMA_RESV_USAGE_KERNEL => ResvUsage::Kernel,
            bindings::dma_resv_usage_DMA_RESV_USAGE_WRITE => ResvUsage::Write,
            bindings::dma_resv_usage_DMA_RESV_USAGE_READ => ResvUsage::Read,
            _ => ResvUsage::Bookkeep,
        }
    }
}
