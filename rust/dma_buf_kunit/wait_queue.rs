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
            registration,
            until_asleep, //
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
                Full,
                Release, //
            },
            Arc, //
        },
        time::{
            delay::fsleep,
            Delta, //
        }, //
    };

    /// Comes to the rescue of who waits in vain: a wake-up that is lost is then a
    /// test that fails, and not a wait without end.
    ///
    /// In vain is for a hundred turns of 50 ms. A guest that stands still loses
    /// time, but no turns, and whoever has been woken gets to run in one of them.
    struct Rescue {
        queue: Arc<WaitQueue>,
        shared: Arc<Shared>,
        _other: Workqueue,
    }

    struct Shared {
        /// How many waits have begun and ended: while one goes on, it is odd.
        waits: Atomic<u32>,
        needed: Atomic<bool>,
        over: Atomic<bool>,
    }

    impl Rescue {
        fn new(queue: &Arc<WaitQueue>) -> Result<Self> {
            let this = Self {
                queue: queue.clone(),
                shared: Arc::new(
                    Shared {
                        waits: Atomic::new(0),
                        needed: Atomic::new(false),
                        over: Atomic::new(false),
                    },
                    GFP_KERNEL,
                )?,
                _other: Workqueue::new()?,
            };
            let (queue, shared) = (queue.clone(), this.shared.clone());

            this._other.spawn_on(0, move || {
                let (mut last, mut turns) = (0, 0);

                while !shared.over.load(Acquire) {
                    let waits = shared.waits.load(Acquire);

                    if waits != last || waits % 2 == 0 {
                        // A failed assertion ends the test without a drop.
                        if shared.needed.load(Acquire) {
                            return;
                        }
                        (last, turns) = (waits, 0);
                    }
                    turns += 1;
                    if turns % 100 == 0 && waits % 2 != 0 {
                        shared.needed.store(true, Release);
                        queue.wake_all();
                    }
                    fsleep(Delta::from_millis(50));
                }
            })?;
            Ok(this)
        }

        /// Waits, and says whether the condition held without a rescue.
        fn wait(&self, condition: impl FnMut() -> bool) -> bool {
            self.shared.waits.fetch_add(1, Full);
            self.queue.wait(condition);
            self.shared.waits.fetch_add(1, Full);
            !self.shared.needed.load(Acquire)
        }
    }

    impl Drop for Rescue {
        fn drop(&mut self) {
            self.shared.over.store(true, Release);
        }
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
        let rescue = Rescue::new(&queue)?;

        callback.as_mut().register(&fence, Wake(queue.clone()))?;
        let asleep = until_asleep();
        other.spawn_on(0, move || {
            asleep();
            driver.signal(Ok(()));
        })?;
        assert!(rescue.wait(|| fence.test_signaled_flag()));
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
        let queue = Arc::pin_init(WaitQueue::new(), GFP_KERNEL)?;
        let rescue = Rescue::new(&queue)?;

        assert!(race(
            || {
                let (context, driver) = fixture::fence()?;
                let fence = driver.fence();
                let mut callback = registration()?;

                callback.as_mut().register(&fence, Wake(queue.clone()))?;
                Ok(((context, fence, callback), driver))
            },
            |(context, fence, callback)| {
                let woken = rescue.wait(|| fence.test_signaled_flag());

                // Woken by somebody who may not be done with waking.
                drop(callback);
                (context, fence, woken)
            },
            |driver| driver.signal(Ok(())),
            |(_context, fence, woken), _| {
                ensure!(fence.test_signaled_flag() && woken);
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }
}
