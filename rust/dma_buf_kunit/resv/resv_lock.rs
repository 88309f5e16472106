// SPDX-License-Identifier: GPL-2.0

//! The lock of one reservation object.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_resv_lock)]
mod tests {
    use super::*;
    use kernel::current;

    #[test]
    fn locked_as_long_as_the_guard_is() -> Result {
        let resv = object()?;

        assert!(!resv.is_locked());
        let guard = ResvGuard::lock(resv.clone());
        assert!(resv.is_locked() && guard.is_locked());
        assert!(core::ptr::eq::<Resv>(&**guard, &*resv));
        drop(guard);
        assert!(!resv.is_locked());
        let guard = ResvGuard::lock_interruptible(resv.clone())?;
        assert!(guard.is_locked());
        drop(guard);
        assert!(!resv.is_locked());
        Ok(())
    }

    #[test]
    fn try_lock_gives_the_handle_back_if_it_is_locked() -> Result {
        let resv = object()?;
        let guard = match ResvGuard::try_lock(resv.clone()) {
            Ok(guard) => guard,
            Err(_) => return Err(EBUSY),
        };

        assert!(ResvGuard::try_lock(resv.clone()).is_err_and(|back| Arc::ptr_eq(&back, &resv)));
        drop(guard);

        let theirs = resv.clone();
        let holder = Holder::new(move |hold| {
            let _guard = ResvGuard::lock(theirs);
            hold();
        })?;
        assert!(ResvGuard::try_lock(resv.clone()).is_err());
        drop(holder);
        assert!(ResvGuard::try_lock(resv.clone()).is_ok());
        // The temporary guard has unlocked it.
        assert!(!resv.is_locked());
        Ok(())
    }

    #[test]
    fn unlock_gives_the_handle_back() -> Result {
        let resv = object()?;
        let guard = ResvGuard::lock(resv.clone());

        assert!(Arc::ptr_eq(guard.handle(), &resv));
        let back = guard.unlock();
        assert!(Arc::ptr_eq(&back, &resv));
        assert!(!resv.is_locked());
        Ok(())
    }

    /// The fences are dropped with the object, and the object with the last handle.
    #[test]
    fn guard_keeps_the_object_and_that_its_fences() -> Result {
        let f = Fences::new(2)?;
        let before = references(f.fence(0));
        let mut guard = ResvGuard::lock(object()?);

        add(&mut guard, &f.leaf(0), ResvUsage::Read)?;
        assert_eq!(references(f.fence(0)), before + 1);
        assert!(holds(&guard, &[(f.fence(0), ResvUsage::Read)]));
        let resv = guard.unlock();
        assert_eq!(references(f.fence(0)), before + 1);
        drop(ResvGuard::lock(resv));
        assert_eq!(references(f.fence(0)), before);
        Ok(())
    }

    #[test]
    fn signal_for_the_task_ends_an_interruptible_lock() -> Result {
        let resv = object()?;
        let theirs = resv.clone();
        let holder = Holder::new(move |hold| {
            let _guard = ResvGuard::lock(theirs);
            hold();
        })?;

        let locked = interrupted(|| ResvGuard::lock_interruptible(resv.clone()).map(|_| ()));
        assert_eq!(locked, Err(EINTR));
        let locked = interrupted(|| resv.with_lock_interruptible(|_| ()));
        assert_eq!(locked, Err(EINTR));
        drop(holder);
        assert!(!resv.is_locked());
        assert!(ResvGuard::lock_interruptible(resv).is_ok());
        Ok(())
    }

    #[test]
    fn guard_is_for_the_object_that_the_handle_gave_first() -> Result {
        let fickle = Fickle::new()?;

        for _ in 0..3 {
            let guard = ResvGuard::lock(fickle.clone());

            assert!(fickle.one.is_locked() != fickle.two.is_locked());
            assert!(guard.is_locked());
            drop(guard);
            assert!(!fickle.is_locked());

            let Ok(guard) = ResvGuard::try_lock(fickle.clone()) else {
                return Err(EBUSY);
            };
            guard.handle().resv();
            guard.unlock();
            assert!(!fickle.is_locked());
            // Now it is the other one's turn.
            fickle.resv();
        }
        Ok(())
    }

