// SPDX-License-Identifier: GPL-2.0

//! What a context promises of its fences: their order, and their end.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_context)]
mod tests {
    use super::*;
    use crate::fixture::give_up_leaked;

    #[test]
    fn seqnos_are_consecutive_from_one() -> Result {
        let context = fixture::context()?;
        let other = fixture::context()?;

        assert!(context.context() != other.context());
        for seqno in 1..=10 {
            let fence = next(&context)?;

            assert_eq!(fence.seqno(), seqno);
            assert_eq!(fence.as_fence().context(), context.context());
            fence.signal(Ok(()));
        }
        assert_eq!(
            next(&other).map(|fence| (fence.seqno(), fence.signal(Ok(()))))?,
            (1, SignalOutcome::Signaled)
        );
        Ok(())
    }

    #[test]
    fn first_seqno_is_the_drivers() -> Result {
        assert!(ContextOptions::new().first_seqno(0).is_err());
        assert!(ContextOptions::new().first_seqno(1 << 63).is_err());
        let options = ContextOptions::new().first_seqno(1 << 40)?;
        let context = FenceContext::with_options(c"mock", c"first", options, fixture::Mock)?;
        let fence = next(&context)?;

        assert_eq!(fence.seqno(), 1 << 40);
        fence.signal(Ok(()));
        // Numbers before the first have passed.
        let options = options.points();
        let context = FenceContext::with_options(c"mock", c"first", options, fixture::Mock)?;
        let memory = context.new_fence_allocation(())?;
        assert!(context
            .new_fence_at(memory, (1 << 40) - 1)?
            .detach()
            .test_signaled_flag());
        let memory = context.new_fence_allocation(())?;
        assert!(!context
            .new_fence_at(memory, 1 << 40)?
            .detach()
            .test_signaled_flag());
        Ok(())
    }

    #[test]
    fn early_completion_waits_for_those_before() -> Result {
        let context = fixture::context()?;
        let (one, two, three) = (next(&context)?, next(&context)?, next(&context)?);
        let seen = Trace::new()?;
        let _callbacks = trace(&seen, &[&three, &one, &two])?;
        let fences = [one.fence(), two.fence(), three.fence()];

        assert_eq!(three.signal(Err(EIO)), SignalOutcome::InTurn);
        assert_eq!(two.signal(Ok(())), SignalOutcome::InTurn);
        assert!(seen.is(&[]));
        for fence in &fences {
            assert_eq!(fence.status(), FenceStatus::Pending);
        }
        assert_eq!(one.signal(Err(EBUSY)), SignalOutcome::Signaled);
        assert!(seen.is(&[1, 2, 3]));
        assert_eq!(fences[0].status(), FenceStatus::Error(EBUSY));
        assert_eq!(fences[1].status(), FenceStatus::Signaled);
        assert_eq!(fences[2].status(), FenceStatus::Error(EIO));
        Ok(())
    }

    #[test]
    fn signal_up_to_keeps_results_and_leaves_the_rest() -> Result {
        let context = fixture::context()?;
        let (one, two) = (next(&context)?, next(&context)?);
        let (three, four) = (next(&context)?, next(&context)?);
        let fences = [one.fence(), two.fence(), three.fence(), four.fence()];

        assert_ne!(two.signal(Err(EIO)), SignalOutcome::TooLate);
        assert_eq!(context.signal_up_to(0), 0);
        assert_eq!(context.signal_up_to(3), 3);
        assert_eq!(context.signal_up_to(3), 0);
        assert_eq!(fences[0].status(), FenceStatus::Signaled);
        assert_eq!(fences[1].status(), FenceStatus::Error(EIO));
        assert_eq!(fences[2].status(), FenceStatus::Signaled);
        assert_eq!(fences[3].status(), FenceStatus::Pending);
        // The context came first.
        assert_eq!(one.signal(Err(EIO)), SignalOutcome::TooLate);
        assert_eq!(three.signal(Err(EIO)), SignalOutcome::TooLate);
        assert_eq!(fences[2].status(), FenceStatus::Signaled);
        assert_ne!(four.signal(Ok(())), SignalOutcome::TooLate);
        Ok(())
    }

    #[test]
    fn signal_up_to_takes_along_what_was_done() -> Result {
        let context = fixture::context()?;
        let (one, two, three) = (next(&context)?, next(&context)?, next(&context)?);
        let fence = three.fence();

        three.signal(Ok(()));
        two.signal(Ok(()));
        assert_eq!(context.signal_up_to(1), 3);
        assert!(fence.test_signaled_flag());
        drop(one);
        Ok(())
    }

