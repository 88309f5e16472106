// SPDX-License-Identifier: GPL-2.0

//! Locking several reservation objects.
//!
//! Two tasks that lock the same objects in different orders would wait for each
//! other. So the kernel has whoever began later give way: it unlocks all that it has,
//! waits for the one that it could not have, and begins anew. All of that happens
//! here.
//!
//! C header: [`include/linux/ww_mutex.h`](srctree/include/linux/ww_mutex.h)

use super::{
    slots::{
        self,
        Slot, //
    },
    LockedResv,
    Resv,
    ResvHandle,
    Usage, //
};
use crate::{
    bindings,
    fence::Leaf, //
};
use core::{
    mem::{
        forget,
        take,
        ManuallyDrop, //
    },
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::aref::ARef,
    task::Task,
    types::{
        NotThreadSafe,
        Opaque, //
    }, //
};

/// The most objects that a [`ResvSet`] holds.
///
/// Lockdep counts how many of the kernel's locks a task holds together in 11 bits.
pub const MAX_RESV_SET: usize = 2046;

/// An object of a set.
struct Member<H> {
    handle: H,
    /// What the handle returned when the set was locked last; until then, dangling.
    resv: NonNull<Resv>,
    /// Whether the lock is this member's to give up; not if another one before has the
    /// same object.
    is_owner: bool,
    /// Slots reserved through it.
    slots: usize,
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
/// If `locker.task` is set, the set is locked, by that task: each member has its object,
/// whose lock is held with the context if it is its owner.
pub struct ResvSet<H: ResvHandle> {
    members: KVec<Member<H>>,
    /// Not dropped if it is locked still.
    locker: ManuallyDrop<Locker>,
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

        Ok(Self {
            members: KVec::new(),
            locker: ManuallyDrop::new(Locker {
                // SAFETY: An `Opaque` may be anything.
                context: unsafe { context.assume_init() },
                task: None,
            }),
        })
    }

    /// Puts an object in.
    ///
    /// Process context, may sleep. Fails with `E2BIG` for more than [`MAX_RESV_SET`],
    /// `ENOMEM`, and `EBUSY` if a forgotten guard has the set locked.
    pub fn push(&mut self, handle: H) -> Result {
        self.unlocked()?;
        if self.members.len() >= MAX_RESV_SET {
            return Err(E2BIG);
        }
        self.members.push(
            Member {
                handle,
                resv: NonNull::dangling(),
                is_owner: false,
                slots: 0,
            },
            GFP_KERNEL,
        )?;
        Ok(())
    }

    /// Takes all objects out; memory for as many is kept.
    ///
    /// Fails with `EBUSY` if a forgotten guard has the set locked.
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
    /// C functions: `ww_acquire_init()`, `dma_resv_lock()`, `dma_resv_lock_slow()`,
    /// `ww_acquire_done()`
    #[inline]
    pub fn lock(&mut self) -> Result<LockedSet<'_, H>> {
        self.lock_all(false)
    }

    /// [`Self::lock`], until a signal comes for the task; then it fails with `EINTR`,
    /// too.
    ///
    /// C functions: `dma_resv_lock_interruptible()`,
    /// `dma_resv_lock_slow_interruptible()`
    #[inline]
    pub fn lock_interruptible(&mut self) -> Result<LockedSet<'_, H>> {
        self.lock_all(true)
    }

    fn lock_all(&mut self, interruptible: bool) -> Result<LockedSet<'_, H>> {
        self.unlocked()?;
        for member in &mut self.members {
            member.resv = NonNull::from(member.handle.resv());
        }
        self.locker.task = Some(ARef::from(&**kernel::current!()));
        // SAFETY: The memory is valid for it, and stays.
        unsafe { bindings::dma_buf_rs_ww_acquire_init(self.locker.context.get()) };

        // INVARIANT: If it fails, nothing is locked. Whatever is, is unlocked by this.
        let mut locked = LockedSet {
            set: self,
            _not_send: NotThreadSafe,
        };

        while let Err((at, error)) = locked.acquire(interruptible) {
            if error != EDEADLK {
                return Err(error);
            }
            locked.release();
            locked.acquire_slow(at, interruptible)?;
        }
        // SAFETY: All that is to be locked with the context is.
        unsafe { bindings::dma_buf_rs_ww_acquire_done(locked.set.locker.context.get()) };
        Ok(locked)
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

/// The locks of all objects of a [`ResvSet`].
///
/// Dropped, it unlocks them; forgotten, they stay locked for ever, and what is in the
/// set is never freed.
#[must_use = "dropped, it unlocks at once"]
pub struct LockedSet<'a, H: ResvHandle> {
    set: &'a mut ResvSet<H>,
    _not_send: NotThreadSafe,
}

