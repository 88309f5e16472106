// SPDX-License-Identifier: GPL-2.0

//! Callbacks and their registrations.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_callback)]
mod tests {
    use super::*;
    use crate::fixture::workqueue::Workqueue;
    use dma_buf::callback::{
        QueueIrqWork,
        WakeUp, //
    };
    use kernel::{
        new_poll_condvar,
        sync::CondVarTimeoutResult, //
    };

    /// Asks a fence what may be asked of it in a callback.
    struct Ask(Counter);

    // SAFETY: It takes no lock; no test leaks a registration of it.
    unsafe impl FenceCallback for Ask {
        fn called(&self, fence: &Fence) {
            if fence.test_signaled_flag()
                && fence.error() == Some(EIO)
                && fence.timestamp().is_some()
                && fence.seqno() == 1
                && fence.context() != 0
            {
                self.0.add();
            }
        }
    }

    /// A callback whose payload counts its drops.
    struct Payload(#[expect(dead_code)] Droppable);

    // SAFETY: It does nothing; no test leaks a registration of it.
    unsafe impl FenceCallback for Payload {
        fn called(&self, _fence: &Fence) {}
    }

    /// A callback that counts late: it waits a while for who is to cancel it, and then
    /// some more.
    #[derive(Clone)]
    struct Slow {
        seen: Counter,
        near: Counter,
    }

    impl Slow {
        fn new() -> Result<Self> {
            Ok(Self {
                seen: Counter::new()?,
                near: Counter::new()?,
            })
        }

        /// Comes near to cancelling; every other time, not before the callback is about
        /// to be called or has been. It would seldom be running otherwise.
        fn come_near(&self, fence: ARef<Fence>) {
            static TURNS: Atomic<u32> = Atomic::new(0);

            if TURNS.fetch_add(1, Relaxed) % 2 == 0 {
                spin_until(|| fence.test_signaled_flag());
            }
            self.near.add();
        }
    }

    // SAFETY: It spins for a while and adds to a number; no test leaks a registration of
    // it.
    unsafe impl FenceCallback for Slow {
        fn called(&self, _fence: &Fence) {
            // A drop that does not wait for this frees the memory meanwhile.
            let this = self.clone();
            let spin = |most: u32, near: i32| {
                (0..most).all(|_| {
                    core::hint::spin_loop();
                    this.near.get() < near
                })
            };

            spin(10_000, 1);
            spin(200, 2);
            this.seen.add();
        }
    }

    struct Work(Counter);

    impl Delegate for Work {
        fn run(&self, _section: &SignallingSection<'_>) {
            self.0.add();
        }
    }

    #[test]
    fn result_and_time_are_known_inside() -> Result {
        let (_context, driver) = fixture::fence()?;
        let good = Counter::new()?;
        let mut callback = registration()?;

        callback
            .as_mut()
            .register(driver.as_fence(), Ask(good.clone()))?;
        driver.signal(Err(EIO));
        assert_eq!(good.get(), 1);
        Ok(())
    }

    #[test]
    fn payload_comes_back_and_is_dropped_once() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();
        let drops = Counter::new()?;
        let payload = || Payload(Droppable(drops.clone()));
        let mut callback = registration()?;

        // Cancelled.
        callback.as_mut().register(&fence, payload())?;
        let back = callback.as_mut().cancel();
        assert_eq!(drops.get(), 0);
        assert!(matches!(back, Some(Cancelled::Cancelled(_))));
        drop(back);
        assert_eq!(drops.get(), 1);
        // Called.
        callback.as_mut().register(&fence, payload())?;
        driver.signal(Ok(()));
        assert_eq!(drops.get(), 1);
        drop(callback.as_mut().cancel());
        assert_eq!(drops.get(), 2);
        // Refused.
        let refused = callback.as_mut().register(&fence, payload());
        assert_eq!(drops.get(), 2);
        assert!(matches!(refused, Err(CallbackError::AlreadySignaled(_))));
        drop(refused);
        assert_eq!(drops.get(), 3);
        assert!(callback.as_mut().cancel().is_none());
        Ok(())
    }