    #[test]
    fn locked_as_long_as_a_closure_runs() -> Result {
        let f = Fences::new(1)?;
        let resv = object()?;

        let added = resv.with_lock(|locked| {
            assert!(locked.is_locked());
            assert!(ResvGuard::try_lock(resv.clone()).is_err());
            add(locked, &f.leaf(0), ResvUsage::Write)
        });
        assert_eq!(added, Ok(()));
        assert!(!resv.is_locked());
        let found = resv.with_lock_interruptible(|locked| {
            assert!(locked.is_locked());
            holds(locked, &[(f.fence(0), ResvUsage::Write)])
        });
        assert_eq!(found, Ok(true));
        assert!(!resv.is_locked());
        Ok(())
    }

    /// It is never unlocked, and the memory that others look at stays.
    #[test]
    fn forgotten_guard_leaves_the_object_locked_and_in_memory() -> Result {
        let f = Fences::new(1)?;
        let resv = object()?;
        let leaked = Arc::as_ptr(&resv);
        let task = current!();
        let references_to_task = || {
            // SAFETY: A task's count is a number that others may change meanwhile.
            unsafe { Atomic::from_ptr(&raw mut (*task.as_ptr()).usage.refs.counter) }.load(Relaxed)
        };
        let before = references_to_task();
        let mut guard = ResvGuard::lock(resv);

        add(&mut guard, &f.leaf(0), ResvUsage::Write)?;
        forget(guard);
        // SAFETY: The forgotten guard's handle keeps it.
        let resv = unsafe { &*leaked };
        assert!(resv.is_locked());
        // Contenders look at the task, which may have exited by then.
        assert!(references_to_task() > before);
        // What needs no lock still works.
        assert!(!resv.test_signaled(ResvUsage::Write));
        f.signal(0);
        assert!(resv.test_signaled(ResvUsage::Write));

        let before = references(f.fence(0));
        // So that lockdep does not complain of the leak.
        // SAFETY: This task has locked it. The leaked guard's references are given up once.
        unsafe {
            bindings::dma_resv_unlock(resv.as_raw());
            drop(Arc::from_raw(leaked));
            bindings::put_task_struct(task.as_ptr());
        }
        assert_eq!(references(f.fence(0)), before - 1);
        Ok(())
    }

    #[test]
    fn object_that_c_has_locked_is_used_in_the_same_way() -> Result {
        let f = Fences::new(1)?;
        let resv = object()?;

        // SAFETY: The object is valid, and unlocked below. Without a context it cannot
        // fail.
        unsafe { bindings::dma_resv_lock(resv.as_raw(), core::ptr::null_mut()) };
        {
            // SAFETY: As just locked.
            let locked = unsafe { Resv::from_raw(resv.as_raw()).assume_locked() };

            add(locked, &f.leaf(0), ResvUsage::Read)?;
            assert!(holds(locked, &[(f.fence(0), ResvUsage::Read)]));
            assert!(core::ptr::eq::<Resv>(&**locked, &*resv));
        }
        // SAFETY: As locked above.
        unsafe { bindings::dma_resv_unlock(resv.as_raw()) };
        assert!(!resv.test_signaled(ResvUsage::Read));
        Ok(())
    }

    #[test]
    fn race_for_the_lock_has_one_holder_at_a_time() -> Result {
        let inside = Arc::new(Atomic::<i32>::new(0), GFP_KERNEL)?;
        let theirs = inside.clone();
        fn visit(resv: Arc<Resv>, inside: &Atomic<i32>) -> Result {
            for turn in 0..8 {
                let guard = match turn % 3 {
                    0 => ResvGuard::lock(resv.clone()),
                    1 => ResvGuard::lock_interruptible(resv.clone())?,
                    _ => match ResvGuard::try_lock(resv.clone()) {
                        Ok(guard) => guard,
                        Err(_) => continue,
                    },
                };
                ensure!(inside.fetch_add(1, Full) == 0);
                ensure!(inside.fetch_sub(1, Full) == 1);
                drop(guard);
            }
            Ok(())
        }

        assert!(race(
            || {
                let resv = object()?;
                Ok((resv.clone(), resv))
            },
            |resv| visit(resv, &inside),
            move |resv| visit(resv, &theirs),
            |ours: Result, theirs: Result| ours.and(theirs),
        )
        .is_ok());
        Ok(())
    }
}
