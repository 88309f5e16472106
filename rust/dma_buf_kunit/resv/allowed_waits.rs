// SPDX-License-Identifier: GPL-2.0

//! Waiting with reservation objects locked, in memory reclaim, and in MMU notifiers. All of it is
//! allowed, and lockdep must not report anything.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_allowed_waits)]
mod tests {
    use super::*;
    use crate::fixture::job::{
        Job,
        Way, //
    };

    #[test]
    fn with_a_guard() -> Result {
        let waits = Waits::new()?;
        let guard = ResvGuard::lock(Arc::pin_init(Resv::new(), GFP_KERNEL)?);

        waits.run(&[RESV]);
        drop(guard);
        assert!(waits.is_good());
        Ok(())
    }

    #[test]
    fn with_the_guard_of_what_is_waited_for() -> Result {
        for timeout in [false, true] {
            let job = Job::new()?;
            let guard = ResvGuard::lock(job.resv().clone());
            let good = job.run(|_| {
                if timeout {
                    FenceWait::new()
                        .timeout(crate::fixture::long())
                        .wait_resv(&guard, ResvUsage::Bookkeep)?;
                    return Ok(());
                }
                guard.wait(ResvUsage::Bookkeep)
            });

            drop(guard);
            assert!(good.is_ok());
        }
        Ok(())
    }

    #[test]
    fn with_a_locked_set() -> Result {
        let waits = Waits::new()?;
        let jobs = [Job::new()?, Job::new()?, Job::new()?, Job::new()?];
        let mut set = ResvSet::new();

        for job in &jobs {
            set.push(job.resv().clone())?;
        }
        let locked = set.lock();
        let mut good = 0;

        waits.run(&[RESV]);
        for (index, (job, (_, member))) in jobs.iter().zip(locked.iter()).enumerate() {
            let result = if index % 2 == 0 {
                job.run(|_| member.wait(ResvUsage::Bookkeep))
            } else {
                job.run(|fence| fence.wait())
            };

            good += usize::from(result.is_ok());
        }
        drop(locked);
        assert!(waits.is_good());
        assert_eq!(good, jobs.len());
        Ok(())
    }

    #[test]
    fn in_a_shrinker() -> Result {
        assert!(Shrinking::press(&Shrinking::new(Waits::new()?, Waits::new()?)?).is_ok());
        Ok(())
    }

    /// Memory is needed with a reservation object locked, for example for another fence in it.
    #[test]
    fn in_a_shrinker_with_a_guard() -> Result {
        let shrinking = Shrinking::new(Waits::new()?, Waits::new()?)?;
        let guard = ResvGuard::lock(Arc::pin_init(Resv::new(), GFP_KERNEL)?);
        let good = Shrinking::press(&shrinking);

        drop(guard);
        assert!(good.is_ok());
        Ok(())
    }

    /// The shrinker cannot lock what the task that needs memory has locked.
    #[test]
    fn in_a_shrinker_with_a_locked_set() -> Result {
        let shrinking = Shrinking::new(Waits::new()?, Waits::new()?)?;
        let mut set = ResvSet::new();

        let object = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
        set.push(object.clone())?;
        for _ in 0..3 {
            set.push(Arc::pin_init(Resv::new(), GFP_KERNEL)?)?;
        }
        let denied = Arc::new(Atomic::new(false), GFP_KERNEL)?;
        let theirs = (object, denied.clone());
        let locked = set.lock();
        let shrinker = Shrinker::new(move || {
            let (object, denied) = &theirs;

            denied.store(ResvGuard::try_lock(object.clone()).is_err(), Relaxed);
        });
        let good = Shrinking::press(&shrinking);

        drop(shrinker);
        drop(locked);
        assert!(good.is_ok());
        assert!(denied.load(Relaxed));
        Ok(())
    }

    #[test]
    fn in_an_mmu_notifier() -> Result {
        if !cfg!(CONFIG_MMU_NOTIFIER) {
            skip("this kernel has no MMU notifiers");
            return Ok(());
        }
        assert!(unmapped(Waits::new()?).is_ok());
        Ok(())
    }

    #[test]
    fn with_nothing_else() -> Result {
        for way in Way::ALL {
            assert!(way.wait_for(&Job::new()?).is_ok());
        }
        Ok(())
    }
}
