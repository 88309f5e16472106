// SPDX-License-Identifier: GPL-2.0

//! Waits, and what they end with.

use kernel::prelude::*;

#[kunit_tests(rust_dma_buf_wait)]
mod tests {
    use super::*;
    use crate::{
        fixture::{
            self,
            holds_lock,
            interrupted,
            is_silent,
            jiffies,
            long,
            until_asleep, //
        },
        foreign::{
            foreign_late,
            foreign_waiting,
            waited, //
        },
        workqueue::Workqueue, //
    };
    use dma_buf::{
        signalling,
        Fence,
        FenceArray,
        Leaf,
        Wait,
        WaitError,
        MAX_WAIT_ANY, //
    };
    use kernel::{
        time::{
            delay::fsleep,
            msecs_to_jiffies,
            Delta,
            Jiffies, //
        }, //
    };

    #[test]
    fn zero_only_looks() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();

        assert_eq!(fence.wait_timeout(0), Err(WaitError::TimedOut));
        assert_eq!(
            fence.wait_interruptible_timeout(0),
            Err(WaitError::TimedOut)
        );
        assert_eq!(
            Wait::new().timeout(0).on_any(&[&fence]),
            Err(WaitError::TimedOut)
        );
        driver.signal(Err(EIO));
        // A wait is for the end, whatever the result.
        assert_eq!(fence.wait_timeout(0), Ok(1));
        assert_eq!(Wait::new().timeout(0).on_any(&[&fence]), Ok(0));
        Ok(())
    }

    #[test]
    fn timeout_is_kept() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();
        let timeout = msecs_to_jiffies(50);
        let start = jiffies();

        assert_eq!(fence.wait_timeout(timeout), Err(WaitError::TimedOut));
        assert!(jiffies().wrapping_sub(start) >= timeout);
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
            assert!(left.is_ok_and(|left| left > 0 && left <= long()));
            assert_eq!(fence.wait(), Ok(()));
            assert_eq!(fence.wait_interruptible(), Ok(()));
            if left != Ok(long()) {
                return Ok(());
            }
        }
        Err(ETIME)
    }

    #[test]
    fn more_than_the_scheduler_takes_is_without_end() -> Result {
        let stub = Fence::stub();

        for timeout in [Jiffies::MAX, Jiffies::MAX / 2, Jiffies::MAX / 2 + 1] {
            assert!(stub.wait_timeout(timeout).is_ok());
            assert_eq!(Wait::new().timeout(timeout).on_any(&[&stub]), Ok(0));
        }
        Ok(())
    }

    #[test]
    fn signal_for_the_task_interrupts_if_asked() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();
        let (one, any, plain) = interrupted(|| {
            (
                fence.wait_interruptible_timeout(long()),
                Wait::new()
                    .interruptible()
                    .timeout(long())
                    .on_any(&[&fence]),
                fence.wait_timeout(2),
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
            Wait::new().timeout(1).on_any(&all),
            Err(WaitError::TimedOut)
        );
        let queue = Workqueue::new()?;
        let last = drivers.pop().ok_or(EINVAL)?;
        let asleep = until_asleep();
        queue.spawn_on(0, move || {
            asleep();
            last.signal(Ok(()));
        })?;
        assert_eq!(Wait::new().timeout(long()).on_any(&all), Ok(2));
        // The same one twice is no harm.
        assert_eq!(Wait::new().on_any(&[all[0], all[0], all[2]]), Ok(2));
        contexts[0].signal_up_to(1);
        assert_eq!(Wait::new().on_any(&all), Ok(0));
        contexts[1].signal_up_to(1);
        Ok(())
    }

    #[test]
    fn any_of_none_or_too_many_is_an_error() -> Result {
        let stub = Fence::stub();
        let mut many = KVVec::new();

        assert_eq!(Wait::new().on_any(&[]), Err(WaitError::Invalid(EINVAL)));
        for _ in 0..MAX_WAIT_ANY {
            many.push(&*stub, GFP_KERNEL)?;
        }
        assert_eq!(Wait::new().on_any(&many), Ok(0));
        many.push(&*stub, GFP_KERNEL)?;
        assert_eq!(Wait::new().on_any(&many), Err(WaitError::Invalid(E2BIG)));
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

    /// Drivers that give up when the time is over do not make it longer. Eight times
    /// the time would be too long; once more is for one that is woken early.
    #[test]
    fn time_is_that_of_all_leaves_together() -> Result {
        let timeout = msecs_to_jiffies(50);
        let mut leaves = KVec::new();
        let mut signals = KVec::new();

        for _ in 0..8 {
            let (late, signal) = foreign_late()?;

            leaves.push(Leaf::from_fence(late).map_err(|_| EINVAL)?, GFP_KERNEL)?;
            signals.push(signal, GFP_KERNEL)?;
        }
        let array = FenceArray::new(leaves)?;
        let before = waited();
        assert_eq!(
            Wait::new().timeout(timeout).on_leaves(&array),
            Err(WaitError::Driver(EDEADLK))
        );
        assert!((timeout..2 * timeout).contains(&(waited() - before)));
        for signal in signals {
            signal();
        }
        assert_eq!(Wait::new().timeout(0).on(&array), Ok(1));
        Ok(())
    }

    #[test]
    fn ordered_wait_in_a_section_is_silent() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();
        let wait = Wait::new().ordered();
        // A wait for any with a time allocates, which a section forbids.
        let (one, any) = signalling(|_section| {
            assert!(holds_lock(c"dma_fence_map"));
            (
                wait.timeout(1).on(&fence),
                wait.timeout(0).on_any(&[&fence]),
            )
        });

        assert_eq!(one, Err(WaitError::TimedOut));
        assert_eq!(any, Err(WaitError::TimedOut));
        // Outside, any wait is.
        assert_eq!(fence.wait_timeout(1), Err(WaitError::TimedOut));
        driver.signal(Ok(()));
        assert!(is_silent());
        Ok(())
    }
}
