// SPDX-License-Identifier: GPL-2.0

//! Sets of objects that several tasks want, and sets that stay locked.

use kernel::prelude::*;

#[kunit_tests(rust_dma_buf_resv_contention)]
mod tests {
    use super::*;
    use crate::{
        containers::{
            references,
            Fences,
            Random, //
        },
        fixture::{
            eventually,
            interrupted,
            skip,
            until_asleep,
            Counter, //
        },
        race::{
            ensure,
            race, //
        },
        resv::{
            self,
            object,
            objects,
            set,
            Holder, //
        },
        workqueue::Workqueue, //
    };
    use core::mem::forget;
    use dma_buf::{
        Resv,
        ResvGuard,
        ResvSet,
        Usage, //
    };
    use kernel::{
        bindings,
        sync::{
            atomic::{
                Atomic,
                Full, //
            },
            Arc, //
        },
        time::{
            delay::fsleep,
            Delta, //
        }, //
    };

    /// Another thread that has locked an object alone.
    fn alone(resv: &Arc<Resv>) -> Result<Holder> {
        let theirs = resv.clone();

        Holder::new(move |hold| {
            let _guard = ResvGuard::lock(theirs);
            hold();
        })
    }

    /// Another thread that has locked a set, and so before any that is locked from now on.
    fn older(resv: &Arc<Resv>) -> Result<Holder> {
        let mut theirs = ResvSet::new()?;

        theirs.push(resv.clone())?;
        Holder::new(move |hold| {
            let _locked = theirs.lock();
            hold();
        })
    }

