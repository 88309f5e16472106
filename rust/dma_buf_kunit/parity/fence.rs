// SPDX-License-Identifier: GPL-2.0

//! The kernel's dma-buf-fence suite, case by case, through the Rust API.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_fence)]
mod tests {
    use super::*;
    use crate::fixture::workqueue::Workqueue;

    #[test]
    fn test_sanitycheck() -> Result {
        let (_context, fence) = fixture::fence()?;

        fence.as_fence().enable_signaling();
        assert_ne!(fence.signal(Ok(())), SignalOutcome::TooLate);
        Ok(())
    }

    #[test]
    fn test_signaling() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();

        fence.enable_signaling();
        assert!(!fence.is_signaled());
        assert!(!fence.test_signaled_flag());
        assert_ne!(driver.signal(Ok(())), SignalOutcome::TooLate);
        assert!(fence.is_signaled());
        assert!(fence.test_signaled_flag());
        // The fence has let go of its driver: the operations are gone.
        assert_eq!(fence.driver_name(&rcu::read_lock()), c"detached-driver");
        Ok(())
    }

    #[test]
    fn test_add_callback() -> Result {
        let (_context, driver) = fixture::fence()?;
        let seen = Counter::new()?;
        let mut callback = registration()?;

        callback
            .as_mut()
            .register(driver.as_fence(), Count(seen.clone()))?;
        assert_eq!(seen.get(), 0);
        driver.signal(Ok(()));
        assert_eq!(seen.get(), 1);
        Ok(())
    }

    #[test]
    fn test_late_add_callback() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();
        let seen = Counter::new()?;
        let mut callback = registration()?;

        fence.enable_signaling();
        driver.signal(Ok(()));
        assert!(matches!(
            callback.as_mut().register(&fence, Count(seen.clone())),
            Err(CallbackError::AlreadySignaled(_))
        ));
        assert_eq!(seen.get(), 0);
        Ok(())
    }

    #[test]
    fn test_rm_callback() -> Result {
        let (_context, driver) = fixture::fence()?;
        let seen = Counter::new()?;
        let mut callback = registration()?;

        callback
            .as_mut()
            .register(driver.as_fence(), Count(seen.clone()))?;
        assert!(matches!(
            callback.as_mut().cancel(),
            Some(Cancelled::Cancelled(_))
        ));
        driver.signal(Ok(()));
        assert_eq!(seen.get(), 0);
        Ok(())
    }

    #[test]
    fn test_late_rm_callback() -> Result {
        let (_context, driver) = fixture::fence()?;
        let seen = Counter::new()?;
        let mut callback = registration()?;

        callback
            .as_mut()
            .register(driver.as_fence(), Count(seen.clone()))?;
        driver.signal(Ok(()));
        assert_eq!(seen.get(), 1);
        assert!(matches!(
            callback.as_mut().cancel(),
            Some(Cancelled::Called(_))
        ));
        assert_eq!(seen.get(), 1);
        Ok(())
    }

    #[test]
    fn test_status() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();

        fence.enable_signaling();
        assert_eq!(fence.status(), FenceStatus::Pending);
        driver.signal(Ok(()));
        assert_eq!(fence.status(), FenceStatus::Signaled);
        Ok(())
    }

    #[test]
    fn test_error() -> Result {
        let (context, first) = fixture::fence()?;
        let driver = fixture::next(&context)?;
        let fence = driver.fence();

        fence.enable_signaling();
        // The error is set, but not the signal, as an earlier fence is pending.
        driver.signal(Err(EIO));
        assert_eq!(fence.status(), FenceStatus::Pending);
        assert_eq!(fence.error(), None);
        first.signal(Ok(()));
        assert_eq!(fence.status(), FenceStatus::Error(EIO));
        assert_eq!(fence.error(), Some(EIO));
        Ok(())
    }

    #[test]
    fn test_wait() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();

        fence.enable_signaling();
        assert_eq!(fence.wait_timeout(Delta::ZERO), Err(WaitError::TimedOut));
        driver.signal(Ok(()));
        assert!(fence.wait_timeout(Delta::ZERO).is_ok());
        Ok(())
    }

    #[test]
    fn test_wait_timeout() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();
        let queue = Workqueue::new()?;

        fence.enable_signaling();
        assert_eq!(
            fence.wait_timeout(Delta::from_millis(1)),
            Err(WaitError::TimedOut)
        );
        let asleep = until_asleep();
        queue.spawn_on(0, move || {
            asleep();
            driver.signal(Ok(()));
        })?;
        assert!(fence.wait_timeout(long()).is_ok());
        Ok(())
    }

    #[test]
    fn test_stub() -> Result {
        let mut stubs = KVec::new();

        for _ in 0..64 {
            stubs.push(Fence::stub(), GFP_KERNEL)?;
        }
        for stub in &stubs {
            assert!(stub.is_signaled());
            assert_eq!(stub.status(), FenceStatus::Signaled);
        }
        Ok(())
    }

    /// What the two sides of `test_race_signal_callback` share.
    struct Arena {
        slots: [RcuFence; 2],
        steps: [Atomic<u32>; 2],
        passes: [Atomic<u32>; 2],
        stop: Atomic<bool>,
    }

    impl Arena {
        /// Waits until both sides are here; false if it is over.
        fn meet(&self, side: u32) -> bool {
            let step = self.steps[side as usize].fetch_add(1, Full) + 1;
            let other = &self.steps[1 - side as usize];

            spin_until(|| other.load(Acquire) >= step || self.stop.load(Acquire));
            other.load(Acquire) >= step
        }
    }

    /// One side: publishes a fence of its own, watches that of the other side,
    /// and signals its own before that or after, over and over.
    fn signal_and_watch(arena: &Arena, side: u32, before: bool) -> Result {
        let passes = &arena.passes[side as usize];
        let mut misses = 0;
        let mut callback = registration()?;

        while !arena.stop.load(Acquire) {
            let (_context, driver) = fixture::fence()?;
            let seen = Counter::new()?;

            driver.as_fence().enable_signaling();
            drop(arena.slots[side as usize].replace(Some(driver.fence())));
            // Neither side goes on before both have the other's fence.
            let theirs = if arena.meet(side) {
                arena.slots[1 - side as usize].get()
            } else {
                None
            };
            let (Some(theirs), true) = (theirs, arena.meet(side)) else {
                driver.signal(Ok(()));
                break;
            };

            let mut driver = Some(driver);
            if before {
                driver.take().map(|driver| driver.signal(Ok(())));
            }
            let watched = callback.as_mut().register(&theirs, Count(seen.clone()));
            driver.take().map(|driver| driver.signal(Ok(())));

            if watched.is_ok() {
                ensure!(theirs.wait_timeout(long()).is_ok());
                // Waits for a callback that is just being called.
                ensure!(matches!(
                    callback.as_mut().cancel(),
                    Some(Cancelled::Called(_))
                ));
                ensure!(seen.get() == 1);
            } else {
                misses += 1;
                ensure!(seen.get() == 0);
            }
            passes.fetch_add(1, Full);
        }
        drop(arena.slots[side as usize].replace(None));
        pr_info!(
            "side {}: {} passes, {} misses\n",
            side,
            passes.load(Acquire),
            misses
        );
        Ok(())
    }

    #[test]
    fn test_race_signal_callback() -> Result {
        if !possible() {
            return Ok(());
        }
        for before in [false, true] {
            let arena = Arc::new(
                Arena {
                    slots: [RcuFence::new(None), RcuFence::new(None)],
                    steps: [Atomic::new(0), Atomic::new(0)],
                    passes: [Atomic::new(0), Atomic::new(0)],
                    stop: Atomic::new(false),
                },
                GFP_KERNEL,
            )?;
            let good = Counter::new()?;
            let queue = Workqueue::new()?;

            for side in 0..2 {
                let (arena, good) = (arena.clone(), good.clone());

                queue.spawn_on(side, move || {
                    if signal_and_watch(&arena, side, before).is_ok() {
                        good.add();
                    }
                })?;
            }
            // As long as the C suite's, or longer; it comes twice.
            let time = Delta::from_nanos(duration().as_nanos() / 2);
            fsleep(time.max(Delta::from_millis(50)));
            let met = eventually(|| arena.passes.iter().all(|n| n.load(Acquire) > 0));
            arena.stop.store(true, Release);
            drop(queue);
            assert!(met);
            assert_eq!(good.get(), 2);
        }
        Ok(())
    }
}
