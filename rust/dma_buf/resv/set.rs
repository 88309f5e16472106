// SPDX-License-Identifier: GPL-2.0

//! Locking several reservation objects.
//!
//! Two tasks that lock the same objects in different orders would deadlock. So the kernel fails one
//! of them with -EDEADLK. That task unlocks everything it has, waits for the lock that it could not
//! get, and starts anew. A [`ResvSet`] does this by itself.
//!
//! C header: [`include/linux/ww_mutex.h`](srctree/include/linux/ww_mutex.h)

use super::{
    LockedResv,
    Resv,
    ResvHandle,
    ResvSlot, //
};
use crate::bindings;
use core::{
    mem::{
        replace,
        take,
        ManuallyDrop, //
    },
    ops::Deref,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef,
    task::Task,
    types::{
        NotThreadSafe,
        Opaque, //
    }, //
};

/// The most members of a set. Lockdep counts the locks of a ww acquire context in 11 bits.
const MAX_MEMBERS: usize = 2046;

/// A member of a set.
///
/// # Invariants
///
/// `handle` keeps the object at `resv`. If `is_owner` is set, the set's context has locked that
/// object, and the lock is given up through this member.
struct Member<H> {
    /// A handle may return another object each time, so it is asked once.
    resv: NonNull<Resv>,
    is_owner: bool,
    handle: H,
}

impl<H: ResvHandle> Member<H> {
    #[inline]
    fn new(handle: H) -> Self {
        // INVARIANT: The handle stays here.
        Self {
            resv: NonNull::from(handle.resv()),
            is_owner: false,
            handle,
        }
    }

    /// Locks the object. If another member owns its lock already, that is fine.
    ///
    /// # Safety
    ///
    /// `context` is an initialised acquire context of the current task. After `EDEADLK`, this is
    /// the member that has failed, and nothing is locked with the context.
    #[inline]
    unsafe fn lock<const INTERRUPTIBLE: bool>(
        &mut self,
        context: *mut bindings::ww_acquire_ctx,
    ) -> Result {
        let resv = self.resv.as_ptr().cast();
        // SAFETY: By the type invariant and the function's contract.
        let result = unsafe {
            if INTERRUPTIBLE {
                bindings::dma_buf_rs_dma_resv_lock_interruptible(resv, context)
            } else {
                bindings::dma_resv_lock(resv, context)
            }
        };

        // INVARIANT: Locked if the function has returned 0.
        self.is_owner = result == 0;
        match result {
            0 => Ok(()),
            result if result == -(bindings::EALREADY as i32) => Ok(()),
            result => Err(Error::from_errno(result)),
        }
    }

    /// Unlocks the object if this member owns its lock.
    #[inline]
    fn unlock(&mut self) {
        if take(&mut self.is_owner) {
            // SAFETY: By the type invariant; the lock is given up once.
            unsafe { bindings::dma_resv_unlock(self.resv.as_ptr().cast()) };
        }
    }

    /// Returns the object, which is locked by another member if not by this one.
    #[inline]
    fn locked(&self) -> *mut LockedResv {
        LockedResv::from_resv(self.resv)
    }
}

