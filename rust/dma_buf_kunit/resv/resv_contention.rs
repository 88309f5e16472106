// SPDX-License-Identifier: GPL-2.0

//! Sets that several tasks contend for, and a leaked one.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_resv_contention)]
mod tests {
    use super::*;
    use crate::fixture::workqueue::Workqueue;

    /// A thread that has locked one object.
    fn alone(resv: &Arc<Resv>) -> Result<Holder> {
        let theirs = resv.clone();

        Holder::new(move |hold| {
            let _guard = ResvGuard::lock(theirs);
            hold();
        })
    }

    /// A thread that has locked a set, before any set that is locked from now on.
    fn older(resv: &Arc<Resv>) -> Result<Holder> {
        let mut theirs = ResvSet::new();

        theirs.push(resv.clone())?;
        Holder::new(move |hold| {
            let _locked = theirs.lock();
            hold();
        })
    }

    /// With CONFIG_DEBUG_WW_MUTEX_SLOWPATH, the kernel injects deadlocks.
    #[test]
    fn deadlocks_that_are_none_are_resolved() -> Result {
        for count in 2..40 {
            let mut resvs = objects(count)?;

            // Some of them twice.
            for i in 0..count / 4 {
                let again = resvs[i * 3].clone();
                resvs.push(again, GFP_KERNEL)?;
            }
            let mut set = set(&resvs)?;
            for turn in 0..16 {
                let locked = if turn % 2 == 0 {
                    set.lock()
                } else {
                    set.lock_interruptible()?
                };

                assert!(resvs.iter().all(|resv| resv.is_locked()));
                set = locked.unlock();
                assert!(!resvs.iter().any(|resv| resv.is_locked()));
            }
        }
        Ok(())
    }

    /// The task that began later gives way: it unlocks everything, and waits for the contended
    /// object.
    #[test]
    fn object_that_another_set_has_is_waited_for_with_none_locked() -> Result {
        let resvs = objects(8)?;

        // Some members are known, others are found while the set is locked.
        for (at, known) in [(0, 8), (3, 8), (7, 8), (0, 4), (3, 4), (5, 4), (7, 0)] {
            let holder = older(&resvs[at])?;
            let had = Counter::new()?;
            let set = set(&resvs[..known])?;
            let queue = Workqueue::new()?;
            // An object that is locked before.
            let resv = resvs[(at + 7) % 8].clone();
            let (release, count) = (holder.release(), had.clone());

            let asleep = until_asleep();
            queue.spawn_on(0, move || {
                // Now the set waits for the other one.
                asleep();
                drop(ResvGuard::lock(resv));
                count.add();
                release();
            })?;
            let locked = if known == 8 {
                set.lock()
            } else {
                set.lock_with(|locking| {
                    resvs[known..]
                        .iter()
                        .try_for_each(|resv| locking.push(resv.clone()))
                })?
            };
            let found = (had.get(), resvs.iter().all(|resv| resv.is_locked()));
            // A failed assertion would leave the objects locked.
            drop(locked);
            assert_eq!(found, (1, true));
            assert!(!resvs.iter().any(|resv| resv.is_locked()));
        }
        Ok(())
    }

    /// After a deadlock the closure finds other objects: the contended one is not among them.
    #[test]
    fn contended_object_that_is_not_found_again_is_unlocked_in_the_end() -> Result {
        let resvs = objects(3)?;
        let holder = older(&resvs[1])?;
        let queue = Workqueue::new()?;
        let (asleep, release) = (until_asleep(), holder.release());
        queue.spawn_on(0, move || {
            asleep();
            release();
        })?;

        let mut calls = 0;
        let locked = set(&resvs[..1])?.lock_with(|locking| {
            calls += 1;
            if calls == 1 {
                // It need not return the error.
                assert_eq!(locking.push(resvs[1].clone()), Err(EDEADLK));
                assert_eq!(locking.push(resvs[2].clone()), Err(EDEADLK));
                assert_eq!(locking.iter().len(), 1);
                return Ok(());
            }
            locking.push(resvs[2].clone())
        })?;
        let found = (calls >= 2, locked.iter().len(), resvs[2].is_locked());
        let mut slots = locked.reserve()?;
        let count = slots.drain().len();
        drop(slots);
        assert_eq!((found, count), ((true, 2, true), 2));
        assert!(!resvs.iter().any(|resv| resv.is_locked()));
        Ok(())
    }

    #[test]
    fn signal_for_the_task_ends_the_lock_with_none_locked() -> Result {
        let resvs = objects(8)?;

        for at in [0, 3, 7] {
            for (is_set, known) in [(false, 8), (true, 8), (false, 3), (true, 3)] {
                let holder = if is_set {
                    older(&resvs[at])?
                } else {
                    alone(&resvs[at])?
                };

                let interrupted_set = set(&resvs[..known])?;
                let locked = interrupted(|| {
                    if known == 8 {
                        return interrupted_set.lock_interruptible().map(|_| ());
                    }
                    let ignored = interrupted_set.lock_with(|locking| {
                        for resv in &resvs[known..] {
                            // It need not return the error.
                            let _ = locking.push(resv.clone());
                        }
                        Ok(())
                    });
                    ignored.map(|_| ())
                });
                assert_eq!(locked, Err(EINTR));
                for (i, resv) in resvs.iter().enumerate() {
                    assert_eq!(resv.is_locked(), i == at);
                }
                drop(holder);
                assert!(set(&resvs)?.lock_interruptible().is_ok());
                assert!(!resvs.iter().any(|resv| resv.is_locked()));
            }
        }
        Ok(())
    }

