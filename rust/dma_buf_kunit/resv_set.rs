// SPDX-License-Identifier: GPL-2.0

//! Several objects that are locked together.

use kernel::prelude::*;

#[kunit_tests(rust_dma_buf_resv_set)]
mod tests {
    use super::*;
    use crate::{
        containers::Fences,
        resv::{
            add,
            holds,
            object,
            objects,
            set,
            Fickle, //
        },
    };
    use dma_buf::{
        Resv,
        ResvLocked,
        ResvSet,
        Usage,
        MAX_RESV_SET, //
    };
    use kernel::sync::Arc;

    #[test]
    fn all_are_locked_and_unlocked_together() -> Result {
        let resvs = objects(16)?;
        let mut set = ResvSet::new()?;

        for resv in &resvs {
            set.push(resv.clone())?;
        }
        assert_eq!(set.len(), 16);
        // The same set, over and over, in either way.
        for turn in 0..20 {
            let mut locked = if turn % 2 == 0 {
                set.lock()?
            } else {
                set.lock_interruptible()?
            };

            assert_eq!(locked.len(), 16);
            assert!(resvs.iter().all(|resv| resv.is_locked()));
            for (i, resv) in resvs.iter().enumerate() {
                assert!(locked
                    .handle(i)
                    .is_some_and(|handle| Arc::ptr_eq(handle, resv)));
                assert!(locked
                    .get(i)
                    .is_some_and(|one| core::ptr::eq(&*one, &**resv)));
            }
            assert!(locked.handle(16).is_none() && locked.get(16).is_none());
            drop(locked);
            assert!(!resvs.iter().any(|resv| resv.is_locked()));
        }
        assert!(set.get(15).is_some() && set.get(16).is_none());
        Ok(())
    }

    #[test]
    fn set_of_nothing_is_locked_as_others() -> Result {
        let f = Fences::new(1)?;
        let mut set = ResvSet::<Arc<Resv>>::new()?;

        assert!(set.is_empty());
        let mut locked = set.lock()?;
        assert!(locked.is_empty() && locked.get(0).is_none());
        let mut slots = locked.reserve(1)?;
        assert!(slots.slot(0).is_none());
        assert_eq!(slots.add_to_all(&f.leaf(0), Usage::Write), Ok(()));
        drop(locked);
        assert!(set.lock_interruptible().is_ok());
        Ok(())
    }

    #[test]
    fn member_is_used_as_if_locked_alone() -> Result {
        let f = Fences::new(2)?;
        let (one, two) = (object()?, object()?);
        let mut set = set([&one, &two])?;
        let mut locked = set.lock()?;

        for i in 0..2 {
            let mut member = locked.get(i).ok_or(ENOENT)?;

            add(&mut member, &f.leaf(i), Usage::Read)?;
            assert!(holds(&member, &[(f.fence(i), Usage::Read)]));
        }
        let mut member = locked.get(0).ok_or(ENOENT)?;
        member.copy_fences(&two)?;
        assert_eq!(
            member.replace_fences(f.fence(1).context(), &f.leaf(0), Usage::Write),
            Ok(1)
        );
        assert_eq!(member.fences(Usage::Bookkeep).count(), 2);
        drop(locked);
        assert!(!one.test_signaled(Usage::Write));
        assert!(two.test_signaled(Usage::Write));
        Ok(())
    }

    #[test]
    fn object_that_is_in_twice_is_locked_once() -> Result {
        let (one, two) = (object()?, object()?);
        let mut set = set([&one, &two, &one, &one, &two])?;

        for _ in 0..20 {
            let mut locked = set.lock()?;

            for i in 0..5 {
                assert!(locked.get(i).is_some_and(|member| member.is_locked()));
            }
            drop(locked);
            assert!(!one.is_locked() && !two.is_locked());
        }
        Ok(())
    }

    #[test]
    fn set_is_emptied_and_filled_again() -> Result {
        let (one, two) = (object()?, object()?);
        let mut set = set([&one, &two])?;

        drop(set.lock()?);
        set.push(one.clone())?;
        assert_eq!(set.lock()?.len(), 3);
        set.clear()?;
        assert!(set.is_empty() && set.get(0).is_none());
        assert_eq!(set.lock()?.len(), 0);
        set.push(two.clone())?;
        let locked = set.lock()?;
        assert!(two.is_locked() && !one.is_locked());
        drop(locked);
        Ok(())
    }

    /// The kernel counts in few bits how many a task has locked.
    #[test]
    fn as_many_as_it_takes_are_locked() -> Result {
        let resvs = objects(MAX_RESV_SET)?;
        let mut set = ResvSet::new()?;

        for resv in &resvs {
            set.push(resv.clone())?;
        }
        assert_eq!(set.push(resvs[0].clone()), Err(E2BIG));
        assert_eq!(set.len(), MAX_RESV_SET);
        let locked = set.lock()?;
        assert!(resvs.iter().all(|resv| resv.is_locked()));
        drop(locked);
        assert!(!resvs.iter().any(|resv| resv.is_locked()));

        // All the same one.
        set.clear()?;
        for _ in 0..MAX_RESV_SET {
            set.push(resvs[0].clone())?;
        }
        let mut locked = set.lock_interruptible()?;
        assert!(locked.reserve(16).is_ok());
        assert_eq!(locked.reserve(33).map(|_| ()), Err(E2BIG));
        Ok(())
    }

    #[test]
    fn each_member_is_the_object_that_its_handle_gave_first() -> Result {
        let fickle = Fickle::new()?;
        let mut set = ResvSet::new()?;

        for _ in 0..3 {
            // The one, the other, and the one again.
            set.push(fickle.clone())?;
        }
        for _ in 0..3 {
            let mut locked = set.lock()?;

            assert!(fickle.one.is_locked() && fickle.two.is_locked());
            for i in 0..3 {
                assert!(locked.get(i).is_some_and(|member| member.is_locked()));
            }
            assert!(locked.reserve(2).is_ok());
            drop(locked);
            assert!(!fickle.is_locked());
        }
        Ok(())
    }
}
