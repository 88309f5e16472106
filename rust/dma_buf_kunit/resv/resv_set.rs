// SPDX-License-Identifier: GPL-2.0

//! Several objects that are locked together.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_resv_set)]
mod tests {
    use super::*;
    use dma_buf::resv::ResvSetGuard;
    use kernel::types::ScopeGuard;

    /// The most members of a set.
    const MOST: usize = 2046;

    /// Returns `true` if these are the members of a locked set, in this order, all locked.
    fn has(locked: &ResvSetGuard<Arc<Resv>>, members: &[Arc<Resv>]) -> bool {
        locked.iter().len() == members.len()
            && locked.iter().zip(members).all(|((handle, resv), member)| {
                Arc::ptr_eq(handle, member)
                    && core::ptr::eq::<Resv>(&**resv, &**member)
                    && resv.is_locked()
            })
    }

    #[test]
    fn all_are_locked_and_unlocked_together() -> Result {
        let resvs = objects(16)?;
        let mut set = set(&resvs)?;

        // The same set each time, in both ways.
        for turn in 0..20 {
            let mut locked = if turn % 2 == 0 {
                set.lock()
            } else {
                set.lock_interruptible()?
            };

            assert!(has(&locked, &resvs));
            for (i, resv) in resvs.iter().enumerate() {
                assert!(locked.get(i).is_some_and(|(one, _)| Arc::ptr_eq(one, resv)));
                assert!(locked
                    .get_mut(i)
                    .is_some_and(|one| core::ptr::eq::<Resv>(&**one, &**resv)));
            }
            assert!(locked.get(16).is_none() && locked.get_mut(16).is_none());
            set = locked.unlock();
            assert!(!resvs.iter().any(|resv| resv.is_locked()));
        }
        drop(set.lock());
        assert!(!resvs.iter().any(|resv| resv.is_locked()));
        Ok(())
    }

    #[test]
    fn set_of_nothing_is_locked_as_others() -> Result {
        let locked = ResvSet::<Arc<Resv>>::new().lock();

        assert!(locked.iter().next().is_none() && locked.get(0).is_none());
        let mut slots = locked.reserve()?;
        assert!(slots.drain().next().is_none());
        assert!(slots.unlock().lock_interruptible().is_ok());
        Ok(())
    }

    #[test]
    fn member_is_used_as_if_locked_alone() -> Result {
        let f = Fences::new(2)?;
        let (one, two) = (object()?, object()?);
        let mut locked = set([&one, &two])?.lock();

        for i in 0..2 {
            let member = locked.get_mut(i).ok_or(ENOENT)?;

            add(member, &f.leaf(i), ResvUsage::Read)?;
            assert!(holds(member, &[(f.fence(i), ResvUsage::Read)]));
        }
        let member = locked.get_mut(0).ok_or(ENOENT)?;
        member.add_fences_from(&two)?;
        assert_eq!(
            member.replace_fences(f.fence(1).context(), &f.leaf(0), ResvUsage::Write),
            Ok(1)
        );
        // The members can be read beside each other.
        let counts = locked
            .iter()
            .map(|(_, resv)| resv.fences(ResvUsage::Bookkeep).count());
        assert!(counts.eq([2, 1]));
        drop(locked);
        assert!(!one.test_signaled(ResvUsage::Write));
        assert!(two.test_signaled(ResvUsage::Write));
        Ok(())
    }

    #[test]
    fn object_that_is_in_twice_is_locked_once() -> Result {
        let (one, two) = (object()?, object()?);
        let members = [
            one.clone(),
            two.clone(),
            one.clone(),
            one.clone(),
            two.clone(),
        ];
        let mut set = set(&members)?;

        for _ in 0..20 {
            let locked = set.lock();

            assert!(has(&locked, &members));
            set = locked.unlock();
            assert!(!one.is_locked() && !two.is_locked());
        }
        Ok(())
    }

    #[test]
    fn set_is_emptied_and_filled_again() -> Result {
        let (one, two) = (object()?, object()?);
        let mut set = set([&one, &two])?.lock().unlock();

        set.push(one.clone())?;
        set = set.lock().unlock();
        set.clear();
        let locked = set.lock();
        assert!(has(&locked, &[]));
        set = locked.unlock();
        set.push(two.clone())?;
        let locked = set.lock();
        assert!(has(&locked, core::slice::from_ref(&two)) && !one.is_locked());
        Ok(())
    }

    #[test]
    fn handle_has_data_beside_it() -> Result {
        let (one, two) = (object()?, object()?);
        let mut set = ResvSet::new();

        set.push((one.clone(), 1))?;
        set.push((two.clone(), 2))?;
        let locked = set.lock();
        assert!(one.is_locked() && two.is_locked());
        assert!(locked.iter().map(|((_, data), _)| *data).eq([1, 2]));
        Ok(())
    }