    #[test]
    fn signal_one_completes_in_its_turn() -> Result {
        let context = fixture::context()?;
        let (one, two) = (next(&context)?, next(&context)?);
        let fence = two.fence();

        assert!(context.signal_seqno(2, Err(EIO)));
        assert!(!context.signal_seqno(2, Ok(())));
        assert!(!context.signal_seqno(3, Ok(())));
        assert_eq!(fence.status(), FenceStatus::Pending);
        assert!(context.signal_seqno(1, Ok(())));
        assert_eq!(fence.status(), FenceStatus::Error(EIO));
        assert_eq!(one.signal(Ok(())), SignalOutcome::TooLate);
        assert_eq!(two.signal(Ok(())), SignalOutcome::TooLate);
        Ok(())
    }

    #[test]
    fn cancel_all_signals_everything_with_its_error() -> Result {
        let context = fixture::context()?;
        let (one, two) = (next(&context)?, next(&context)?);
        let fences = [one.fence(), two.fence()];

        assert_ne!(two.signal(Ok(())), SignalOutcome::TooLate);
        assert_eq!(context.cancel_all(ENODEV), 2);
        assert_eq!(context.cancel_all(ENODEV), 0);
        assert_eq!(fences[0].status(), FenceStatus::Error(ENODEV));
        assert_eq!(fences[1].status(), FenceStatus::Signaled);
        assert_eq!(one.signal(Ok(())), SignalOutcome::TooLate);
        // The context goes on.
        assert_eq!(next(&context)?.signal(Ok(())), SignalOutcome::Signaled);
        Ok(())
    }

    #[test]
    fn dropped_context_cancels_what_is_pending() -> Result {
        let context = fixture::context()?;
        let (one, two, three) = (next(&context)?, next(&context)?, next(&context)?);
        let seen = Trace::new()?;
        let _callbacks = trace(&seen, &[&one, &two, &three])?;
        let fences = [one.fence(), two.fence(), three.fence()];

        assert_ne!(two.signal(Ok(())), SignalOutcome::TooLate);
        drop(context);
        assert!(seen.is(&[1, 2, 3]));
        assert_eq!(fences[0].status(), FenceStatus::Error(ECANCELED));
        assert_eq!(fences[1].status(), FenceStatus::Signaled);
        assert_eq!(fences[2].status(), FenceStatus::Error(ECANCELED));
        // Handles outlive their context, and have nothing left to do.
        assert_eq!(one.signal(Ok(())), SignalOutcome::TooLate);
        drop(three);
        assert_eq!(fences[0].status(), FenceStatus::Error(ECANCELED));
        Ok(())
    }

    #[test]
    fn forgotten_handle_is_cancelled_with_its_context() -> Result {
        let (context, driver) = fixture::fence()?;
        let fence = driver.fence();

        core::mem::forget(driver);
        assert_eq!(fence.status(), FenceStatus::Pending);
        drop(context);
        assert_eq!(fence.status(), FenceStatus::Error(ECANCELED));
        // SAFETY: Forgotten above; fences of `Mock` have no data.
        unsafe { give_up_leaked(&fence) };
        Ok(())
    }

    #[test]
    fn forgotten_handle_does_not_stop_the_context() -> Result {
        let context = fixture::context()?;
        let (one, two) = (next(&context)?, next(&context)?);
        let (fence, later) = (one.fence(), two.fence());

        core::mem::forget(one);
        assert_ne!(two.signal(Ok(())), SignalOutcome::TooLate);
        assert_eq!(later.status(), FenceStatus::Pending);
        assert_eq!(context.signal_up_to(1), 2);
        assert_eq!(fence.status(), FenceStatus::Signaled);
        assert_eq!(later.status(), FenceStatus::Signaled);
        // SAFETY: Forgotten above; fences of `Mock` have no data.
        unsafe { give_up_leaked(&fence) };
        Ok(())
    }

    /// What the kernel's log has about it is looked at by the suite `lockdep`.
    #[test]
    fn fence_dropped_unsignalled_is_cancelled_in_its_turn() -> Result {
        let context = FenceContext::new(c"mock", c"dropped on purpose", Mock)?;
        let (one, two, three) = (next(&context)?, next(&context)?, next(&context)?);
        let fences = [one.fence(), two.fence(), three.fence()];

        drop(two);
        drop(three);
        assert_eq!(fences[1].status(), FenceStatus::Pending);
        assert_ne!(one.signal(Ok(())), SignalOutcome::TooLate);
        assert_eq!(fences[1].status(), FenceStatus::Error(ECANCELED));
        assert_eq!(fences[2].status(), FenceStatus::Error(ECANCELED));
        Ok(())
    }