    #[test]
    fn dropped_registration_does_not_call() -> Result {
        let (_context, driver) = fixture::fence()?;
        let seen = Counter::new()?;
        let mut callback = registration()?;

        callback
            .as_mut()
            .register(driver.as_fence(), Count(seen.clone()))?;
        drop(callback);
        driver.signal(Ok(()));
        assert_eq!(seen.get(), 0);
        Ok(())
    }

    #[test]
    fn registration_in_use_is_busy() -> Result {
        let (_context, driver) = fixture::fence()?;
        let (_other, second) = fixture::fence()?;
        let seen = Counter::new()?;
        let mut callback = registration()?;
        let count = || Count(seen.clone());

        callback.as_mut().register(driver.as_fence(), count())?;
        assert!(matches!(
            callback.as_mut().register(second.as_fence(), count()),
            Err(CallbackError::Busy(_))
        ));
        driver.signal(Ok(()));
        // Called, but not fetched.
        assert!(matches!(
            callback.as_mut().register(second.as_fence(), count()),
            Err(CallbackError::Busy(_))
        ));
        assert!(callback.as_mut().cancel().is_some());
        callback.as_mut().register(second.as_fence(), count())?;
        second.signal(Ok(()));
        assert_eq!(seen.get(), 2);
        Ok(())
    }

    #[test]
    fn registration_outlives_context_and_handle() -> Result {
        let (context, driver) = fixture::fence()?;
        let seen = Counter::new()?;
        let mut callback = registration()?;

        callback
            .as_mut()
            .register(driver.as_fence(), Count(seen.clone()))?;
        // The registration has the last reference to the fence.
        drop(context);
        drop(driver);
        assert_eq!(seen.get(), 1);
        assert!(matches!(
            callback.as_mut().cancel(),
            Some(Cancelled::Called(_))
        ));
        Ok(())
    }

    #[test]
    fn complete_wakes_who_waits() -> Result {
        let (_context, driver) = fixture::fence()?;
        let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
        let awake = Counter::new()?;
        let mut callback = registration()?;
        let queue = Workqueue::new()?;

        callback
            .as_mut()
            .register(driver.as_fence(), Complete(done.clone()))?;
        {
            let awake = awake.clone();

            // Not here: if nobody completes, the wait has no end.
            queue.spawn_on(0, move || {
                done.wait_for_completion();
                awake.add();
            })?;
        }
        assert_eq!(awake.get(), 0);
        driver.signal(Ok(()));
        assert!(eventually(|| awake.get() == 1));
        Ok(())
    }

    #[test]
    fn wake_up_wakes_who_waits() -> Result {
        let (_context, driver) = fixture::fence()?;
        let condvar = Arc::pin_init(new_poll_condvar!("wake_up"), GFP_KERNEL)?;
        let mutex = KBox::pin_init(new_mutex!(()), GFP_KERNEL)?;
        let mut callback = registration()?;
        let queue = Workqueue::new()?;
        let asleep = until_asleep();

        callback
            .as_mut()
            .register(driver.as_fence(), WakeUp(condvar.clone()))?;
        queue.spawn_on(0, move || {
            asleep();
            driver.signal(Ok(()));
        })?;
        let mut guard = Mutex::lock(&mutex);
        let woken = condvar.wait_interruptible_timeout(&mut guard, msecs_to_jiffies(60_000));

        assert!(matches!(woken, CondVarTimeoutResult::Woken { .. }));
        Ok(())
    }

