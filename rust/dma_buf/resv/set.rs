// SPDX-License-Identifier: GPL-2.0

//! Locking several reservation objects.
//!
//! Two tasks that lock the same objects in different orders would deadlock. So the kernel fails one
//! of them with -EDEADLK. That task unlocks everything it has, waits for the lock that it could not
//! get, and starts anew. A [`ResvSet`] does this by itself.
//!
//! Not `drm_exec`, which does the same for GEM objects alone, and is in a module of DRM's: a set
//! takes any reservation object, in a kernel without DRM, too.
//!
//! C header: [`include/linux/ww_mutex.h`](srctree/include/linux/ww_mutex.h)

use super::{
    LockedResv,
    Resv,
    ResvHandle,
    ResvSlot, //
};
use crate::{
    bindings,
    unwrap::sort_by_key, //
};
use core::{
    mem::{
        replace,
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

/// The highest number of members of a set. Lockdep counts the locks of a ww acquire context in 11
/// bits.
const MAX_MEMBERS: usize = 2046;

/// A member of a set.
///
/// # Invariants
///
/// `handle` keeps the object at `resv`. `is_owner` is unset only while the member is locked, and
/// another member has locked the object first, or the object is that of `Inner::contended`.
struct Member<H> {
    /// A handle may return another object each time, so `resv()` is called once.
    resv: NonNull<Resv>,
    is_owner: bool,
    handle: H,
}

/// The part of a set that is on the heap.
struct Inner<H> {
    members: KVec<Member<H>>,
    context: Opaque<bindings::ww_acquire_ctx>,
    /// The owner of the locks.
    task: Option<ARef<Task>>,
    /// The number of members, from the first one on, that are locked.
    locked: usize,
    /// `is_owner` is unset in some of these.
    is_shared: bool,
    /// An object that was waited for after a contention, and so was locked before all members.
    contended: Option<NonNull<Resv>>,
    /// Keeps that object, if it was found while the set was locked.
    contended_handle: Option<H>,
}

impl<H> Inner<H> {
    const fn new() -> Self {
        Self {
            members: KVec::new(),
            context: Opaque::uninit(),
            task: None,
            locked: 0,
            is_shared: false,
            contended: None,
            contended_handle: None,
        }
    }

    /// Begins to lock members.
    ///
    /// # Safety
    ///
    /// Nothing is locked with the context, and the set goes into a guard.
    #[inline]
    unsafe fn begin(&mut self) {
        // SAFETY: The memory is valid. By the function's contract nothing uses it.
        unsafe { bindings::dma_buf_rs_ww_acquire_init(self.context.get()) };
        self.task = Some(ARef::from(&**kernel::current!()));
    }
}

/// Appends a member.
fn push<H: ResvHandle>(
    members: &mut KVec<Member<H>>,
    handle: H,
) -> Result<&mut Member<H>, (Error, H)> {
    let index = members.len();

    if index >= MAX_MEMBERS {
        return Err((E2BIG, handle));
    }
    if let Err(error) = members.reserve(1, GFP_KERNEL) {
        return Err((error.into(), handle));
    }
    // INVARIANT: The handle stays with the pointer.
    let member = Member {
        resv: NonNull::from(handle.resv()),
        is_owner: true,
        handle,
    };
    // There is room.
    let _ = members.push_within_capacity(member);
    Ok(&mut members[index])
}

/// Locks an object. Returns `false` if it is locked with this context already.
///
/// # Safety
///
/// `resv` points to an object. `context` is an initialised acquire context of the current task.
/// After `EDEADLK`, the object is the same, and nothing is locked with the context.
#[inline]
unsafe fn lock<const INTERRUPTIBLE: bool>(
    resv: NonNull<Resv>,
    context: *mut bindings::ww_acquire_ctx,
) -> Result<bool> {
    const ALREADY: i32 = -(bindings::EALREADY as i32);
    let resv = resv.as_ptr().cast();

    // SAFETY: By the function's contract.
    let result = unsafe {
        if INTERRUPTIBLE {
            bindings::dma_buf_rs_dma_resv_lock_interruptible(resv, context)
        } else {
            bindings::dma_resv_lock(resv, context)
        }
    };

    match result {
        0 => Ok(true),
        ALREADY => Ok(false),
        error => Err(Error::from_errno(error)),
    }
}

/// Unlocks an object.
///
/// # Safety
///
/// The current task has locked the object at `resv`, and gives that up.
#[inline]
unsafe fn unlock(resv: NonNull<Resv>) {
    // SAFETY: By the function's contract.
    unsafe { bindings::dma_resv_unlock(resv.as_ptr().cast()) };
}

/// Reservation objects to be locked together, such as those of the buffers that a job uses.
///
/// The same object may be in the set more than once, as buffers may share one. Each of its members
/// gets a slot of its own.
///
/// Context of the drop: that of dropping the handles.
///
/// # Examples
///
/// A submission:
///
/// ```
/// use dma_buf::{resv::{Resv, ResvSet, ResvUsage}, signalling};
/// use kernel::{prelude::*, sync::Arc};
/// # let engine = dma_buf::FenceContext::new(c"mygpu", c"engine", ())?;
/// # let source = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
/// # let target = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
///
/// let mut set = ResvSet::new();
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
/// let (job, _buffers) = signalling(|_section| {
///     let job = engine.new_fence(memory);
///     for ((_, usage), slot) in slots.drain() {
///         slot.add(job.as_leaf(), *usage);
///     }
///     // Here the driver gives the job to the hardware, with the buffers: dropping the last
///     // reference to one may lock it, which a section must not do.
///     (job, slots.unlock())
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
/// Unless the set is in a [`ResvSetGuard`], nothing is locked.
pub struct ResvSet<H: ResvHandle> {
    /// Allocated when it is first needed.
    inner: Option<KBox<Inner<H>>>,
}

// SAFETY: The objects may be used on any CPU, and so may the handles. No task uses the context.
unsafe impl<H: ResvHandle + Send> Send for ResvSet<H> {}
// SAFETY: A shared borrow of the set gives access to nothing.
unsafe impl<H: ResvHandle + Sync> Sync for ResvSet<H> {}

impl<H: ResvHandle> Default for ResvSet<H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: ResvHandle> ResvSet<H> {
    /// Creates an empty set. It can be locked as any other.
    ///
    /// Context: any.
    pub const fn new() -> Self {
        // INVARIANT: There is nothing to be locked.
        Self { inner: None }
    }

    /// Like [`Self::new`], with room for this number of members. Fails with `ENOMEM`, and with
    /// `E2BIG` for more than 2046.
    ///
    /// Context: process; may sleep.
    pub fn with_capacity(members: usize) -> Result<Self> {
        let mut this = Self::new();

        if members > MAX_MEMBERS {
            return Err(E2BIG);
        }
        if members > 0 {
            this.inner()?.members.reserve(members, GFP_KERNEL)?;
        }
        Ok(this)
    }

    /// Returns the part on the heap. Allocates it the first time.
    fn inner(&mut self) -> Result<&mut Inner<H>> {
        match &mut self.inner {
            Some(inner) => Ok(inner),
            none => Ok(none.insert(KBox::new(Inner::new(), GFP_KERNEL)?)),
        }
    }

    fn members(&self) -> &[Member<H>] {
        self.inner.as_ref().map_or(&[], |inner| &inner.members)
    }

    /// Adds a member. Fails with `ENOMEM`, and with `E2BIG` for more than 2046 members. The handle
    /// is dropped then.
    ///
    /// Context: process; may sleep.
    pub fn push(&mut self, handle: H) -> Result {
        match push(&mut self.inner()?.members, handle) {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(error),
        }
    }

    /// Removes all members. Their memory is kept for new ones.
    ///
    /// Context: that of dropping the handles.
    pub fn clear(&mut self) {
        if let Some(inner) = &mut self.inner {
            inner.members.clear();
            inner.contended_handle = None;
        }
    }

    /// Locks all members.
    ///
    /// Context: process; may sleep. Not in a signalling section, and not with another reservation
    /// object locked.
    ///
    /// C functions: `ww_acquire_init()`, `dma_resv_lock()`, `ww_acquire_done()`
    #[inline]
    pub fn lock(self) -> ResvSetGuard<H> {
        let original_len = self.members().len();
        let mut guard = ResvSetGuard::new(self);

        while let Err(failed) = guard.lock_members::<false>() {
            // Succeeds, as it is not interruptible.
            let _ = guard.back_off::<false>(failed, original_len);
        }
        guard.done()
    }

    /// Like [`Self::lock`], but fails with `EINTR` if a signal arrives before all members are
    /// locked. The set is dropped then.
    ///
    /// Context: process; may sleep.
    ///
    /// C functions: `ww_acquire_init()`, `dma_resv_lock_interruptible()`, `ww_acquire_done()`
    #[inline]
    pub fn lock_interruptible(self) -> Result<ResvSetGuard<H>> {
        self.lock_with(|_| Ok(()))
    }

    /// Locks all members, and further ones that `find` adds when these are locked.
    ///
    /// If another task contends for an object that `find` has found, all objects are unlocked, and
    /// the members that `find` has pushed are dropped. When the contended object and the members of
    /// the set are locked again, so is `find` called again: it must not rely on an earlier call.
    ///
    /// The found members come after the others, in the order in which they were found.
    /// Fails as `find`, [`ResvSetLocking::push`] and [`Self::lock_interruptible`] do.
    ///
    /// Context: that of [`Self::lock`].
    ///
    /// C functions: those of [`Self::lock_interruptible`]
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::resv::{Resv, ResvSet};
    /// use kernel::{prelude::*, sync::Arc};
    ///
    /// let inner = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
    /// let outer = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
    ///
    /// // With each object, another one that its driver finds when it is locked.
    /// let mut set = ResvSet::new();
    /// set.push((outer, Some(inner.clone())))?;
    /// let locked = set.lock_with(|locking| {
    ///     let mut index = 0;
    ///
    ///     // Reaches found members, too.
    ///     while let Some(((_, other), _)) = locking.get(index) {
    ///         if let Some(other) = other.clone() {
    ///             locking.push((other, None))?;
    ///         }
    ///         index += 1;
    ///     }
    ///     Ok(())
    /// })?;
    /// assert_eq!(locked.iter().len(), 2);
    /// assert!(inner.is_locked());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn lock_with(
        self,
        mut find: impl FnMut(&mut ResvSetLocking<'_, H>) -> Result,
    ) -> Result<ResvSetGuard<H>> {
        let original_len = self.members().len();
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
            guard.back_off::<true>(failed, original_len)?;
        }
    }
}

/// The failure to lock a set.
struct LockFailure<H> {
    error: Error,
    /// The object that could not be locked.
    resv: Option<NonNull<Resv>>,
    /// The handle, if it was found while locking. It is dropped when all objects are unlocked.
    found: Option<H>,
}

impl<H> From<Error> for LockFailure<H> {
    fn from(error: Error) -> Self {
        Self {
            error,
            resv: None,
            found: None,
        }
    }
}

/// A [`ResvSet`] that is being locked: see [`ResvSet::lock_with`].
pub struct ResvSetLocking<'a, H: ResvHandle> {
    guard: &'a mut ResvSetGuard<H>,
    failed: Option<LockFailure<H>>,
}

