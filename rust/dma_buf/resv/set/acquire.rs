// SPDX-License-Identifier: GPL-2.0

//! Locking and unlocking what is in a set.

use super::{
    LockedSet,
    Member,
    ResvSet, //
};
use crate::{
    bindings,
    resv::ResvHandle, //
};
use core::ptr::{
    self,
    null,
    null_mut, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

const ALREADY: i32 = -(bindings::EALREADY as i32);
const DEADLOCK: i32 = -(bindings::EDEADLK as i32);

impl<H: ResvHandle> ResvSet<H> {
    #[inline]
    pub(super) fn lock_all<const INTERRUPTIBLE: bool>(&mut self) -> Result<LockedSet<'_, H>> {
        self.unlocked()?;
        // SAFETY: The memory is valid for it, and stays.
        unsafe { bindings::dma_buf_rs_ww_acquire_init(self.locker.context.get()) };
        self.locker.task = Some(ARef::from(&**kernel::current!()));

        let mut contended = null();
        while let Err((at, error)) = self.acquire::<INTERRUPTIBLE>(contended) {
            contended = self.back_off::<INTERRUPTIBLE>(contended, at, error)?;
        }
        // SAFETY: All that is to be locked with the context is.
        unsafe { bindings::dma_buf_rs_ww_acquire_done(self.locker.context.get()) };
        // SAFETY: It is locked.
        Ok(unsafe { LockedSet::new(self) })
    }

    /// Locks all but the contended one, which is locked already; says where that failed,
    /// and all before is locked then.
    #[inline]
    fn acquire<const INTERRUPTIBLE: bool>(
        &mut self,
        contended: *const Member<H>,
    ) -> Result<(), (*const Member<H>, i32)> {
        let context = self.locker.context.get();

        for member in &mut self.members {
            if ptr::eq(member, contended) {
                continue;
            }
            // SAFETY: The object is valid, and the context initialised.
            let result = unsafe {
                if INTERRUPTIBLE {
                    bindings::dma_buf_rs_dma_resv_lock_interruptible(member.as_raw(), context)
                } else {
                    bindings::dma_buf_rs_dma_resv_lock(member.as_raw(), context)
                }
            };

            if result == ALREADY {
                member.is_owner = false;
                self.is_shared = true;
            } else if result != 0 {
                return Err((member, result));
            }
        }
        Ok(())
    }

    /// Unlocks everything, as the member `at` could not be locked. If that is to be waited
    /// for, waits for it, and returns it as the contended one; otherwise the set is not
    /// locked any more.
    #[cold]
    fn back_off<const INTERRUPTIBLE: bool>(
        &mut self,
        contended: *const Member<H>,
        at: *const Member<H>,
        mut error: i32,
    ) -> Result<*const Member<H>> {
        let context = self.locker.context.get();
        let mut resv = null_mut();

        for member in &mut self.members {
            let this = ptr::from_ref(member);

            if this == at {
                resv = member.as_raw();
            } else if member.is_owner && (this < at || this == contended) {
                // SAFETY: Its lock is held, and given up once.
                unsafe { bindings::dma_buf_rs_dma_resv_unlock(member.as_raw()) };
            }
            member.is_owner = true;
        }
        self.is_shared = false;

        // With PREEMPT_RT a chain of tasks that wait for each other may be too long, which is
        // told in the same way. C's function for the slow way of an uninterruptible lock
        // keeps that to itself; otherwise it is the one here.
        while error == DEADLOCK {
            // SAFETY: The object is valid, and the one that was contended; nothing is
            // locked with the context.
            error = unsafe {
                if INTERRUPTIBLE {
                    bindings::dma_buf_rs_dma_resv_lock_slow_interruptible(resv, context)
                } else {
                    bindings::dma_buf_rs_dma_resv_lock(resv, context)
                }
            };
            if error == 0 {
                return Ok(at);
            }
        }
        // SAFETY: Nothing is locked with the context.
        unsafe { bindings::dma_buf_rs_ww_acquire_fini(context) };
        self.locker.task = None;
        Err(Error::from_errno(error))
    }

    /// Unlocks everything.
    ///
    /// # Safety
    ///
    /// The current task has it locked, and gives that up.
    #[inline]
    pub(super) unsafe fn unlock(&mut self) {
        if self.is_shared {
            // SAFETY: By the function's contract.
            unsafe { self.unlock_shared() };
        } else {
            for member in &self.members {
                // SAFETY: Its lock is held, as all are owners, and given up once.
                unsafe { bindings::dma_buf_rs_dma_resv_unlock(member.as_raw()) };
            }
        }
        // SAFETY: Nothing is locked with the context any more.
        unsafe { bindings::dma_buf_rs_ww_acquire_fini(self.locker.context.get()) };
        self.locker.task = None;
    }

    /// Unlocks the objects, where some are in the set more than once.
    ///
    /// # Safety
    ///
    /// As for [`Self::unlock`].
    #[cold]
    unsafe fn unlock_shared(&mut self) {
        for member in &mut self.members {
            if member.is_owner {
                // SAFETY: Its lock is held, and given up once.
                unsafe { bindings::dma_buf_rs_dma_resv_unlock(member.as_raw()) };
            }
            member.is_owner = true;
        }
        self.is_shared = false;
    }
}