    #[test]
    fn unwrapped_fence_takes_the_place_of_the_last_one() -> Result {
        let (_context, first) = fixture::fence()?;
        let (_other, second) = fixture::fence()?;
        let drops = Counter::new()?;
        let payload = || Payload(Droppable(drops.clone()));
        let (one, two) = (
            first.as_fence().to_unwrapped()?,
            second.as_fence().to_unwrapped()?,
        );
        let mut callback = registration()?;

        assert!(callback
            .as_mut()
            .register_unwrapped(&one, payload())
            .is_ok());
        assert_eq!(drops.get(), 0);
        assert!(callback
            .as_mut()
            .register_unwrapped(&two, payload())
            .is_ok());
        assert_eq!(drops.get(), 1);
        first.signal(Ok(()));
        second.signal(Ok(()));
        // It is called, and fetched; the new one is given back.
        let refused = callback.as_mut().register_unwrapped(&one, payload());
        assert_eq!(drops.get(), 2);
        assert!(refused.is_err());
        drop(refused);
        assert_eq!(drops.get(), 3);
        assert!(callback.as_mut().cancel().is_none());
        Ok(())
    }

    #[test]
    fn irq_work_is_queued() -> Result {
        let (_context, driver) = fixture::fence()?;
        let ran = Counter::new()?;
        let work = IrqWork::new(Work(ran.clone()))?;
        let mut callback = registration()?;

        callback
            .as_mut()
            .register(driver.as_fence(), QueueIrqWork(work.to_ref()))?;
        // The callback keeps what it needs.
        drop(work);
        driver.signal(Ok(()));
        assert!(eventually(|| ran.get() == 1));
        Ok(())
    }

    #[test]
    fn race_of_signal_and_cancel() -> Result {
        assert!(race(
            || {
                let (context, driver) = fixture::fence()?;
                let slow = Slow::new()?;
                let mut callback = registration()?;

                callback
                    .as_mut()
                    .register(driver.as_fence(), slow.clone())?;
                Ok(((context, driver.fence(), callback, slow), driver))
            },
            |(context, fence, mut callback, slow)| {
                slow.come_near(fence);
                let end = callback.as_mut().cancel();

                // From here on nothing changes.
                (end, slow.seen.get(), slow.seen, context)
            },
            |driver| driver.signal(Ok(())),
            |(end, then, seen, _context), _| {
                let called = matches!(end, Some(Cancelled::Called(_)));

                ensure!(end.is_some());
                ensure!(then == i32::from(called) && seen.get() == then);
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }

    /// The memory is used for something else at once, which a late callback would find
    /// there. One that only reads it is reported by KASAN.
    #[test]
    fn race_of_signal_and_drop() -> Result {
        const SIZE: usize = size_of::<FenceCallbackRegistration<Slow>>();

        assert!(race(
            || {
                let (context, driver) = fixture::fence()?;
                let slow = Slow::new()?;
                let mut callback = registration()?;

                callback
                    .as_mut()
                    .register(driver.as_fence(), slow.clone())?;
                Ok(((context, driver.fence(), callback, slow), driver))
            },
            |(context, fence, callback, slow)| {
                slow.come_near(fence);
                drop(callback);
                let then = slow.seen.get();
                let reused = KBox::new([0xa5; SIZE], GFP_KERNEL);

                (then, slow.seen, reused, context)
            },
            |driver| driver.signal(Ok(())),
            |(then, seen, reused, _context), _| {
                ensure!(seen.get() == then);
                ensure!(reused?.iter().all(|byte| *byte == 0xa5u8));
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }

    #[test]
    fn race_of_signal_and_registration() -> Result {
        assert!(race(
            || {
                let (context, driver) = fixture::fence()?;
                let fence = driver.fence();

                Ok(((context, fence, registration()?, Counter::new()?), driver))
            },
            |(context, fence, mut callback, seen)| {
                let watched = callback
                    .as_mut()
                    .register(&fence, Count(seen.clone()))
                    .is_ok();

                (watched, fence, callback, seen, context)
            },
            |driver| driver.signal(Ok(())),
            |(watched, fence, mut callback, seen, _context), _| {
                ensure!(fence.test_signaled_flag());
                ensure!(seen.get() == i32::from(watched));
                ensure!(callback.as_mut().cancel().is_some() == watched);
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }
}
