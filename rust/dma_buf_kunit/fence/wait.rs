// SPDX-License-Identifier: GPL-2.0

//! Waits, and what they end with.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_wait)]
mod tests {
    use super::*;
    use crate::fixture::workqueue::Workqueue;

    /// The documented limit.
    const MAX_WAIT_ANY: usize = 16_384;

    #[test]
    fn zero_only_looks() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();

        assert_eq!(fence.wait_timeout(Delta::ZERO), Err(WaitError::TimedOut));
        assert_eq!(
            FenceWait::new()
                .interruptible()
                .timeout(Delta::ZERO)
                .wait(&fence),
            Err(WaitError::TimedOut)
        );
        assert_eq!(
            FenceWait::new().timeout(Delta::ZERO).wait_any(&[&fence]),
            Err(WaitError::TimedOut)
        );
        driver.signal(Err(EIO));
        // A wait is for the end, whatever the result.
        assert!(fence.wait_timeout(Delta::ZERO).is_ok());
        assert_eq!(
            FenceWait::new().timeout(Delta::ZERO).wait_any(&[&fence]),
            Ok(0)
        );
        Ok(())
    }

    #[test]
    fn timeout_is_kept() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();
        let timeout = Delta::from_millis(50);
        let start = jiffies();

        assert_eq!(fence.wait_timeout(timeout), Err(WaitError::TimedOut));
        assert!(jiffies().wrapping_sub(start) >= msecs_to_jiffies(50));
        driver.signal(Ok(()));
        Ok(())
    }

    #[test]
    fn success_says_how_much_was_left() -> Result {
        // If it has signalled before the wait begins, all is left: once more.
        for _ in 0..100 {
            let (_context, driver) = fixture::fence()?;
            let fence = driver.fence();
            let queue = Workqueue::new()?;

            queue.spawn_on(0, move || {
                fsleep(Delta::from_millis(20));
                driver.signal(Ok(()));
            })?;
            let left = fence.wait_timeout(long());
            assert!(fence.test_signaled_flag());
            assert!(left.is_ok_and(|left| left > Delta::ZERO && left <= long()));
            assert_eq!(fence.wait(), Ok(()));
            assert!(FenceWait::new().interruptible().wait(&fence).is_ok());
            if left != Ok(long()) {
                return Ok(());
            }
        }
        Err(ETIME)
    }

    #[test]
    fn more_than_the_scheduler_takes_is_without_end() -> Result {
        let stub = Fence::stub();

        for timeout in [i64::MAX, i64::MAX - 1, i64::MAX / 2].map(Delta::from_nanos) {
            assert!(stub.wait_timeout(timeout).is_ok());
            assert_eq!(FenceWait::new().timeout(timeout).wait_any(&[&stub]), Ok(0));
        }
        Ok(())
    }

    #[test]
    fn signal_for_the_task_interrupts_if_asked() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();
        let (one, any, plain) = interrupted(|| {
            (
                FenceWait::new()
                    .interruptible()
                    .timeout(long())
                    .wait(&fence),
                FenceWait::new()
                    .interruptible()
                    .timeout(long())
                    .wait_any(&[&fence]),
                fence.wait_timeout(Delta::from_millis(2)),
            )
        });

        assert_eq!(one, Err(WaitError::Interrupted));
        assert_eq!(any, Err(WaitError::Interrupted));
        assert_eq!(plain, Err(WaitError::TimedOut));
        driver.signal(Ok(()));
        Ok(())
    }

    #[test]
    fn any_says_which() -> Result {
        let mut contexts = KVec::new();
        let mut drivers = KVec::new();

        for _ in 0..3 {
            let (context, driver) = fixture::fence()?;

            contexts.push(context, GFP_KERNEL)?;
            drivers.push(driver, GFP_KERNEL)?;
        }
        let fences = [drivers[0].fence(), drivers[1].fence(), drivers[2].fence()];
        let all = [&*fences[0], &*fences[1], &*fences[2]];

        assert_eq!(
            FenceWait::new()
                .timeout(Delta::from_millis(1))
                .wait_any(&all),
            Err(WaitError::TimedOut)
        );
        let queue = Workqueue::new()?;
        let last = drivers.pop().ok_or(EINVAL)?;
        let asleep = until_asleep();
        queue.spawn_on(0, move || {
            asleep();
            last.signal(Ok(()));
        })?;
        assert_eq!(FenceWait::new().timeout(long()).wait_any(&all), Ok(2));
        // The same one twice is no harm.
        assert_eq!(FenceWait::new().wait_any(&[all[0], all[0], all[2]]), Ok(2));
        contexts[0].signal_up_to(1);
        assert_eq!(FenceWait::new().wait_any(&all), Ok(0));
        contexts[1].signal_up_to(1);
        Ok(())
    }

    #[test]
    fn any_of_none_or_too_many_is_an_error() -> Result {
        let stub = Fence::stub();
        let mut many = KVVec::new();

        assert_eq!(
            FenceWait::new().wait_any(&[]),
            Err(WaitError::Invalid(EINVAL))
        );
        for _ in 0..MAX_WAIT_ANY {
            many.push(&*stub, GFP_KERNEL)?;
        }
        assert_eq!(FenceWait::new().wait_any(&many), Ok(0));
        many.push(&*stub, GFP_KERNEL)?;
        assert_eq!(
            FenceWait::new().wait_any(&many),
            Err(WaitError::Invalid(E2BIG))
        );
        Ok(())
    }

    #[test]
    fn error_of_a_foreign_driver_is_told_apart() -> Result {
        let (fence, signal) = foreign_waiting()?;

        assert_eq!(fence.wait(), Err(WaitError::Driver(EDEADLK)));
        assert_eq!(Error::from(WaitError::Driver(EDEADLK)), EDEADLK);
        assert_eq!(Error::from(WaitError::TimedOut), ETIME);
        assert_eq!(Error::from(WaitError::Interrupted), ERESTARTSYS);
        signal();
        Ok(())
    }

    #[test]
    fn ordered_wait_in_a_section_is_silent() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();
        let wait = FenceWait::new().allow_in_signalling();
        // A wait for any with a time allocates, which a section forbids.
        let (one, any) = signalling(|_section| {
            assert!(holds_lock(c"dma_fence_map"));
            (
                wait.timeout(Delta::from_millis(1)).wait(&fence),
                wait.timeout(Delta::ZERO).wait_any(&[&fence]),
            )
        });

        assert_eq!(one, Err(WaitError::TimedOut));
        assert_eq!(any, Err(WaitError::TimedOut));
        // Outside, any wait is.
        assert_eq!(
            fence.wait_timeout(Delta::from_millis(1)),
            Err(WaitError::TimedOut)
        );
        driver.signal(Ok(()));
        assert!(is_silent());
        Ok(())
    }
}
