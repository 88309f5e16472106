// SPDX-License-Identifier: GPL-2.0

//! Walks over the fences of an object, and snapshots of them.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_resv_walk)]
mod tests {
    use super::*;
    use crate::fixture::{
        race,
        workqueue::Workqueue, //
    };

    #[test]
    fn walk_with_and_without_the_lock_gives_usages() -> Result {
        let f = Fences::new(4)?;
        let resv = object()?;
        let mut guard = ResvGuard::lock(resv.clone());

        for (i, usage) in ResvUsage::ALL.into_iter().enumerate() {
            add(&mut guard, &f.leaf(i), usage)?;
        }
        f.signal(1);
        for (i, usage) in ResvUsage::ALL.into_iter().enumerate() {
            // With the lock, signalled fences are found, too.
            assert_eq!(guard.fences(usage).count(), i + 1);
            let mut found = KVec::with_capacity(8, GFP_KERNEL)?;
            let rcu = rcu::read_lock();
            let mut walk = resv.fences_unlocked(usage, &rcu);
            while let Some(index) = walk
                .next()
                .map(|fence| (0..4).position(|i| is_same(fence, f.fence(i))).unwrap_or(4))
            {
                assert_eq!(walk.usage(), ResvUsage::ALL[index]);
                assert_eq!(walk.is_restarted(), found.is_empty());
                found.push_within_capacity(index).map_err(|_| E2BIG)?;
            }
            assert!(found.iter().copied().eq((0..=i).filter(|i| *i != 1)));
            assert!(walk.next().is_none() && walk.next().is_none());
        }
        Ok(())
    }

    /// A walk keeps the fence that it is at. Ending it early leaks nothing.
    #[test]
    fn walk_without_the_lock_keeps_the_fence_that_it_is_at() -> Result {
        let f = Fences::new(2)?;
        let resv = with(&[(&f.leaf(0), ResvUsage::Read), (&f.leaf(1), ResvUsage::Read)])?;
        let before = (references(f.fence(0)), references(f.fence(1)));
        let rcu = rcu::read_lock();
        let mut walk = resv.fences_unlocked(ResvUsage::Read, &rcu);

        assert_eq!(references(f.fence(0)), before.0);
        assert!(walk.next().is_some());
        assert_eq!(references(f.fence(0)), before.0 + 1);
        assert!(walk.next().is_some());
        assert_eq!(references(f.fence(0)), before.0);
        assert_eq!(references(f.fence(1)), before.1 + 1);
        drop(walk);
        assert_eq!(references(f.fence(1)), before.1);
        Ok(())
    }

    /// `dma_resv_copy_fences()` of an object without fences takes the list away.
    #[test]
    fn walk_ends_when_the_list_goes() -> Result {
        let f = Fences::new(2)?;
        let resv = with(&[(&f.leaf(0), ResvUsage::Read), (&f.leaf(1), ResvUsage::Read)])?;
        let empty = object()?;
        let before = references(f.fence(0));
        let rcu = rcu::read_lock();
        let mut walk = resv.fences_unlocked(ResvUsage::Read, &rcu);

        assert!(walk.next().is_some());
        // The walk holds the RCU read lock, so nothing may sleep.
        let Ok(guard) = ResvGuard::try_lock(resv.clone()) else {
            return Err(EBUSY);
        };
        // SAFETY: The object is locked, and there are no slots.
        let copied = unsafe { bindings::dma_resv_copy_fences(guard.as_raw(), empty.as_raw()) };
        drop(guard);
        assert_eq!(copied, 0);
        assert!(walk.next().is_none());
        // Anything counted up to here is void.
        assert!(walk.is_restarted());
        assert!(walk.next().is_none());
        drop(walk);
        assert_eq!(references(f.fence(0)), before - 1);
        assert!(resv.test_signaled(ResvUsage::Bookkeep));
        Ok(())
    }

    /// Takes the list of an object away while its fence is asked.
    struct Takes {
        resv: Arc<Resv>,
        /// The list that was taken away, or 0 if the next call is to take it.
        list: Arc<Atomic<usize>>,
    }

    const STAY: usize = 1;

    impl Takes {
        fn take(resv: &Resv, list: &Atomic<usize>) {
            // SAFETY: The object is valid, and only this test uses it.
            let fences = unsafe { &mut (*resv.as_raw()).fences };

            list.store(*fences as usize, Relaxed);
            *fences = core::ptr::null_mut();
        }

