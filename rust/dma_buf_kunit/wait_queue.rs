// SPDX-License-Identifier: GPL-2.0

//! Wait queues, woken from callbacks.

use kernel::prelude::*;

#[kunit_tests(rust_dma_buf_wait_queue)]
mod tests {
    use super::*;
    use crate::{
        fixture::{
            self,
            interrupted,
            registration, //
        },
        race::{
            ensure,
            race, //
        },
        workqueue::Workqueue, //
    };
    use dma_buf::{
        WaitQueue,
        Wake, //
    };
    use kernel::{
        sync::Arc,
        time::{
            delay::fsleep,
            Delta, //
        }, //
    };

    #[test]
    fn condition_that_holds_does_not_sleep() -> Result {
        let queue = Arc::pin_init(WaitQueue::new(), GFP_KERNEL)?;
        let mut asked = 0;

        queue.wait(|| {
            asked += 1;
            true
        });
        assert_eq!(asked, 1);
        assert_eq!(queue.wait_interruptible(|| true), Ok(()));
        Ok(())
    }

    #[test]
    fn signalling_fence_wakes() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();
        let queue = Arc::pin_init(WaitQueue::new(), GFP_KERNEL)?;
        let mut callback = registration()?;
        let other = Workqueue::new()?;

        callback.as_mut().register(&fence, Wake(queue.clone()))?;
        other.spawn_on(0, move || {
            fsleep(Delta::from_millis(10));
            driver.signal(Ok(()));
        })?;
        queue.wait(|| fence.test_signaled_flag());
        assert!(fence.test_signaled_flag());
        Ok(())
    }

    #[test]
    fn signal_for_the_task_interrupts_if_asked() -> Result {
        let queue = Arc::pin_init(WaitQueue::new(), GFP_KERNEL)?;

        assert_eq!(
            interrupted(|| queue.wait_interruptible(|| false)),
            Err(ERESTARTSYS)
        );
        Ok(())
    }

    #[test]
    fn race_of_signal_and_wait_loses_no_wake_up() -> Result {
        assert!(race(
            || {
                let (context, driver) = fixture::fence()?;
                let fence = driver.fence();
                let queue = Arc::pin_init(WaitQueue::new(), GFP_KERNEL)?;
                let mut callback = registration()?;

                callback.as_mut().register(&fence, Wake(queue.clone()))?;
                Ok(((context, fence, queue, callback), driver))
            },
            |(context, fence, queue, callback)| {
                queue.wait(|| fence.test_signaled_flag());
                // Here, woken by somebody who is not done with waking.
                drop(callback);
                drop(queue);
                (context, fence)
            },
            |driver| driver.signal(Ok(())),
            |(_context, fence), _| {
                ensure!(fence.test_signaled_flag());
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }
}