impl<H: ResvHandle> LockedSet<'_, H> {
    /// Locks what is not locked yet; says where that failed.
    #[inline]
    fn acquire(&mut self, interruptible: bool) -> Result<(), (usize, Error)> {
        let context = self.set.locker.context.get();

        for (index, member) in self.set.members.iter_mut().enumerate() {
            if member.is_owner {
                continue;
            }
            let resv = member.as_raw();
            // SAFETY: The object is valid, and the context initialised.
            let result = to_result(unsafe {
                if interruptible {
                    bindings::dma_buf_rs_dma_resv_lock_interruptible(resv, context)
                } else {
                    bindings::dma_buf_rs_dma_resv_lock(resv, context)
                }
            });

            match result {
                Ok(()) => member.is_owner = true,
                // Another member has it locked.
                Err(error) if error == EALREADY => {}
                Err(error) => return Err((index, error)),
            }
        }
        Ok(())
    }

    /// Waits for the object that could not be had, and locks it, with no other locked.
    #[cold]
    fn acquire_slow(&mut self, index: usize, interruptible: bool) -> Result {
        let context = self.set.locker.context.get();
        let member = &mut self.set.members[index];
        let resv = member.as_raw();

        // SAFETY: The object is valid, and the one that was contended; the context is
        // initialised, and nothing is locked with it.
        unsafe {
            if interruptible {
                to_result(bindings::dma_buf_rs_dma_resv_lock_slow_interruptible(
                    resv, context,
                ))?;
            } else {
                bindings::dma_buf_rs_dma_resv_lock_slow(resv, context);
            }
        }
        member.is_owner = true;
        Ok(())
    }

    /// Unlocks all that is locked.
    #[inline]
    fn release(&mut self) {
        for member in self.set.members.iter_mut().rev() {
            if member.is_owner {
                member.is_owner = false;
                // SAFETY: The owner's lock is given up once.
                unsafe { bindings::dma_buf_rs_dma_resv_unlock(member.as_raw()) };
            }
        }
    }

    /// How many objects there are, each counted as often as it was put in.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// The handle that was put in at this place.
    pub fn handle(&self, index: usize) -> Option<&H> {
        self.set.get(index)
    }

    /// The object that was put in at this place, to do with what can be done with one
    /// that is locked.
    #[inline]
    pub fn get(&mut self, index: usize) -> Option<LockedResv<'_>> {
        let member = self.set.members.get(index)?;

        // SAFETY: Its lock is held by this, which is borrowed for as long as the object
        // is lent, so that no other member, which may have the same one, is.
        Some(unsafe { LockedResv::new(member.resv()) })
    }

    /// Reserves room for so many fences in each object: where one was put in more than
    /// once, so many for each time.
    ///
    /// Process context, may sleep. Fails as [`ResvLocked::reserve`] does.
    ///
    /// [`ResvLocked::reserve`]: super::ResvLocked::reserve
    pub fn reserve(&mut self, count: usize) -> Result<SetSlots<'_, H>> {
        let members = &mut *self.set.members;
        let is_shared = members.iter().any(|member| !member.is_owner);

        for index in 0..members.len() {
            if !members[index].is_owner {
                continue;
            }
            let times = if is_shared {
                let resv = members[index].resv;

                members.iter().filter(|member| member.resv == resv).count()
            } else {
                1
            };
            // Fences may have been added to it as a member of its own.
            let mut room = 0;
            let count = count.saturating_mul(times);

            // SAFETY: The lock is held, and there are no slots, as they would borrow this.
            unsafe { slots::reserve(members[index].resv(), &mut room, count)? };
        }
        for member in members.iter_mut() {
            member.slots = count;
        }
        // INVARIANT: As just reserved.
        Ok(SetSlots {
            members,
            _not_send: NotThreadSafe,
        })
    }
}

impl<H: ResvHandle> Drop for LockedSet<'_, H> {
    #[inline]
    fn drop(&mut self) {
        self.release();
        // SAFETY: Nothing is locked with the context any more, which is initialised.
        unsafe { bindings::dma_buf_rs_ww_acquire_fini(self.set.locker.context.get()) };
        self.set.locker.task = None;
    }
}

/// Reserved slots in all objects of a [`LockedSet`].
///
/// # Invariants
///
/// For `'a`, the objects' locks are held by the current task, and each has room for as
/// many fences as its members have slots, beside those for which there is a [`Slot`].
#[must_use = "what is reserved and not used is given back"]
pub struct SetSlots<'a, H: ResvHandle> {
    members: &'a mut [Member<H>],
    _not_send: NotThreadSafe,
}

impl<'a, H: ResvHandle> SetSlots<'a, H> {
    /// A slot in the object that was put into the set at this place; `None` if they are
    /// used up.
    #[inline]
    pub fn slot(&mut self, index: usize) -> Option<Slot<'a>> {
        let member = self.members.get_mut(index)?;

        member.slots = member.slots.checked_sub(1)?;
        // SAFETY: The lock is held for `'a`, and the room for one more is that slot's now.
        Some(unsafe { Slot::new(member.resv()) })
    }

    /// Adds a fence to each object.
    ///
    /// Fails with `ENOSPC`, and adds nothing, if the slots of one are used up. Context: as
    /// [`Slot::add`].
    pub fn add_to_all(&mut self, fence: &Leaf, usage: Usage) -> Result {
        if self.members.iter().any(|member| member.slots == 0) {
            return Err(ENOSPC);
        }
        for member in self.members.iter_mut() {
            member.slots -= 1;
            // Once is enough.
            if member.is_owner {
                // SAFETY: As in `slot`.
                unsafe { Slot::new(member.resv()) }.add(fence, usage);
            }
        }
        Ok(())
    }
}

impl<H: ResvHandle> Member<H> {
    /// The object, while the set is locked.
    #[inline]
    fn as_raw(&self) -> *mut bindings::dma_resv {
        self.resv.as_ptr().cast()
    }

    /// # Safety
    ///
    /// The set is locked, and stays so for `'a`.
    #[inline]
    unsafe fn resv<'a>(&self) -> &'a Resv {
        // SAFETY: By the function's contract; the handle, which is not dropped meanwhile,
        // keeps the object.
        unsafe { self.resv.as_ref() }
    }
}