    /// With CONFIG_DEBUG_WW_MUTEX_SLOWPATH, the kernel says again and again that there is a
    /// deadlock, of one lock in so many.
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
                    set.lock()?
                } else {
                    set.lock_interruptible()?
                };

                assert!(resvs.iter().all(|resv| resv.is_locked()));
                drop(locked);
                assert!(!resvs.iter().any(|resv| resv.is_locked()));
            }
        }
        Ok(())
    }

    /// Who began later gives way: it unlocks all, and waits for the one.
    #[test]
    fn object_that_another_set_has_is_waited_for_with_none_locked() -> Result {
        let resvs = objects(8)?;

        for at in [0, 3, 7] {
            let holder = older(&resvs[at])?;
            let had = Counter::new()?;
            let mut set = set(&resvs)?;
            let queue = Workqueue::new()?;
            // One that is locked before.
            let resv = resvs[(at + 7) % 8].clone();
            let (release, count) = (holder.release(), had.clone());

            let asleep = until_asleep();
            queue.spawn_on(0, move || {
                // The set waits for the other.
                asleep();
                drop(ResvGuard::lock(resv));
                count.add();
                release();
            })?;
            let locked = set.lock()?;
            let found = (had.get(), resvs.iter().all(|resv| resv.is_locked()));
            // A failed assertion leaves locked what is.
            drop(locked);
            assert_eq!(found, (1, true));
        }
        Ok(())
    }

    #[test]
    fn signal_for_the_task_ends_the_lock_with_none_locked() -> Result {
        let resvs = objects(8)?;
        let mut set = set(&resvs)?;

        for at in [0, 3, 7] {
            for is_set in [false, true] {
                let holder = if is_set {
                    older(&resvs[at])?
                } else {
                    alone(&resvs[at])?
                };

                let locked = interrupted(|| set.lock_interruptible().map(|_| ()));
                assert_eq!(locked, Err(EINTR));
                for (i, resv) in resvs.iter().enumerate() {
                    assert_eq!(resv.is_locked(), i == at);
                }
                drop(holder);
                // It can be locked again, then.
                assert!(set.lock_interruptible().is_ok());
                assert!(!resvs.iter().any(|resv| resv.is_locked()));
            }
        }
        Ok(())
    }

    /// Locks a set in an order of its own, and sees to it that nobody else has it.
    fn visit(set: &mut ResvSet<Arc<Resv>>, inside: &Atomic<i32>) -> Result {
        for turn in 0..4 {
            let mut locked = if turn % 2 == 0 {
                set.lock()?
            } else {
                set.lock_interruptible()?
            };

            ensure!(inside.fetch_add(1, Full) == 0);
            ensure!((0..locked.len()).all(|i| locked.get(i).is_some_and(|one| one.is_locked())));
            ensure!(inside.fetch_sub(1, Full) == 1);
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
                let mut sets = (set(&[])?, set(&[])?);

                for set in [&mut sets.0, &mut sets.1] {
                    let mut left = KVec::new();

                    for resv in &resvs {
                        left.push(resv, GFP_KERNEL)?;
                    }
                    while !left.is_empty() {
                        let at = random.below(left.len());
                        let resv = left.remove(at).map_err(|_| EINVAL)?;

                        set.push(resv.clone())?;
                        // One in four is in it twice.
                        if random.below(4) == 0 {
                            set.push(resv.clone())?;
                        }
                    }
                }
                Ok(sets)
            },
            |mut ours| visit(&mut ours, &inside),
            move |mut set| visit(&mut set, &theirs),
            |ours: Result, theirs: Result| ours.and(theirs),
        )
        .is_ok());
        assert!(!resvs.iter().any(|resv| resv.is_locked()));
        Ok(())
    }

    #[test]
    fn race_of_a_set_and_of_guards_ends() -> Result {
        let resvs = objects(4)?;
        let mut set = set(&resvs)?;
        let all = {
            let mut all = KVec::new();
            for resv in &resvs {
                all.push(resv.clone(), GFP_KERNEL)?;
            }
            all
        };

        assert!(race(
            || Ok(((), ())),
            |()| set.lock().map(|_| ()),
            move |()| {
                for resv in &all {
                    drop(ResvGuard::lock(resv.clone()));
                }
            },
            |locked: Result, ()| locked,
        )
        .is_ok());
        Ok(())
    }

    /// What others look at while they wait for it stays, whatever becomes of the set.
    #[test]
    fn forgotten_guard_leaves_all_locked_and_in_memory() -> Result {
        // What it is about is memory that nobody can find any more.
        if cfg!(CONFIG_DEBUG_KMEMLEAK) {
            skip("would be taken for a leak");
            return Ok(());
        }
        let f = Fences::new(1)?;
        let before = references(f.fence(0));
        let resvs = objects(3)?;
        let mut set = set(&resvs)?;

        let mut locked = set.lock()?;
        assert_eq!(
            locked.reserve(1)?.add_to_all(&f.leaf(0), Usage::Write),
            Ok(())
        );
        forget(locked);
        assert!(resvs.iter().all(|resv| resv.is_locked()));

        // Nothing can be done with it any more, but it can be looked at.
        assert_eq!(set.push(object()?), Err(EBUSY));
        assert_eq!(set.clear(), Err(EBUSY));
        assert_eq!(set.lock().map(|_| ()), Err(EBUSY));
        assert_eq!(set.lock_interruptible().map(|_| ()), Err(EBUSY));
        assert_eq!(set.len(), 3);
        assert!(set.get(2).is_some_and(|resv| Arc::ptr_eq(resv, &resvs[2])));

        // Others look at what it has been locked with, and give way.
        let queue = Workqueue::new()?;
        let (begun, had) = (Counter::new()?, Counter::new()?);
        for again in [false, true] {
            let mut other = resv::set(&resvs[1..])?;
            let (begins, count) = (begun.clone(), had.clone());

            if again {
                // Now that the set has gone.
                drop(core::mem::replace(&mut set, ResvSet::new()?));
            }
            queue.spawn_on(0, move || {
                begins.add();
                if let Ok(_locked) = other.lock() {
                    count.add();
                }
            })?;
            assert!(eventually(|| begun.get() == 1 + i32::from(again)));
            fsleep(Delta::from_millis(20));
        }
        assert!(resvs.iter().all(|resv| resv.is_locked()));
        assert_eq!(references(f.fence(0)), before + 3);
        assert_eq!(had.get(), 0);

        // The library's own; what the context's type has in it does not matter.
        #[allow(improper_ctypes)]
        extern "C" {
            fn dma_buf_rs_ww_acquire_fini(context: *mut bindings::ww_acquire_ctx);
        }
        // So that nobody complains of what a test has done on purpose. The handles of the
        // set, and the memory that they are in, are lost.
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