    #[test]
    fn timestamp_is_the_drivers_or_the_time_of_the_signal() -> Result {
        let context = fixture::context()?;
        let (one, two) = (next(&context)?, next(&context)?);
        let fences = [one.fence(), two.fence()];
        let stamp = Instant::now();

        assert!(fences[0].timestamp().is_none());
        assert_ne!(one.signal_timestamp(Ok(()), stamp), SignalOutcome::TooLate);
        assert!(fences[0]
            .timestamp()
            .is_some_and(|time| (time - stamp).is_zero()));

        let before = Instant::now();
        assert_ne!(two.signal(Ok(())), SignalOutcome::TooLate);
        assert!(fences[1]
            .timestamp()
            .is_some_and(|time| !(time - before).is_negative() && !time.elapsed().is_negative()));
        Ok(())
    }

    #[test]
    fn timestamp_of_early_completion_is_kept() -> Result {
        let context = fixture::context()?;
        let (one, two) = (next(&context)?, next(&context)?);
        let fence = two.fence();
        let stamp = Instant::now();

        assert_ne!(two.signal_timestamp(Ok(()), stamp), SignalOutcome::TooLate);
        assert!(fence.timestamp().is_none());
        assert_ne!(one.signal(Ok(())), SignalOutcome::TooLate);
        assert!(fence
            .timestamp()
            .is_some_and(|time| (time - stamp).is_zero()));
        Ok(())
    }

    #[test]
    fn bound_completes_what_is_late_and_all_before() -> Result {
        let bound = Delta::from_millis(500);
        let options = ContextOptions::new().timeout(bound)?;

        // A guest may stand still for that long before `two` is done: once more.
        for _ in 0..20 {
            let context = FenceContext::with_options(c"mock", c"bound", options, Mock)?;
            let start = Instant::<Monotonic>::now();
            let (one, two) = (next(&context)?, next(&context)?);
            let fences = [one.fence(), two.fence()];

            if two.signal(Ok(())) == SignalOutcome::TooLate {
                continue;
            }
            // Done, but not signalled: its time does not count, that of `one` does.
            assert!(fences[0].wait_timeout(long()).is_ok());
            assert!(not_before(&fences[0], start + bound));
            assert_eq!(fences[0].status(), FenceStatus::Error(ETIME));
            assert_eq!(fences[1].status(), FenceStatus::Signaled);
            assert_eq!(one.signal(Ok(())), SignalOutcome::TooLate);

            // A fence has its own time, from its own publication.
            let start = Instant::<Monotonic>::now();
            let three = next(&context)?;
            assert!(three.as_fence().wait_timeout(long()).is_ok());
            assert!(not_before(three.as_fence(), start + bound));
            return Ok(());
        }
        Err(ETIME)
    }

    #[test]
    fn bound_watches_the_next_after_one_has_signalled() -> Result {
        let options = ContextOptions::new().timeout(Delta::from_millis(200))?;

        // A guest may stand still until `one` is late: once more.
        for _ in 0..20 {
            let context = FenceContext::with_options(c"mock", c"bound", options, Mock)?;
            let one = next(&context)?;
            // Late enough that it is not late when the first would be.
            fsleep(Delta::from_millis(150));
            let two = next(&context)?;
            let fence = two.fence();

            if one.signal(Ok(())) == SignalOutcome::TooLate {
                continue;
            }
            assert!(eventually(|| fence.test_signaled_flag()));
            assert_eq!(fence.status(), FenceStatus::Error(ETIME));
            // The last one of a context that goes while its timer is set.
            let _three = next(&context)?;
            drop(context);
            return Ok(());
        }
        Err(ETIME)
    }

    /// The sum of now and that would lie in the past.
    #[test]
    fn longest_bound_is_long() -> Result {
        let options = ContextOptions::new().timeout(Delta::from_nanos(i64::MAX))?;
        let context = FenceContext::with_options(c"mock", c"bound", options, Mock)?;
        let (one, two) = (next(&context)?, next(&context)?);
        let fences = [one.fence(), two.fence()];

        fsleep(Delta::from_millis(5));
        assert_ne!(one.signal(Ok(())), SignalOutcome::TooLate);
        assert_eq!(fences[0].status(), FenceStatus::Signaled);
        fsleep(Delta::from_millis(5));
        assert_eq!(fences[1].status(), FenceStatus::Pending);
        assert_ne!(two.signal(Ok(())), SignalOutcome::TooLate);
        Ok(())
    }

    #[test]
    fn bound_must_be_positive() -> Result {
        for bound in [Delta::ZERO, Delta::from_nanos(-1)] {
            assert_eq!(
                ContextOptions::new().timeout(bound).map(|_| ()),
                Err(EINVAL)
            );
        }
        Ok(())
    }
}