/// Reservation objects to be locked together, such as those of the buffers that a job uses.
///
/// The same object may be in the set more than once, as buffers may share one. Each of its members
/// gets a slot of its own.
///
/// # Examples
///
/// A submission:
///
/// ```
/// use dma_buf::{
///     resv::{HasResv, Resv, ResvSet, ResvUsage},
///     signalling, FenceContext, FenceContextOps,
/// };
/// use kernel::{prelude::*, sync::Arc};
/// # struct Engine;
/// # #[vtable]
/// # impl FenceContextOps for Engine {
/// #     type FenceData = ();
/// # }
/// # let engine = FenceContext::new(c"mygpu", c"engine", Engine)?;
/// # let (source, target) = (Resv::new(), Resv::new());
/// # let source = Arc::pin_init(source, GFP_KERNEL)?;
/// # let target = Arc::pin_init(target, GFP_KERNEL)?;
///
/// let mut set = ResvSet::new()?;
/// set.push((source.clone(), ResvUsage::Read))?;
/// set.push((target.clone(), ResvUsage::Write))?;
/// let memory = engine.new_fence_allocation(())?;
///
/// let locked = set.lock_interruptible()?;
/// for ((_, usage), resv) in locked.iter() {
///     let is_write = *usage == ResvUsage::Write;
///     for (_fence, _) in resv.fences(ResvUsage::for_access(is_write)) {
///         // The job has to wait for the fence.
///     }
/// }
/// let mut slots = locked.reserve()?;
///
/// // Nothing fails from here on.
/// let job = signalling(|_section| {
///     let job = engine.new_fence(memory);
///     for ((_, usage), slot) in slots.drain() {
///         slot.add(&job.leaf(), *usage);
///     }
///     let _buffers = slots.unlock();
///     // Here the driver gives the job and the buffers to the hardware.
///     job
/// });
///
/// assert!(source.test_signaled(ResvUsage::Write));
/// assert!(!target.test_signaled(ResvUsage::Write));
/// job.signal(Ok(()));
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// Unless the set is in a [`ResvSetGuard`], no member is an owner.
pub struct ResvSet<H: ResvHandle> {
    members: KVec<Member<H>>,
    /// The member for which the last contention was, if it had been found while locking.
    contended: Option<Member<H>>,
    /// On the heap, as contending tasks dereference it, also if a guard is leaked.
    context: KBox<Opaque<bindings::ww_acquire_ctx>>,
}

// SAFETY: The objects may be used on any CPU, and so may the handles. No task uses the context.
unsafe impl<H: ResvHandle + Send> Send for ResvSet<H> {}
// SAFETY: A shared borrow of the set gives access to nothing.
unsafe impl<H: ResvHandle + Sync> Sync for ResvSet<H> {}

impl<H: ResvHandle> ResvSet<H> {
    /// Creates an empty set. It can be locked as any other.
    ///
    /// Context: process; may sleep.
    ///
    /// Fails with `ENOMEM`.
    pub fn new() -> Result<Self> {
        let context = KBox::<Opaque<_>>::new_uninit(GFP_KERNEL)?;

        // INVARIANT: There are no members.
        Ok(Self {
            members: KVec::new(),
            contended: None,
            // SAFETY: An `Opaque` may be uninitialised.
            context: unsafe { context.assume_init() },
        })
    }

    /// Adds a member.
    ///
    /// Context: process; may sleep.
    ///
    /// Fails with `ENOMEM`, and with `E2BIG` for more than 2046 members. The handle is dropped then.
    pub fn push(&mut self, handle: H) -> Result {
        if self.members.len() >= MAX_MEMBERS {
            return Err(E2BIG);
        }
        // INVARIANT: The new member is no owner.
        self.members.push(Member::new(handle), GFP_KERNEL)?;
        Ok(())
    }

    /// Removes all members. Their memory is kept for new ones.
    ///
    /// Context: that of dropping the handles.
    pub fn clear(&mut self) {
        self.members.clear();
    }

    /// Locks all members.
    ///
    /// Context: process; may sleep. Not in a signalling section, and not with another reservation
    /// object locked.
    ///
    /// C functions: `ww_acquire_init()`, `dma_resv_lock()`, `ww_acquire_done()`
    #[inline]
    pub fn lock(self) -> ResvSetGuard<H> {
        let known = self.members.len();
        let mut guard = ResvSetGuard::new(self);

        while let Err(failed) = guard.lock_members::<false>() {
            // Succeeds, as it is not interruptible.
            let _ = guard.back_off::<false>(failed, known);
        }
        guard.done()
    }

    /// Like [`Self::lock`], but fails with `EINTR` if a signal arrives before all members are
    /// locked. The set is dropped then.
    ///
    /// C functions: `ww_acquire_init()`, `dma_resv_lock_interruptible()`, `ww_acquire_done()`
    #[inline]
    pub fn lock_interruptible(self) -> Result<ResvSetGuard<H>> {
        self.lock_with(|_| Ok(()))
    }

