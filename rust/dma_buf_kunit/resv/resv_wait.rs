// SPDX-License-Identifier: GPL-2.0

//! Waiting for the fences of an object, and deadlines.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_resv_wait)]
mod tests {
    use super::*;
    use crate::fixture::{
        raw::{
            foreign,
            foreign_hasty, //
        },
        workqueue::Workqueue, //
    };

    #[test]
    fn wait_of_no_time_only_looks() -> Result {
        let f = Fences::new(1)?;
        let resv = with(&[(&f.leaf(0), ResvUsage::Write)])?;

        assert_eq!(
            FenceWait::new()
                .timeout(Delta::ZERO)
                .wait_resv(&resv, ResvUsage::Write),
            Err(WaitError::TimedOut)
        );
        // There is nothing to wait for.
        assert!(FenceWait::new()
            .timeout(Delta::ZERO)
            .wait_resv(&resv, ResvUsage::Kernel)
            .is_ok());
        assert_eq!(
            FenceWait::new()
                .timeout(Delta::from_millis(40))
                .wait_resv(&resv, ResvUsage::Kernel),
            Ok(Delta::from_millis(40))
        );
        f.signal(0);
        assert!(FenceWait::new()
            .timeout(Delta::ZERO)
            .wait_resv(&resv, ResvUsage::Write)
            .is_ok());
        assert_eq!(
            FenceWait::new()
                .timeout(Delta::from_millis(40))
                .wait_resv(&resv, ResvUsage::Write),
            Ok(Delta::from_millis(40))
        );
        Ok(())
    }

    #[test]
    fn wait_of_some_time_is_for_all_together() -> Result {
        let f = Fences::new(2)?;
        let resv = with(&[(&f.leaf(0), ResvUsage::Read), (&f.leaf(1), ResvUsage::Read)])?;
        let timeout = Delta::from_millis(50);
        let start = jiffies();

        assert_eq!(
            FenceWait::new()
                .timeout(timeout)
                .wait_resv(&resv, ResvUsage::Read),
            Err(WaitError::TimedOut)
        );
        assert!(jiffies().wrapping_sub(start) >= msecs_to_jiffies(50));

        // The time for the second fence is what the first one has left. If both have signalled
        // before the wait begins, all of it is left: try again.
        for _ in 0..100 {
            let fences = Arc::new(Fences::new(2)?, GFP_KERNEL)?;
            let both = with(&[
                (&fences.leaf(0), ResvUsage::Read),
                (&fences.leaf(1), ResvUsage::Read),
            ])?;
            let queue = Workqueue::new()?;
            let theirs = fences.clone();
            queue.spawn_on(0, move || {
                for i in 0..2 {
                    fsleep(Delta::from_millis(20));
                    theirs.signal(i);
                }
            })?;
            let left = FenceWait::new()
                .timeout(long())
                .wait_resv(&both, ResvUsage::Read);
            assert!(left.is_ok_and(|left| left > Delta::ZERO && left <= long()));
            assert!(both.test_signaled(ResvUsage::Bookkeep));
            assert_eq!(both.wait(ResvUsage::Bookkeep), Ok(()));
            if left != Ok(long()) {
                return Ok(());
            }
        }
        Err(ETIME)
    }

    #[test]
    fn signal_for_the_task_interrupts_a_wait_if_asked() -> Result {
        let f = Fences::new(1)?;
        let resv = with(&[(&f.leaf(0), ResvUsage::Write)])?;
        let (asked, plain) = interrupted(|| {
            (
                FenceWait::new()
                    .interruptible()
                    .timeout(long())
                    .wait_resv(&resv, ResvUsage::Write),
                FenceWait::new()
                    .timeout(Delta::from_millis(2))
                    .wait_resv(&resv, ResvUsage::Write),
            )
        });

        assert_eq!(asked, Err(WaitError::Interrupted));
        assert_eq!(plain, Err(WaitError::TimedOut));
        Ok(())
    }

    #[test]
    fn wait_with_the_lock_held_is_silent() -> Result {
        let f = Fences::new(1)?;
        let mut guard = ResvGuard::lock(object()?);

        add(&mut guard, &f.leaf(0), ResvUsage::Kernel)?;
        assert_eq!(
            FenceWait::new()
                .timeout(Delta::from_millis(1))
                .wait_resv(&guard, ResvUsage::Kernel),
            Err(WaitError::TimedOut)
        );
        f.signal(0);
        assert_eq!(guard.wait(ResvUsage::Kernel), Ok(()));
        assert!(is_silent());
        Ok(())
    }

    #[test]
    fn error_of_a_foreign_drivers_wait_is_told_apart() -> Result {
        let (fence, signal) = foreign_waiting()?;
        let leaf = fence.as_leaf().ok_or(EINVAL)?;
        let resv = with(&[(leaf, ResvUsage::Read)])?;

        assert_eq!(resv.wait(ResvUsage::Read), Err(WaitError::Driver(EDEADLK)));
        assert_eq!(
            FenceWait::new()
                .timeout(Delta::from_millis(1))
                .wait_resv(&resv, ResvUsage::Read),
            Err(WaitError::Driver(EDEADLK))
        );
        signal();
        assert_eq!(resv.wait(ResvUsage::Read), Ok(()));
        Ok(())
    }

    /// Some drivers return success though the fence has not signalled.
    #[test]
    fn foreign_wait_that_ends_too_early_is_an_error() -> Result {
        let (fence, signal) = foreign_hasty()?;
        let leaf = fence.as_leaf().ok_or(EINVAL)?;
        let resv = with(&[(leaf, ResvUsage::Read)])?;

        assert_eq!(resv.wait(ResvUsage::Read), Err(WaitError::Driver(EIO)));
        signal();
        assert_eq!(resv.wait(ResvUsage::Read), Ok(()));
        Ok(())
    }

    #[test]
    fn deadline_reaches_the_drivers_of_a_usage_and_those_before() -> Result {
        let (seen, unseen, done) = (Asked::new()?, Asked::new()?, Asked::new()?);
        let contexts = (seen.context()?, unseen.context()?, done.context()?);
        let jobs = (next(&contexts.0)?, next(&contexts.1)?, next(&contexts.2)?);
        let (theirs, signal) = foreign(1, 1)?;
        let theirs = theirs.as_leaf().ok_or(EINVAL)?;
        let resv = with(&[
            (&jobs.2.leaf(), ResvUsage::Kernel),
            (&jobs.0.leaf(), ResvUsage::Write),
            // Its driver has no operation for deadlines.
            (theirs, ResvUsage::Write),
            (&jobs.1.leaf(), ResvUsage::Read),
        ])?;

        jobs.2.signal(Ok(()));
        resv.set_deadline(ResvUsage::Write, Instant::now());
        assert_eq!(seen.deadline.get(), 1);
        assert_eq!(unseen.deadline.get(), 0);
        assert_eq!(done.deadline.get(), 0);
        jobs.0.signal(Ok(()));
        jobs.1.signal(Ok(()));
        signal();
        Ok(())
    }
}