impl<H: ResvHandle> ResvSetLocking<'_, H> {
    /// Locks an object that has been found, and adds it to the set.
    ///
    /// If this fails, [`ResvSet::lock_with`] unlocks everything, whatever the closure returns, and
    /// then drops the handle. So the closure should return at once: the handle of another call
    /// would be dropped with locks held. Fails with `EDEADLK` if another task contends for the
    /// object; then the closure is called again. Fails with `EINTR`, `ENOMEM` and `E2BIG` as
    /// locking and [`ResvSet::push`] do; then locking the set fails with the same error.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `dma_resv_lock_interruptible()`
    pub fn push(&mut self, handle: H) -> Result {
        if self.failed.is_none() {
            self.failed = self.guard.push_locked(handle).err();
        }
        self.failed.as_ref().map_or(Ok(()), |it| Err(it.error))
    }
}

impl<H: ResvHandle> Deref for ResvSetLocking<'_, H> {
    type Target = ResvSetGuard<H>;

    #[inline]
    fn deref(&self) -> &ResvSetGuard<H> {
        self.guard
    }
}

/// The locks of all members of a [`ResvSet`], held. Dropping the guard unlocks the objects.
///
/// See [`ResvSet`] for an example.
///
/// # Invariants
///
/// If there is an `inner`, `inner.task` is the current task. It has initialised `inner.context` and
/// locked with it the objects of the first `inner.locked` members, and that of `inner.contended`,
/// each once; and it has the right to unlock them. Outside of this file, these are all members.
#[must_use = "the objects are unlocked when the guard is dropped"]
pub struct ResvSetGuard<H: ResvHandle> {
    set: ResvSet<H>,
    _not_send: NotThreadSafe,
}