    /// Locks all members, and those that `find` finds by looking at locked ones.
    ///
    /// If another task contends for an object that `find` has found, everything is unlocked, the
    /// members that `find` has pushed are dropped, and after the contended object and all other
    /// members are locked, `find` is called again. So it must not rely on what it has seen before.
    ///
    /// The found members come after the others, in the order in which they were found.
    ///
    /// Context: process; may sleep. Not in a signalling section, and not with another reservation
    /// object locked.
    ///
    /// Fails with an error of `find` or of [`ResvSetLocking::push`], and with `EINTR` if a signal
    /// arrives before all members are locked. The set is dropped then.
    ///
    /// C functions: those of [`Self::lock_interruptible`]
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::resv::{HasResv, Resv, ResvSet};
    /// use kernel::{prelude::*, sync::Arc};
    ///
    /// #[pin_data]
    /// struct Buffer {
    ///     #[pin]
    ///     resv: Resv,
    ///     // In a real driver, the reservation object's lock guards this.
    ///     metadata: Option<Arc<Buffer>>,
    /// }
    ///
    /// impl HasResv for Buffer {
    ///     fn resv(&self) -> &Resv {
    ///         &self.resv
    ///     }
    /// }
    ///
    /// fn buffer(metadata: Option<Arc<Buffer>>) -> Result<Arc<Buffer>> {
    ///     Arc::pin_init(pin_init!(Buffer { resv <- Resv::new(), metadata }), GFP_KERNEL)
    /// }
    ///
    /// let inner = buffer(None)?;
    /// let outer = buffer(Some(inner.clone()))?;
    ///
    /// let mut set = ResvSet::new()?;
    /// set.push(outer)?;
    /// let locked = set.lock_with(|locking| {
    ///     let mut index = 0;
    ///
    ///     // Reaches found members, too.
    ///     while let Some((buffer, _)) = locking.get(index) {
    ///         if let Some(metadata) = buffer.metadata.clone() {
    ///             locking.push(metadata)?;
    ///         }
    ///         index += 1;
    ///     }
    ///     Ok(())
    /// })?;
    /// assert_eq!(locked.iter().len(), 2);
    /// assert!(inner.resv.is_locked());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn lock_with(
        self,
        mut find: impl FnMut(&mut ResvSetLocking<'_, H>) -> Result,
    ) -> Result<ResvSetGuard<H>> {
        let known = self.members.len();
        let mut guard = ResvSetGuard::new(self);

        loop {
            let failed = match guard.lock_members::<true>() {
                Err(failed) => failed,
                Ok(()) => {
                    let mut locking = ResvSetLocking {
                        guard: &mut guard,
                        failed: None,
                    };
                    let found = find(&mut locking);

                    match locking.failed {
                        Some(failed) => failed,
                        None => {
                            found?;
                            return Ok(guard.done());
                        }
                    }
                }
            };
            guard.back_off::<true>(failed, known)?;
        }
    }
}

/// Why a set could not be locked.
struct Failed<H> {
    error: Error,
    /// The index of the member that could not be locked, unless it was found while locking.
    index: usize,
    found: Option<Member<H>>,
}

/// A [`ResvSet`] that is being locked: see [`ResvSet::lock_with`].
pub struct ResvSetLocking<'a, H: ResvHandle> {
    guard: &'a mut ResvSetGuard<H>,
    failed: Option<Failed<H>>,
}

impl<H: ResvHandle> ResvSetLocking<'_, H> {
    /// Locks an object that has been found, and adds it to the set.
    ///
    /// If this fails, [`ResvSet::lock_with`] unlocks everything, whatever the closure returns. So
    /// the closure should return at once.
    ///
    /// Context: process; may sleep.
    ///
    /// Fails with `EDEADLK` if another task contends for the object; then the closure is called
    /// again. Fails with `EINTR` if a signal arrives, `ENOMEM`, and `E2BIG` for more than 2046
    /// members; then locking the set fails with the same error.
    ///
    /// C function: `dma_resv_lock_interruptible()`
    pub fn push(&mut self, handle: H) -> Result {
        if let Some(failed) = &self.failed {
            return Err(failed.error);
        }
        let set = &mut self.guard.set;
        let index = set.members.len();
        let (error, found) = match set.push(handle) {
            Err(error) => (error, None),
            Ok(()) => {
                // SAFETY: The context is that of the guard. `push` has not failed before.
                match unsafe { set.members[index].lock::<true>(set.context.get()) } {
                    Ok(()) => return Ok(()),
                    // It is dropped when nothing is locked any more.
                    Err(error) => (error, set.members.pop()),
                }
            }
        };

        self.failed = Some(Failed {
            error,
            index,
            found,
        });
        Err(error)
    }
}

