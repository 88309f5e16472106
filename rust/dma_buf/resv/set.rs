// SPDX-License-Identifier: GPL-2.0

//! Locking several reservation objects.
//!
//! Two tasks that lock the same objects in different orders would wait for each
//! other. So the kernel has whoever began later give way: it unlocks all that it has,
//! waits for the one that it could not have, and begins anew. All of that happens
//! here.
//!
//! C header: [`include/linux/ww_mutex.h`](srctree/include/linux/ww_mutex.h)

mod acquire;
mod locked;

pub use locked::{
    LockedSet,
    SetSlots, //
};

use super::{
    Resv,
    ResvHandle, //
};
use crate::bindings;
use core::{
    mem::{
        forget,
        take,
        ManuallyDrop, //
    },
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef,
    task::Task,
    types::Opaque, //
};

/// The most objects that a [`ResvSet`] holds.
///
/// Lockdep counts how many of the kernel's locks a task holds together in 11 bits.
pub const MAX_RESV_SET: usize = 2046;

/// An object of a set.
///
/// # Invariants
///
/// `resv` is what the handle has returned; so it is valid.
struct Member<H> {
    /// Asked once: it may give another each time.
    resv: NonNull<Resv>,
    /// While the set is locked, whether the lock is this member's to give up: not if
    /// another one has the same object. Otherwise true.
    is_owner: bool,
    /// Slots reserved through it.
    slots: usize,
    handle: H,
}

impl<H: ResvHandle> Member<H> {
    #[inline]
    fn new(handle: H) -> Self {
        // INVARIANT: The handle stays.
        Self {
            resv: NonNull::from(handle.resv()),
            is_owner: true,
            slots: 0,
            handle,
        }
    }

    #[inline]
    fn as_raw(&self) -> *mut bindings::dma_resv {
        self.resv.as_ptr().cast()
    }

    /// The object.
    ///
    /// # Safety
    ///
    /// The member is not dropped for `'a`.
    #[inline]
    unsafe fn resv<'a>(&self) -> &'a Resv {
        // SAFETY: By the type invariant, and the function's contract.
        unsafe { self.resv.as_ref() }
    }
}

/// What contending tasks look at while the set is locked.
struct Locker {
    context: KBox<Opaque<bindings::ww_acquire_ctx>>,
    /// Who has locked it: others look at the task, too.
    task: Option<ARef<Task>>,
}

/// Reservation objects that are locked together: those of the buffers that a job
/// uses, say.
///
/// It can be filled and locked over and over; locking allocates nothing. The same
/// object may be in it more than once, as buffers may share one.
///
/// # Examples
///
/// ```
/// use dma_buf::{FenceContext, FenceContextOps, HasResv, Resv, ResvSet, Usage};
/// use kernel::{prelude::*, sync::Arc};
/// # struct Engine;
/// # #[vtable]
/// # impl FenceContextOps for Engine {
/// #     type FenceData = ();
/// # }
/// # let engine = FenceContext::new(c"mygpu", c"engine", Engine)?;
///
/// let source = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
/// let target = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
///
/// let mut set = ResvSet::new()?;
/// set.push(source.clone())?;
/// set.push(target.clone())?;
///
/// let memory = engine.new_fence_allocation(())?;
/// let mut locked = set.lock_interruptible()?;
/// let mut slots = locked.reserve(1)?;
///
/// // Cannot fail from here on.
/// let job = engine.new_fence(memory);
/// for (index, usage) in [Usage::Read, Usage::Write].into_iter().enumerate() {
///     if let Some(slot) = slots.slot(index) {
///         slot.add(&job.leaf(), usage);
///     }
/// }
/// drop(locked);
///
/// assert!(source.test_signaled(Usage::Write));
/// assert!(!target.test_signaled(Usage::Write));
/// job.signal(Ok(()));
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// If `locker.task` is set, that task has locked all objects with the context, which is
/// initialised then; each once, and for the member that is its owner. Unless `is_shared`
/// is set, all members are.
pub struct ResvSet<H: ResvHandle> {
    members: KVec<Member<H>>,
    /// Not dropped if it is locked still.
    locker: ManuallyDrop<Locker>,
    /// Whether two members have the same object, as locking has shown.
    is_shared: bool,
}

// SAFETY: The handles are `Send`; the pointers are to what these keep, and the context is
// used by whoever has locked the set.
unsafe impl<H: ResvHandle + Send> Send for ResvSet<H> {}
// SAFETY: Nothing but handles can be reached by a shared reference.
unsafe impl<H: ResvHandle + Sync> Sync for ResvSet<H> {}

impl<H: ResvHandle> ResvSet<H> {
    /// An empty set.
    ///
    /// Process context, may sleep. Fails with `ENOMEM`.
    pub fn new() -> Result<Self> {
        let context = KBox::<Opaque<_>>::new_uninit(GFP_KERNEL)?;

        // INVARIANT: It is not locked.
        Ok(Self {
            members: KVec::new(),
            locker: ManuallyDrop::new(Locker {
                // SAFETY: An `Opaque` may be anything.
                context: unsafe { context.assume_init() },
                task: None,
            }),
            is_shared: false,
        })
    }

    /// Puts an object in.
    ///
    /// Process context, may sleep. Fails, and drops the handle, with `E2BIG` for more than
    /// [`MAX_RESV_SET`], `ENOMEM`, and `EBUSY` if a forgotten guard has the set locked.
    pub fn push(&mut self, handle: H) -> Result {
        self.unlocked()?;
        if self.members.len() >= MAX_RESV_SET {
            return Err(E2BIG);
        }
        self.members.push(Member::new(handle), GFP_KERNEL)?;
        Ok(())
    }

    /// Takes all objects out; memory for as many is kept.
    ///
    /// Context: as for dropping the handles. Fails with `EBUSY` if a forgotten guard has the
    /// set locked.
    pub fn clear(&mut self) -> Result {
        self.unlocked()?;
        self.members.clear();
        Ok(())
    }

    /// How many objects are in it, each counted as often as it was put in.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no object in it.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The handle that was put in at this place.
    pub fn get(&self, index: usize) -> Option<&H> {
        self.members.get(index).map(|member| &member.handle)
    }

    #[inline]
    fn unlocked(&self) -> Result {
        match self.locker.task {
            Some(_) => Err(EBUSY),
            None => Ok(()),
        }
    }

    /// Locks all objects in it.
    ///
    /// Process context, may sleep; not in a signalling section, and with no other
    /// reservation object locked. Fails with `EBUSY` if a forgotten guard has the set
    /// locked, and for nothing else.
    ///
    /// C functions: `ww_acquire_init()`, `dma_resv_lock()`, `ww_acquire_done()`
    #[inline]
    pub fn lock(&mut self) -> Result<LockedSet<'_, H>> {
        self.lock_all::<false>()
    }

    /// [`Self::lock`], until a signal comes for the task; then it fails with `EINTR`,
    /// too.
    ///
    /// C functions: `dma_resv_lock_interruptible()`,
    /// `dma_resv_lock_slow_interruptible()`
    #[inline]
    pub fn lock_interruptible(&mut self) -> Result<LockedSet<'_, H>> {
        self.lock_all::<true>()
    }
}

impl<H: ResvHandle> Drop for ResvSet<H> {
    fn drop(&mut self) {
        if self.locker.task.is_some() {
            // A guard was forgotten: the objects stay locked, and others look at them
            // and at the context. So all of it stays.
            forget(take(&mut self.members));
            return;
        }
        // SAFETY: It is dropped once, and not locked, so nobody looks at it.
        unsafe { ManuallyDrop::drop(&mut self.locker) };
    }
}