impl<H: ResvHandle> Member<H> {
    /// Locks the member. The caller counts it in `inner.locked` then.
    ///
    /// # Safety
    ///
    /// `context` and `is_shared` are those of a guard, and all members before this one are locked.
    /// After `EDEADLK`, [`ResvSetGuard::back_off`] comes first.
    #[inline]
    unsafe fn lock<const INTERRUPTIBLE: bool>(
        &mut self,
        context: *mut bindings::ww_acquire_ctx,
        is_shared: &mut bool,
    ) -> Result {
        // SAFETY: By the function's contract, and the type invariant.
        if !unsafe { lock::<INTERRUPTIBLE>(self.resv, context)? } {
            self.is_owner = false;
            *is_shared = true;
        }
        Ok(())
    }
}

impl<H: ResvHandle> Inner<H> {
    /// Unlocks everything.
    ///
    /// # Safety
    ///
    /// The set is in a guard.
    #[inline]
    unsafe fn unlock(&mut self) {
        let members = &mut self.members[..replace(&mut self.locked, 0)];

        if replace(&mut self.is_shared, false) {
            for member in members {
                if replace(&mut member.is_owner, true) {
                    // SAFETY: By the type invariants of the guard and the member.
                    unsafe { unlock(member.resv) };
                }
            }
        } else {
            for member in members {
                // SAFETY: As above; all members are owners.
                unsafe { unlock(member.resv) };
            }
        }
        if let Some(resv) = self.contended.take() {
            // SAFETY: By the type invariant of the guard.
            unsafe { unlock(resv) };
        }
    }
}

