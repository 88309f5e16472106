// SPDX-License-Identifier: GPL-2.0

//! A fence is found complete, and those before it, about which nobody asks.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_poll)]
mod tests {
    use super::*;
    use crate::fixture::device::{
        device_with,
        Device,
        Job, //
    };

    #[test]
    fn poll_of_the_latest_signals_up_to_what_is_not_complete() -> Result {
        let (context, seen) = device()?;
        let (one, two) = (job(&context, 0)?, job(&context, 0)?);
        let (three, four) = (job(&context, 0)?, job(&context, 0)?);
        let fences = [one.fence(), two.fence(), three.fence(), four.fence()];

        // Whoever found it complete, those before it are asked about.
        assert_ne!(four.signal(Ok(())), SignalOutcome::TooLate);
        seen.complete.store(2, Release);
        fences[3].is_signaled();
        assert!(eventually(|| fences[1].test_signaled_flag()));
        assert!(fences[0].test_signaled_flag());
        // One, two, and three, which is not complete.
        assert!(eventually(|| seen.polled.load(Relaxed) == 3));
        assert!(!fences[2].test_signaled_flag());
        assert!(!fences[3].test_signaled_flag());

        seen.complete.store(3, Release);
        fences[3].is_signaled();
        assert!(eventually(|| fences[3].test_signaled_flag()));
        assert_eq!(fences[2].status(), FenceStatus::Error(EIO));
        assert_eq!(fences[3].status(), FenceStatus::Signaled);
        assert_eq!(seen.polled.load(Relaxed), 4);
        // The operation came first.
        assert!(
            one.signal(Ok(())) == SignalOutcome::TooLate
                && two.signal(Ok(())) == SignalOutcome::TooLate
                && three.signal(Ok(())) == SignalOutcome::TooLate
        );
        Ok(())
    }

    #[test]
    fn poll_of_one_found_complete_too_early_is_repeated() -> Result {
        let (context, seen) = device()?;
        let (one, two) = (job(&context, 0)?, job(&context, 0)?);
        let fences = [one.fence(), two.fence()];

        seen.on_enable.store(0, Relaxed);
        fences[1].enable_signaling();
        assert!(eventually(|| seen.polled.load(Relaxed) == 1));
        assert!(!fences[1].test_signaled_flag());

        // Its own result is fixed by now, but the first has become complete.
        seen.complete.store(1, Release);
        assert!(eventually(|| fences[1].is_signaled()));
        assert_eq!(fences[0].status(), FenceStatus::Error(EIO));
        assert_eq!(fences[1].status(), FenceStatus::Signaled);
        assert!(
            one.signal(Ok(())) == SignalOutcome::TooLate
                && two.signal(Ok(())) == SignalOutcome::TooLate
        );
        Ok(())
    }

    #[test]
    fn complete_at_enable_has_those_before_asked_about() -> Result {
        let (context, seen) = device()?;
        let (one, two) = (job(&context, 0)?, job(&context, 0)?);
        let fences = [one.fence(), two.fence()];

        seen.complete.store(1, Release);
        seen.on_enable.store(0, Relaxed);
        fences[1].enable_signaling();
        assert!(eventually(|| fences[1].test_signaled_flag()));
        assert_eq!(fences[0].status(), FenceStatus::Error(EIO));
        assert_eq!(fences[1].status(), FenceStatus::Signaled);
        assert!(
            one.signal(Ok(())) == SignalOutcome::TooLate
                && two.signal(Ok(())) == SignalOutcome::TooLate
        );
        Ok(())
    }

    /// Points that share a number signal together: the driver is asked about each.
    #[test]
    fn poll_of_equal_points_asks_about_all_of_them() -> Result {
        let (context, seen) = device_with(ContextOptions::new().points())?;
        let point = |seqno| -> Result<DriverFence<Device>> {
            let drops = Droppable(Counter::new()?);

            Ok(context
                .new_fence_at(context.new_fence_allocation(Job { drops, slow: 0 })?, seqno)?)
        };
        let (one, same, two) = (point(5)?, point(5)?, point(6)?);
        let fences = [one.fence(), same.fence(), two.fence()];

        // Complete, but waits for its equal.
        assert_ne!(one.signal(Ok(())), SignalOutcome::TooLate);
        seen.complete.store(6, Release);
        fences[2].is_signaled();
        assert!(eventually(|| fences[2].test_signaled_flag()));
        assert_eq!(fences[0].status(), FenceStatus::Signaled);
        assert_eq!(fences[1].status(), FenceStatus::Error(EIO));
        assert!(
            same.signal(Ok(())) == SignalOutcome::TooLate
                && two.signal(Ok(())) == SignalOutcome::TooLate
        );
        Ok(())
    }

    /// The driver is being asked about fences before one that was found complete,
    /// while they are signalled and their context goes.
    #[test]
    fn race_of_asking_about_those_before_with_signal_and_drop() -> Result {
        let mut turn = 0;

        assert!(race(
            || {
                let (context, seen) = device()?;
                let (one, two) = (job(&context, 100)?, job(&context, 0)?);
                let fence = two.fence();

                seen.complete.store(2, Release);
                Ok(((context, one, two, seen), fence))
            },
            |(context, one, two, seen)| {
                // Every other time somebody has asked; otherwise is about to.
                turn += 1;
                if turn % 2 == 0 {
                    spin_until(|| seen.polled.load(Relaxed) != 0);
                }
                one.signal(Ok(()));
                drop(context);
                two.signal(Ok(()));
                seen
            },
            |fence| {
                fence.is_signaled();
                fence
            },
            |seen, fence| {
                ensure!(!seen.dead.load(Relaxed));
                ensure!(fence.test_signaled_flag());
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }
}