    #[test]
    fn object_found_while_locking_is_locked_too() -> Result {
        let resvs = objects(40)?;

        for known in [0, 1, 20, 40] {
            let mut calls = 0;
            let locked = set(&resvs[..known])?.lock_with(|locking| {
                calls += 1;
                // If the closure is called again, the objects that it had found are gone.
                assert!(has(locking, &resvs[..known]));
                for at in known..40 {
                    locking.push(resvs[at].clone())?;
                    assert!(has(locking, &resvs[..=at]));
                }
                Ok(())
            })?;

            assert!(has(&locked, &resvs));
            // The kernel injects deadlocks, but not on PREEMPT_RT.
            let injects = cfg!(CONFIG_DEBUG_WW_MUTEX_SLOWPATH) && !cfg!(CONFIG_PREEMPT_RT);
            assert!(calls > 1 || known > 20 || !injects);
            let mut slots = locked.reserve()?;
            assert_eq!(slots.drain().len(), 40);
            let set = slots.unlock();
            assert!(!resvs.iter().any(|resv| resv.is_locked()));
            // The objects that were found are still in it.
            assert!(has(&set.lock(), &resvs));
            assert!(!resvs.iter().any(|resv| resv.is_locked()));
        }
        Ok(())
    }

    #[test]
    fn object_found_twice_is_locked_once() -> Result {
        let f = Fences::new(6)?;
        let (one, two) = (object()?, object()?);
        let members = [
            one.clone(),
            two.clone(),
            one.clone(),
            two.clone(),
            two.clone(),
            one.clone(),
        ];

        for _ in 0..20 {
            let locked = set(&members[..1])?.lock_with(|locking| {
                members[1..]
                    .iter()
                    .try_for_each(|member| locking.push(member.clone()))
            })?;

            assert!(has(&locked, &members));
            let mut slots = locked.reserve()?;
            for (i, (_, slot)) in slots.drain().enumerate() {
                slot.add(&f.leaf(i), ResvUsage::Bookkeep);
            }
            drop(slots);
            assert!(!one.is_locked() && !two.is_locked());
        }
        assert_eq!(one.get_fences(ResvUsage::Bookkeep)?.len(), 3);
        assert_eq!(two.get_fences(ResvUsage::Bookkeep)?.len(), 3);
        Ok(())
    }

    #[test]
    fn closure_that_fails_leaves_none_locked() -> Result {
        let resvs = objects(3)?;
        let result = set(&resvs[..2])?.lock_with(|locking| {
            locking.push(resvs[2].clone())?;
            Err(ENODEV)
        });

        assert_eq!(result.map(|_| ()), Err(ENODEV));
        assert!(!resvs.iter().any(|resv| resv.is_locked()));
        Ok(())
    }

    /// Lockdep counts the locks in few bits.
    #[test]
    fn as_many_as_it_takes_are_locked() -> Result {
        let resvs = objects(MOST + 1)?;
        let mut set = set(&resvs[..MOST])?;

        assert_eq!(set.push(resvs[0].clone()), Err(E2BIG));
        let locked = set.lock();
        assert!(has(&locked, &resvs[..MOST]));
        set = locked.unlock();
        assert!(!resvs.iter().any(|resv| resv.is_locked()));

        // One more is not found, even if the closure ignores that.
        let result = set.lock_with(|locking| {
            assert_eq!(locking.push(resvs[MOST].clone()), Err(E2BIG));
            assert_eq!(locking.push(resvs[MOST].clone()), Err(E2BIG));
            Ok(())
        });
        assert_eq!(result.map(|_| ()), Err(E2BIG));
        assert!(!resvs.iter().any(|resv| resv.is_locked()));

        // All the same object.
        let mut set = ResvSet::new();
        for _ in 0..MOST {
            set.push(resvs[0].clone())?;
        }
        let mut slots = set.lock_interruptible()?.reserve()?;
        assert_eq!(slots.drain().len(), MOST);
        Ok(())
    }

    /// Its drop may lock a reservation object, as that of a GEM object does.
    #[test]
    fn handle_that_is_refused_is_dropped_when_all_is_unlocked() -> Result {
        let resvs = objects(MOST + 1)?;
        let dropped = [Atomic::new(0), Atomic::new(0)];
        let handle = |index: usize| {
            let watch = ScopeGuard::new_with_data((), |()| {
                dropped[usize::from(resvs[0].is_locked())].add(1, Relaxed);
            });

            (resvs[index].clone(), watch)
        };
        let mut set = ResvSet::new();

        for index in 0..MOST {
            set.push(handle(index))?;
        }
        let result = set.lock_with(|locking| locking.push(handle(MOST)));

        assert_eq!(result.map(|_| ()), Err(E2BIG));
        assert_eq!(dropped[0].load(Relaxed), MOST as i32 + 1);
        assert_eq!(dropped[1].load(Relaxed), 0);
        Ok(())
    }

    #[test]
    fn each_member_is_the_object_that_its_handle_gave_first() -> Result {
        let fickle = Fickle::new()?;
        let mut set = ResvSet::new();

        for _ in 0..3 {
            // The one, the other, and the one again.
            set.push(fickle.clone())?;
        }
        for _ in 0..3 {
            let locked = set.lock();

            assert!(fickle.one.is_locked() && fickle.two.is_locked());
            assert!(locked.iter().all(|(_, resv)| resv.is_locked()));
            set = locked.reserve()?.unlock();
            assert!(!fickle.is_locked());
        }
        Ok(())
    }
}