impl<H: ResvHandle> Deref for ResvSetLocking<'_, H> {
    type Target = ResvSetGuard<H>;

    #[inline]
    fn deref(&self) -> &ResvSetGuard<H> {
        self.guard
    }
}

/// The locks of all members of a [`ResvSet`], held.
///
/// Dropping the guard unlocks the objects. If it is leaked, they stay locked for ever.
///
/// # Invariants
///
/// `task` is the current task. It has initialised `set.context`, and has the right to unlock the
/// objects of all owners. Outside of this file, all members are locked, by an owner or by
/// `set.contended`.
#[must_use = "the objects are unlocked when the guard is dropped"]
pub struct ResvSetGuard<H: ResvHandle> {
    set: ResvSet<H>,
    /// The owner of the locks. Contending tasks dereference it, even after it has exited.
    _task: ARef<Task>,
    _not_send: NotThreadSafe,
}

impl<H: ResvHandle> ResvSetGuard<H> {
    /// Begins to lock a set.
    #[inline]
    fn new(set: ResvSet<H>) -> Self {
        // SAFETY: The memory is valid. By the type invariant of the set nothing uses it.
        unsafe { bindings::dma_buf_rs_ww_acquire_init(set.context.get()) };
        // INVARIANT: As just initialised.
        Self {
            set,
            _task: ARef::from(&**kernel::current!()),
            _not_send: NotThreadSafe,
        }
    }

    /// Locks the members that are not locked yet.
    #[inline]
    fn lock_members<const INTERRUPTIBLE: bool>(&mut self) -> Result<(), Failed<H>> {
        let context = self.set.context.get();

        for (index, member) in self.set.members.iter_mut().enumerate() {
            if member.is_owner {
                continue;
            }
            // SAFETY: By the type invariant. After EDEADLK, `back_off()` comes before this.
            if let Err(error) = unsafe { member.lock::<INTERRUPTIBLE>(context) } {
                return Err(Failed {
                    error,
                    index,
                    found: None,
                });
            }
        }
        Ok(())
    }

    /// Unlocks everything, removes all but the first `known` members, and locks the contended one.
    #[cold]
    fn back_off<const INTERRUPTIBLE: bool>(&mut self, failed: Failed<H>, known: usize) -> Result {
        let set = &mut self.set;

        set.unlock();
        set.members.truncate(known);
        if failed.error != EDEADLK {
            return Err(failed.error);
        }
        let member = match failed.found {
            Some(member) => Some(set.contended.insert(member)),
            None => set.members.get_mut(failed.index),
        };
        let member = member.ok_or(EDEADLK)?;

        loop {
            // ww_mutex.h allows the plain functions in the place of the slow ones. These would warn
            // after the EDEADLK of an rt_mutex, which stands for a long chain of waiters.
            //
            // SAFETY: It is the member that has failed, and nothing is locked.
            match unsafe { member.lock::<INTERRUPTIBLE>(set.context.get()) } {
                Err(error) if error == EDEADLK => {}
                result => return result,
            }
        }
    }

    /// Ends the locking.
    #[inline]
    fn done(self) -> Self {
        // SAFETY: By the type invariant.
        unsafe { bindings::dma_buf_rs_ww_acquire_done(self.set.context.get()) };
        self
    }

    /// Returns the handle and the object of a member.
    #[inline]
    pub fn get(&self, index: usize) -> Option<(&H, &LockedResv)> {
        let member = self.set.members.get(index)?;

        // SAFETY: By the type invariants the object is valid and locked as long as the guard is
        // borrowed. There are no mutable borrows meanwhile.
        Some((&member.handle, unsafe { &*member.locked() }))
    }

    /// Iterates over the handles and the objects of all members.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&H, &LockedResv)> + '_ {
        let members = self.set.members.iter();

