// SPDX-License-Identifier: GPL-2.0

//! The optional operations of a context.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_ops)]
mod tests {
    use super::*;

    #[test]
    fn enable_signaling_is_called_once() -> Result {
        let (context, seen) = device()?;
        let (one, two) = (job(&context, 0)?, job(&context, 0)?);

        assert_eq!(seen.enabled.load(Relaxed), 0);
        two.as_fence().enable_signaling();
        two.as_fence().enable_signaling();
        assert_eq!(seen.enabled.load(Relaxed), 1);
        assert_eq!(seen.seqno.load(Relaxed), 2);
        assert_ne!(one.signal(Ok(())), SignalOutcome::TooLate);
        assert_ne!(two.signal(Ok(())), SignalOutcome::TooLate);
        assert_eq!(seen.enabled.load(Relaxed), 1);
        Ok(())
    }

    #[test]
    fn complete_at_enable_signals_in_its_turn() -> Result {
        let (context, seen) = device()?;
        let (one, two) = (job(&context, 0)?, job(&context, 0)?);
        let fences = [one.fence(), two.fence()];

        seen.on_enable.store(EIO.to_errno(), Relaxed);
        fences[1].enable_signaling();
        // Fixed by the operation, so the handle comes too late.
        assert_eq!(two.signal(Ok(())), SignalOutcome::TooLate);
        assert_eq!(fences[1].error(), None);
        assert!(!fences[1].test_signaled_flag());

        seen.on_enable.store(0, Relaxed);
        fences[0].enable_signaling();
        assert!(eventually(|| fences[1].test_signaled_flag()));
        assert_eq!(fences[0].status(), FenceStatus::Signaled);
        assert_eq!(fences[1].status(), FenceStatus::Error(EIO));
        assert_eq!(one.signal(Ok(())), SignalOutcome::TooLate);
        Ok(())
    }

    #[test]
    fn poll_signals_soon_and_in_order() -> Result {
        let (context, seen) = device()?;
        let (one, two) = (job(&context, 0)?, job(&context, 0)?);
        let fences = [one.fence(), two.fence()];

        assert!(!fences[1].is_signaled());
        assert_eq!(seen.polled.load(Relaxed), 1);
        // The flag asks nobody.
        assert!(!fences[1].test_signaled_flag());
        assert_eq!(seen.polled.load(Relaxed), 1);

        seen.complete.store(2, Release);
        // The second is found complete, and then the first, about which nobody asks.
        fences[1].is_signaled();
        assert!(eventually(|| fences[1].test_signaled_flag()));
        assert!(fences[0].test_signaled_flag());
        assert_eq!(seen.polled.load(Relaxed), 3);
        assert_eq!(fences[0].status(), FenceStatus::Error(EIO));
        assert_eq!(fences[1].status(), FenceStatus::Error(EIO));
        assert_eq!(two.signal(Ok(())), SignalOutcome::TooLate);
        assert_eq!(one.signal(Ok(())), SignalOutcome::TooLate);
        Ok(())
    }

    #[test]
    fn status_polls_under_the_fences_lock() -> Result {
        let (context, seen) = device()?;
        let one = job(&context, 0)?;
        let fence = one.fence();

        seen.complete.store(1, Release);
        fence.status();
        assert!(eventually(|| fence.status() == FenceStatus::Error(EIO)));
        assert_eq!(one.signal(Ok(())), SignalOutcome::TooLate);
        Ok(())
    }

    #[test]
    fn deadline_reaches_the_driver_until_the_signal() -> Result {
        let (context, seen) = device()?;
        let one = job(&context, 0)?;
        let fence = one.fence();

        fence.set_deadline(Instant::now());
        assert_eq!(seen.deadlines.load(Relaxed), 1);
        fence.set_deadline(Instant::now() + Delta::from_secs(3600));
        assert_eq!(seen.deadlines.load(Relaxed), 102);
        one.signal(Ok(()));
        fence.set_deadline(Instant::now());
        assert_eq!(seen.deadlines.load(Relaxed), 102);
        Ok(())
    }

    #[test]
    fn nothing_is_called_after_the_signal() -> Result {
        let (context, seen) = device()?;
        let one = job(&context, 0)?;
        let fence = one.fence();

        one.signal(Ok(()));
        fence.enable_signaling();
        assert!(fence.is_signaled());
        assert_eq!(fence.status(), FenceStatus::Signaled);
        assert_eq!(seen.enabled.load(Relaxed) + seen.polled.load(Relaxed), 0);
        drop(context);
        Ok(())
    }

    /// Operations are running while the fence signals and its context goes; what
    /// they are lent must be there until they are done.
    #[test]
    fn race_of_operation_with_signal_and_drop() -> Result {
        let mut turn = 0;

        assert!(race(
            || {
                let (context, seen) = device()?;
                let driver = job(&context, 200)?;
                let fence = driver.fence();

                Ok(((context, driver, seen), fence))
            },
            |(context, driver, seen)| {
                // Every other time an operation has begun; otherwise it is about to.
                turn += 1;
                if turn % 2 == 0 {
                    spin_until(|| seen.deadlines.load(Relaxed) != 0);
                }
                driver.signal(Ok(()));
                drop(context);
                seen
            },
            |fence| {
                fence.set_deadline(Instant::now());
                fence.is_signaled();
                fence.enable_signaling();
                fence.status();
            },
            |seen, ()| {
                ensure!(!seen.dead.load(Relaxed));
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }

    /// An operation finds the fence complete while its context goes: the irq_work
    /// that follows must find the context in place, or not run.
    #[test]
    fn race_of_completing_operation_with_drop() -> Result {
        let mut turn = 0;

        assert!(race(
            || {
                let (context, seen) = device()?;
                let driver = job(&context, 10)?;
                let fence = driver.fence();

                seen.on_enable.store(0, Relaxed);
                Ok(((context, driver, seen), fence))
            },
            |(context, driver, seen)| {
                // As above.
                turn += 1;
                if turn % 2 == 0 {
                    spin_until(|| seen.enabled.load(Relaxed) != 0);
                }
                drop(context);
                ensure!(driver.signal(Ok(())) == SignalOutcome::TooLate);
                Ok(seen)
            },
            |fence| {
                fence.enable_signaling();
                fence
            },
            |seen, fence| {
                ensure!(!seen?.dead.load(Relaxed));
                ensure!(fence.test_signaled_flag());
                ensure!(matches!(fence.error(), None | Some(ECANCELED)));
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }
}
