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
        sync::{
            atomic::{
                Acquire,
                Atomic,
                Release, //
            },
            Arc, //
        },
        time::{
            delay::fsleep,
            Delta,
            Instant,
            Monotonic, //
        }, //
    };

    /// Wakes a queue after five seconds, and again, until it is dropped: a wake-up
    /// that is lost is then a wait that took that long, and not one without end.
    struct Rescue {
        over: Arc<Atomic<bool>>,
        _queue: Workqueue,
    }

    impl Rescue {
        fn new(queue: &Arc<WaitQueue>) -> Result<Self> {
            let over = Arc::new(Atomic::new(false), GFP_KERNEL)?;
            let this = Self {
                over: over.clone(),
                _queue: Workqueue::new()?,
            };
            let queue = queue.clone();

            this._queue.spawn_on(0, move || {
                for n in 1u64.. {
                    if over.load(Acquire) {
                        return;
                    }
                    fsleep(Delta::from_millis(50));
                    if n % 100 == 0 {
                        queue.wake_all();
                    }
                }
            })?;
            Ok(this)
        }
    }

    impl Drop for Rescue {
        fn drop(&mut self) {
            self.over.store(true, Release);
        }
    }

    /// Whether a wait is over before anybody comes to the rescue.
    fn in_time(start: Instant<Monotonic>) -> bool {
        start.elapsed() < Delta::from_secs(4)
    }

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
        let _rescue = Rescue::new(&queue)?;

        callback.as_mut().register(&fence, Wake(queue.clone()))?;
        other.spawn_on(0, move || {
            fsleep(Delta::from_millis(10));
            driver.signal(Ok(()));
        })?;
        let start = Instant::now();
        queue.wait(|| fence.test_signaled_flag());
        assert!(fence.test_signaled_flag() && in_time(start));
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
        let queue = Arc::pin_init(WaitQueue::new(), GFP_KERNEL)?;
        let _rescue = Rescue::new(&queue)?;

        assert!(race(
            || {
                let (context, driver) = fixture::fence()?;
                let fence = driver.fence();
                let mut callback = registration()?;

                callback.as_mut().register(&fence, Wake(queue.clone()))?;
                Ok(((context, fence, callback), driver))
            },
            |(context, fence, callback)| {
                let start = Instant::now();

                queue.wait(|| fence.test_signaled_flag());
                // Woken by somebody who may not be done with waking.
                drop(callback);
                (context, fence, in_time(start))
            },
            |driver| driver.signal(Ok(())),
            |(_context, fence, in_time), _| {
                ensure!(fence.test_signaled_flag() && in_time);
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }
}