        // SAFETY: As in `get`.
        members.map(|member| (&member.handle, unsafe { &*member.locked() }))
    }

    /// Returns the object of a member, to change its list of fences.
    ///
    /// Only one member can be borrowed at a time, as another one may have the same object.
    #[inline]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut LockedResv> {
        let member = self.set.members.get(index)?;

        // SAFETY: By the type invariants the object is valid and locked as long as the guard is
        // borrowed. There are no other borrows meanwhile.
        Some(unsafe { &mut *member.locked() })
    }

    /// Reserves room for one fence for each member.
    ///
    /// For a second fence in the same object, add a second member.
    ///
    /// Context: process; may sleep.
    ///
    /// Fails with `ENOMEM`. The objects are unlocked and the set is dropped then.
    ///
    /// C function: `dma_resv_reserve_fences()`
    pub fn reserve(self) -> Result<ResvSetSlots<H>> {
        let members = &self.set.members;

        if members.iter().all(|member| member.is_owner) {
            for member in members {
                // SAFETY: By the type invariants the object is valid and locked. As `self` is not
                // borrowed, there are no other borrows.
                unsafe { &mut *member.locked() }.reserve_raw(1)?;
            }
        } else {
            let mut objects = KVec::with_capacity(members.len(), GFP_KERNEL)?;

            for member in members {
                objects.push(member.resv, GFP_KERNEL)?;
            }
            objects.sort_unstable();
            for same in objects.chunk_by(|a, b| a == b) {
                // SAFETY: As above.
                unsafe { &mut *LockedResv::from_resv(same[0]) }.reserve_raw(same.len())?;
            }
        }
        // INVARIANT: As just reserved.
        Ok(ResvSetSlots {
            guard: self,
            used: 0,
        })
    }

    /// Unlocks all objects. Returns the set, with the members that were found while locking.
    ///
    /// C functions: `dma_resv_unlock()`, `ww_acquire_fini()`
    #[inline]
    pub fn unlock(self) -> ResvSet<H> {
        let mut this = ManuallyDrop::new(self);

        this.end();
        // SAFETY: `this` is not dropped, so each is moved out once.
        unsafe {
            ptr::drop_in_place(&mut this._task);
            ptr::read(&this.set)
        }
    }

    /// Unlocks all objects and gives up the context. Called once, before the guard goes.
    #[inline]
    fn end(&mut self) {
        self.set.unlock();
        // SAFETY: By the type invariant. Nothing is locked with the context.
        unsafe { bindings::dma_buf_rs_ww_acquire_fini(self.set.context.get()) };
    }
}

impl<H: ResvHandle> ResvSet<H> {
    /// Unlocks the objects of all owners.
    #[inline]
    fn unlock(&mut self) {
        for member in &mut self.members {
            member.unlock();
        }
        if let Some(contended) = &mut self.contended {
            contended.unlock();
        }
    }
}

impl<H: ResvHandle> Drop for ResvSetGuard<H> {
    /// Context: that of locking, and of dropping the handles.
    ///
    /// C functions: `dma_resv_unlock()`, `ww_acquire_fini()`
    #[inline]
    fn drop(&mut self) {
        self.end();
    }
}

/// The locks of all members of a [`ResvSet`], held, and a slot for each member.
///
/// Dropping this unlocks the objects. If it is leaked, they stay locked for ever.
///
/// # Invariants
///
/// Each object has room for as many fences as there are members with it, from the member at `used`
/// on, and no slots but those that have been drained.
#[must_use = "the objects are unlocked when this is dropped"]
pub struct ResvSetSlots<H: ResvHandle> {
    guard: ResvSetGuard<H>,
    used: usize,
}

impl<H: ResvHandle> ResvSetSlots<H> {
    /// Iterates over the handles of all members, and the slot of each, in the order of the set.
    ///
    /// There is one slot for each member. Slots that are not used are given back, and a second call
    /// returns none.
    ///
    /// Context: process, also in a signalling section.
    #[inline]
    pub fn drain(&mut self) -> impl ExactSizeIterator<Item = (&H, ResvSlot<'_>)> + '_ {
        let members = &self.guard.set.members;
        let used = replace(&mut self.used, members.len());

        members.iter().skip(used).map(|member| {
            // SAFETY: By the type invariants the object is valid and locked as long as `self` is
            // borrowed, and so as the slot lives. The member's room goes to that slot.
            let slot = unsafe { ResvSlot::new(member.resv.as_ref()) };

            (&member.handle, slot)
        })
    }

    /// Unlocks all objects. Returns the set, with the members that were found while locking.
    ///
    /// Context: that of locking, also in a signalling section.
    ///
    /// C functions: `dma_resv_unlock()`, `ww_acquire_fini()`
    #[inline]
    pub fn unlock(self) -> ResvSet<H> {
        self.guard.unlock()
    }
}