    /// Locks a set a few times, and checks that nothing else has its objects meanwhile.
    ///
    /// The objects in `more` are found while the set is locked.
    fn visit(mut set: ResvSet<Arc<Resv>>, more: KVec<Arc<Resv>>, inside: &Atomic<i32>) -> Result {
        for turn in 0..4 {
            let locked = match turn {
                0 => set.lock_with(|locking| {
                    more.iter().try_for_each(|resv| locking.push(resv.clone()))
                })?,
                1 | 3 => set.lock(),
                _ => set.lock_interruptible()?,
            };

            ensure!(inside.fetch_add(1, Full) == 0);
            ensure!(locked.iter().all(|(_, resv)| resv.is_locked()));
            ensure!(inside.fetch_sub(1, Full) == 1);
            set = locked.unlock();
        }
        Ok(())
    }

    #[test]
    fn race_for_the_same_objects_in_other_orders_ends() -> Result {
        let resvs = objects(16)?;
        let inside = Arc::new(Atomic::<i32>::new(0), GFP_KERNEL)?;
        let theirs = inside.clone();
        let mut random = Random(1);

        assert!(race(
            || {
                let mut sets = (
                    (set(&[])?, KVec::new()),
                    (set(&[])?, KVec::new()), //
                );

                for (set, more) in [&mut sets.0, &mut sets.1] {
                    let mut left = KVec::new();

                    for resv in &resvs {
                        left.push(resv, GFP_KERNEL)?;
                    }
                    while !left.is_empty() {
                        let at = random.below(left.len());
                        let resv = left.remove(at).map_err(|_| EINVAL)?;

                        // The last ones are found while the set is locked.
                        if left.len() < 4 {
                            more.push(resv.clone(), GFP_KERNEL)?;
                        } else {
                            set.push(resv.clone())?;
                        }
                        // One in four is in it twice.
                        if random.below(4) == 0 {
                            set.push(resv.clone())?;
                        }
                    }
                }
                Ok(sets)
            },
            |(set, more)| visit(set, more, &inside),
            move |(set, more)| visit(set, more, &theirs),
            |ours: Result, theirs: Result| ours.and(theirs),
        )
        .is_ok());
        assert!(!resvs.iter().any(|resv| resv.is_locked()));
        Ok(())
    }

    #[test]
    fn race_of_a_set_and_of_guards_ends() -> Result {
        let resvs = objects(4)?;
        let all = {
            let mut all = KVec::new();
            for resv in &resvs {
                all.push(resv.clone(), GFP_KERNEL)?;
            }
            all
        };

        assert!(race(
            || Ok((set(&resvs)?, ())),
            |set| drop(set.lock()),
            move |()| {
                for resv in &all {
                    drop(ResvGuard::lock(resv.clone()));
                }
            },
            |(), ()| Ok(()),
        )
        .is_ok());
        Ok(())
    }

    /// Contenders dereference the context, the owner and the objects.
    #[test]
    fn forgotten_guard_leaves_all_locked_and_in_memory() -> Result {
        // The test leaks memory on purpose.
        if cfg!(CONFIG_DEBUG_KMEMLEAK) {
            skip("would be taken for a leak");
            return Ok(());
        }
        let f = Fences::new(1)?;
        let before = references(f.fence(0));
        let resvs = objects(3)?;
        let mut slots = set(&resvs)?.lock().reserve()?;

        for (_, slot) in slots.drain() {
            slot.add(&f.leaf(0), ResvUsage::Write);
        }
        forget(slots);
        assert!(resvs.iter().all(|resv| resv.is_locked()));

        // Others look at the context, and give way.
        let queue = Workqueue::new()?;
        let (begun, had) = (Counter::new()?, Counter::new()?);
        for again in [false, true] {
            let other = set(&resvs[1..])?;
            let (begins, count) = (begun.clone(), had.clone());

            queue.spawn_on(0, move || {
                begins.add();
                drop(other.lock());
                count.add();
            })?;
            assert!(eventually(|| begun.get() == 1 + i32::from(again)));
            fsleep(Delta::from_millis(20));
        }
        assert!(resvs.iter().all(|resv| resv.is_locked()));
        assert_eq!(references(f.fence(0)), before + 3);
        assert_eq!(had.get(), 0);

        // The library's own.
        #[allow(improper_ctypes)]
        extern "C" {
            fn dma_buf_rs_ww_acquire_fini(context: *mut bindings::ww_acquire_ctx);
        }
        // So that lockdep does not complain of the leak. The memory of the set is lost.
        // SAFETY: This task has locked them all, with a context that is not used any more.
        unsafe {
            let context = (*resvs[0].as_raw()).lock.ctx;

            for resv in &resvs {
                bindings::dma_resv_unlock(resv.as_raw());
            }
            dma_buf_rs_ww_acquire_fini(context);
        }
        drop(queue);
        assert_eq!(had.get(), 2);
        assert!(!resvs.iter().any(|resv| resv.is_locked()));
        Ok(())
    }
}