/// Context: any, unless a function says otherwise.
impl<H: ResvHandle> ResvSetGuard<H> {
    /// Begins to lock a set.
    #[inline]
    fn new(mut set: ResvSet<H>) -> Self {
        if let Some(inner) = &mut set.inner {
            // SAFETY: By the type invariant of the set. It goes into the guard below.
            unsafe { inner.begin() };
        }
        // INVARIANT: The context was just initialised. Nothing is locked yet.
        Self {
            set,
            _not_send: NotThreadSafe,
        }
    }

    /// Locks an object, and appends it as a member.
    fn push_locked(&mut self, handle: H) -> Result<(), LockFailure<H>> {
        let is_first = self.set.inner.is_none();
        let inner = self.set.inner()?;

        if is_first {
            // SAFETY: The context has just been made, and the set is in this guard.
            unsafe { inner.begin() };
        }
        let (context, is_shared) = (inner.context.get(), &mut inner.is_shared);
        let member = match push(&mut inner.members, handle) {
            Ok(member) => member,
            // Its drop may lock a reservation object, so it comes after the unlock.
            Err((error, handle)) => {
                return Err(LockFailure {
                    error,
                    resv: None,
                    found: Some(handle),
                })
            }
        };
        let resv = Some(member.resv);

        // SAFETY: The others are locked, as nothing has failed so far.
        if let Err(error) = unsafe { member.lock::<true>(context, is_shared) } {
            let found = inner.members.pop().map(|member| member.handle);

            return Err(LockFailure { error, resv, found });
        }
        inner.locked += 1;
        Ok(())
    }

    /// Locks the members, none of which is locked.
    #[inline]
    fn lock_members<const INTERRUPTIBLE: bool>(&mut self) -> Result<(), LockFailure<H>> {
        let Some(inner) = &mut self.set.inner else {
            return Ok(());
        };
        let Inner {
            members,
            context,
            locked,
            is_shared,
            ..
        } = &mut **inner;

        for (index, member) in members.iter_mut().enumerate() {
            // SAFETY: By the type invariant; the members are locked in order.
            if let Err(error) = unsafe { member.lock::<INTERRUPTIBLE>(context.get(), is_shared) } {
                *locked = index;
                return Err(LockFailure {
                    error,
                    resv: Some(member.resv),
                    found: None,
                });
            }
        }
        *locked = members.len();
        Ok(())
    }

    /// Unlocks all objects, removes all but the first `original_len` members, and locks the
    /// contended object.
    #[cold]
    fn back_off<const INTERRUPTIBLE: bool>(
        &mut self,
        failed: LockFailure<H>,
        original_len: usize,
    ) -> Result {
        let Some(inner) = &mut self.set.inner else {
            return Err(failed.error);
        };

        // SAFETY: It is in this guard.
        unsafe { inner.unlock() };
        inner.members.truncate(original_len);
        inner.contended_handle = failed.found;
        let resv = match failed.resv {
            Some(resv) if failed.error == EDEADLK => resv,
            _ => return Err(failed.error),
        };

        loop {
            // ww_mutex.h allows the plain functions in the place of the slow ones. These would warn
            // after the EDEADLK of an rt_mutex, which stands for a long chain of waiters.
            //
            // SAFETY: A member or `contended_handle` keeps the object. It is the one that could not
            // be locked, and nothing is locked.
            match unsafe { lock::<INTERRUPTIBLE>(resv, inner.context.get()) } {
                Err(error) if error == EDEADLK => {}
                result => {
                    result?;
                    inner.contended = Some(resv);
                    return Ok(());
                }
            }
        }
    }