        fn give_back(resv: &Resv, list: &Atomic<usize>) {
            // SAFETY: As above.
            let fences = unsafe { &mut (*resv.as_raw()).fences };

            *fences = list.xchg(STAY, Full) as *mut _;
        }
    }

    #[vtable]
    impl FenceContextOps for Takes {
        type FenceData = ();

        fn signaled(&self, _data: &(), _seqno: u64) -> Option<Result> {
            if self.list.load(Relaxed) == 0 {
                Self::take(&self.resv, &self.list);
            }
            None
        }
    }

    /// It does not have some of the fences that were there before.
    #[test]
    fn snapshot_is_empty_when_the_list_goes_meanwhile() -> Result {
        let f = Fences::new(2)?;
        let (resv, list) = (object()?, Arc::new(Atomic::new(STAY), GFP_KERNEL)?);
        let ops = Takes {
            resv: resv.clone(),
            list: list.clone(),
        };
        let context = FenceContext::new(c"mock", c"takes", ops)?;
        let driver = next(&context)?;
        let mut guard = ResvGuard::lock(resv.clone());

        for leaf in [f.leaf(0), driver.leaf(), f.leaf(1)] {
            add(&mut guard, &leaf, ResvUsage::Read)?;
        }
        drop(guard);

        list.store(0, Relaxed);
        let found = resv.get_fences(ResvUsage::Read)?;
        Takes::give_back(&resv, &list);
        assert_eq!(resv.get_fences(ResvUsage::Read)?.len(), 3);
        assert!(found.is_empty());

        let mut guard = ResvGuard::lock(object()?);
        list.store(0, Relaxed);
        let copied = guard.add_fences_from(&resv);
        Takes::give_back(&resv, &list);
        driver.signal(Ok(()));
        assert_eq!(copied, Ok(()));
        assert_eq!(guard.fences(ResvUsage::Bookkeep).count(), 0);
        Ok(())
    }

    /// Each once, though the list is replaced all the time.
    #[test]
    fn race_of_a_snapshot_with_changes_has_each_fence_once() -> Result {
        const COUNT: usize = 12;
        /// Turns of the other side after which a walk must have restarted.
        const TURNS: i32 = 100_000;

        if !race::possible() {
            return Ok(());
        }
        let f = Fences::new(COUNT)?;
        let leaves = f.leaves()?;
        let resv = object()?;
        let mut guard = ResvGuard::lock(resv.clone());
        for leaf in &leaves {
            add(&mut guard, leaf, ResvUsage::Read)?;
        }
        drop(guard);

        let (stop, turns) = (Counter::new()?, Counter::new()?);
        let queue = Workqueue::new()?;
        let (theirs, stopped, turn) = (resv.clone(), stop.clone(), turns.clone());
        queue.spawn_on(1, move || {
            while stopped.get() == 0 {
                let mut guard = ResvGuard::lock(theirs.clone());
                // If there is not enough room, the list is replaced.
                let _ = guard.reserve(1 << (turn.add() % 13)).map(|_| ());
            }
        })?;

        let snapshot = || {
            let found = resv.get_fences(ResvUsage::Bookkeep)?;
            ensure!(found.len() == COUNT);
            ensure!(found.iter().zip(&leaves).all(|(a, b)| is_same(a, b)));
            Ok(())
        };
        stay_on(0)?;
        let start = Instant::<Monotonic>::now();
        let (mut result, mut rounds, mut restarts) = (Ok(()), 0, 0);
        while result.is_ok() && (start.elapsed() < race::duration() || restarts == 0) {
            result = snapshot();
            rounds += 1;
            // The test relies on restarts.
            let rcu = rcu::read_lock();
            let mut walk = resv.fences_unlocked(ResvUsage::Bookkeep, &rcu);
            let mut given = 0;
            while walk.next().is_some() {
                restarts += i32::from(given > 0 && walk.is_restarted());
                given += 1;
            }
            if restarts == 0 && turns.get() > TURNS {
                break;
            }
        }
        stop.add();
        drop(queue);
        pr_info!(
            "{} snapshots, {} walks began again in {} turns\n",
            rounds,
            restarts,
            turns.get()
        );
        assert!(result.is_ok());
        assert!(restarts > 0);
        Ok(())
    }
}