    /// Ends the locking.
    #[inline]
    fn done(self) -> Self {
        if let Some(inner) = &self.set.inner {
            // SAFETY: By the type invariant.
            unsafe { bindings::dma_buf_rs_ww_acquire_done(inner.context.get()) };
        }
        self
    }

    /// Returns the handle and the object of a member.
    #[inline]
    pub fn get(&self, index: usize) -> Option<(&H, &LockedResv)> {
        let member = self.set.members().get(index)?;

        // SAFETY: By the type invariants the object is valid and locked as long as the guard is
        // borrowed. There are no mutable borrows meanwhile.
        Some((&member.handle, unsafe {
            &*LockedResv::from_resv(member.resv)
        }))
    }

    /// Iterates over the handles and the objects of all members.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&H, &LockedResv)> + '_ {
        let members = self.set.members().iter();

        members.map(|member| {
            // SAFETY: As in `get`.
            let resv = unsafe { &*LockedResv::from_resv(member.resv) };

            (&member.handle, resv)
        })
    }

    /// Returns the object of a member, to change its list of fences. One can be borrowed at a time,
    /// as another member may have the same object.
    #[inline]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut LockedResv> {
        let member = self.set.members().get(index)?;

        // SAFETY: By the type invariants the object is valid and locked as long as the guard is
        // borrowed. There are no other borrows meanwhile.
        Some(unsafe { &mut *LockedResv::from_resv(member.resv) })
    }

    /// Reserves room for one fence for each member.
    ///
    /// For a second fence in the same object, add a second member. Fails with `ENOMEM`, and with
    /// `E2BIG` as [`LockedResv::reserve`] does. The objects are unlocked and the set is dropped
    /// then.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `dma_resv_reserve_fences()`
    pub fn reserve(self) -> Result<ResvSetSlots<H>> {
        let members = self.set.members();

        if !self.set.inner.as_ref().is_some_and(|inner| inner.is_shared) {
            for member in members {
                // SAFETY: By the type invariants the object is valid and locked. As `self` is not
                // borrowed, there are no other borrows.
                unsafe { &mut *LockedResv::from_resv(member.resv) }.reserve_raw(1)?;
            }
        } else {
            let mut objects = KVec::with_capacity(members.len(), GFP_KERNEL)?;

            for member in members {
                objects.push(member.resv, GFP_KERNEL)?;
            }
            sort_by_key(&mut objects, |object| *object);
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
    /// Context: process; may sleep.
    ///
    /// C functions: `dma_resv_unlock()`, `ww_acquire_fini()`
    #[inline]
    pub fn unlock(self) -> ResvSet<H> {
        let mut this = ManuallyDrop::new(self);

        this.end();
        // SAFETY: `this` is not dropped, so the set is moved out once.
        unsafe { ptr::read(&this.set) }
    }

    /// Unlocks all objects and gives up the context. Called once, before the guard is dropped.
    #[inline]
    fn end(&mut self) {
        let Some(inner) = &mut self.set.inner else {
            return;
        };

        // SAFETY: By the type invariant. Nothing is locked with the context when that is given up.
        unsafe {
            inner.unlock();
            bindings::dma_buf_rs_ww_acquire_fini(inner.context.get());
        }
        inner.task = None;
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

/// The locks of all members of a [`ResvSet`], held, and a slot for each member. Dropping this
/// unlocks the objects.
///
/// See [`ResvSet`] for an example.
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
    /// Slots that are not used are given back, and a second call returns none.
    ///
    /// Context: process, also in a signalling section.
    #[inline]
    pub fn drain(&mut self) -> impl ExactSizeIterator<Item = (&H, ResvSlot<'_>)> + '_ {
        let members = self.guard.set.members();
        let used = replace(&mut self.used, members.len());

        members.iter().skip(used).map(|member| {
            // SAFETY: By the type invariants the object is valid and locked as long as `self` is
            // borrowed, and so as the slot lives. The member's room goes to that slot.
            let slot = unsafe { ResvSlot::new(member.resv.as_ref()) };

            (&member.handle, slot)
        })
    }

    /// Unlocks all objects, as [`ResvSetGuard::unlock`] does.
    ///
    /// Context: process; may sleep. Also in a signalling section.
    ///
    /// C functions: `dma_resv_unlock()`, `ww_acquire_fini()`
    #[inline]
    pub fn unlock(self) -> ResvSet<H> {
        self.guard.unlock()
    }
}
