// SPDX-License-Identifier: GPL-2.0

//! Timelines whose user picks the points.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_points)]
mod tests {
    use super::*;
    use dma_buf::SeqnoError;

    fn at(context: &FenceContext<Mock>, seqno: u64) -> Result<DriverFence<Mock>> {
        Ok(context.new_fence_at(context.new_fence_allocation(())?, seqno)?)
    }

    #[test]
    fn points_in_any_order_signal_in_their_order() -> Result {
        let context = fixture::points()?;
        let (seven, three, five) = (at(&context, 7)?, at(&context, 3)?, at(&context, 5)?);
        let seen = Trace::new()?;
        let _callbacks = trace(&seen, &[&seven, &three, &five])?;

        assert_eq!(seven.seqno(), 7);
        assert_eq!(seven.signal(Ok(())), SignalOutcome::InTurn);
        assert!(seen.is(&[]));
        assert_eq!(context.signal_up_to(4), 1);
        assert!(seen.is(&[3]));
        assert_eq!(context.signal_up_to(6), 2);
        assert!(seen.is(&[3, 5, 7]));
        drop((three, five));
        Ok(())
    }

    #[test]
    fn passed_point_is_born_signalled() -> Result {
        let context = fixture::points()?;
        let ten = at(&context, 10)?;

        assert_ne!(ten.signal(Ok(())), SignalOutcome::TooLate);
        for seqno in [4, 10] {
            let memory = context.new_fence_allocation(())?;
            // Nothing that is left to an interrupt. (On PREEMPT_RT, the lock may sleep.)
            let irqs = (!cfg!(CONFIG_PREEMPT_RT)).then(local_interrupt_disable);
            let late = context.new_fence_at(memory, seqno)?;

            assert!(late.as_fence().test_signaled_flag());
            drop(irqs);
            assert_eq!(late.as_fence().status(), FenceStatus::Signaled);
            assert_eq!(late.signal(Err(EIO)), SignalOutcome::TooLate);
        }
        let eleven = at(&context, 11)?;
        assert_eq!(eleven.as_fence().status(), FenceStatus::Pending);
        assert_ne!(eleven.signal(Ok(())), SignalOutcome::TooLate);
        Ok(())
    }

    #[test]
    fn equal_points_are_passed_together() -> Result {
        let context = fixture::points()?;
        let (a, b) = (at(&context, 5)?, at(&context, 5)?);
        let fences = [a.fence(), b.fence()];

        assert_eq!(context.signal_up_to(5), 2);
        assert_eq!(fences[0].status(), FenceStatus::Signaled);
        assert_eq!(fences[1].status(), FenceStatus::Signaled);
        drop((a, b));
        Ok(())
    }

    /// A reservation object or a merge keeps any one of them for all.
    #[test]
    fn equal_points_signal_once_all_are_complete() -> Result {
        let context = fixture::points()?;
        let (a, b) = (at(&context, 5)?, at(&context, 5)?);
        let fences = [a.fence(), b.fence()];

        assert_eq!(b.signal(Err(EIO)), SignalOutcome::InTurn);
        assert_eq!(fences[1].status(), FenceStatus::Pending);
        // One that comes late is waited for, too, and completes nobody.
        let late = at(&context, 5)?;
        assert_eq!(a.signal(Ok(())), SignalOutcome::InTurn);
        assert_eq!(fences[0].status(), FenceStatus::Pending);
        let fence = late.fence();
        assert_eq!(late.signal(Err(EBUSY)), SignalOutcome::Signaled);
        assert_eq!(fences[0].status(), FenceStatus::Signaled);
        assert_eq!(fences[1].status(), FenceStatus::Error(EIO));
        assert_eq!(fence.status(), FenceStatus::Error(EBUSY));
        // Now it has passed.
        let after = at(&context, 5)?;
        assert_eq!(after.as_fence().status(), FenceStatus::Signaled);
        drop(after);
        Ok(())
    }

    #[test]
    fn passing_a_point_does_not_part_those_of_a_later_one() -> Result {
        let context = fixture::points()?;
        let (one, a, b) = (at(&context, 1)?, at(&context, 7)?, at(&context, 7)?);
        let fences = [a.fence(), b.fence()];

        assert_eq!(a.signal(Ok(())), SignalOutcome::InTurn);
        assert_eq!(context.signal_up_to(1), 1);
        assert_eq!(fences[0].status(), FenceStatus::Pending);
        assert_eq!(b.signal(Err(EIO)), SignalOutcome::Signaled);
        assert_eq!(fences[0].status(), FenceStatus::Signaled);
        assert_eq!(fences[1].status(), FenceStatus::Error(EIO));
        drop(one);
        Ok(())
    }

    #[test]
    fn equal_points_go_together_where_numbers_are_given_out_later() -> Result {
        let context = fixture::points()?;
        let (a, b) = (at(&context, 5)?, at(&context, 5)?);
        let six = fixture::next(&context)?;
        let fences = [a.fence(), b.fence()];

        assert_eq!(a.signal(Ok(())), SignalOutcome::InTurn);
        assert_eq!(fences[0].status(), FenceStatus::Pending);
        assert_eq!(b.signal(Err(EIO)), SignalOutcome::Signaled);
        assert_eq!(fences[0].status(), FenceStatus::Signaled);
        assert_eq!(fences[1].status(), FenceStatus::Error(EIO));
        assert_ne!(six.signal(Ok(())), SignalOutcome::TooLate);
        Ok(())
    }

    #[test]
    fn end_of_the_numbers_is_no_overflow() -> Result {
        let context = fixture::points()?;
        let (last, after) = (at(&context, u64::MAX)?, fixture::next(&context)?);
        let seen = Trace::new()?;
        let _callbacks = trace(&seen, &[&last, &after])?;
        let fences = [last.fence(), after.fence()];

        assert_eq!(after.seqno(), u64::MAX);
        assert_ne!(after.signal(Err(EIO)), SignalOutcome::TooLate);
        assert_eq!(fences[1].status(), FenceStatus::Pending);
        assert_ne!(last.signal(Ok(())), SignalOutcome::TooLate);
        assert!(seen.is(&[u64::MAX, u64::MAX]));
        assert_eq!(fences[1].status(), FenceStatus::Error(EIO));
        Ok(())
    }

    /// They share the last number, and go together as any that share one.
    #[test]
    fn fences_beyond_the_end_of_the_numbers_go_together() -> Result {
        let context = fixture::points()?;

        let mut last = at(&context, u64::MAX)?;

        for _ in 0..2 {
            let after = fixture::next(&context)?;
            let fences = [last.fence(), after.fence()];

            assert_ne!(last.signal(Ok(())), SignalOutcome::TooLate);
            assert_eq!(fences[0].status(), FenceStatus::Pending);
            assert_ne!(after.signal(Err(EIO)), SignalOutcome::TooLate);
            assert_eq!(fences[0].status(), FenceStatus::Signaled);
            assert_eq!(fences[1].status(), FenceStatus::Error(EIO));
            // It has passed, but one that comes now is waited for.
            last = fixture::next(&context)?;
            assert_eq!(last.as_fence().status(), FenceStatus::Pending);
        }
        assert_ne!(last.signal(Ok(())), SignalOutcome::TooLate);
        Ok(())
    }

    #[test]
    fn seqno_that_goes_backwards_is_refused() -> Result {
        let (context, one) = fixture::fence()?;

        // Nor one that leaves no room for what comes after.
        for seqno in [0, 1, 1 << 63] {
            let refused = context.new_fence_at(context.new_fence_allocation(())?, seqno);
            assert!(matches!(refused, Err(SeqnoError(_))));
        }
        assert_eq!(at(&context, 1).map(|_| ()), Err(EINVAL));

        let nine = at(&context, 9)?;
        let ten = fixture::next(&context)?;
        assert_eq!((nine.seqno(), ten.seqno()), (9, 10));
        assert!(
            one.signal(Ok(())) != SignalOutcome::TooLate
                && nine.signal(Ok(())) != SignalOutcome::TooLate
                && ten.signal(Ok(())) != SignalOutcome::TooLate
        );
        Ok(())
    }

    /// Looks at a fence, once.
    struct Look {
        fence: ARef<Fence>,
        looked: Counter,
        signalled: Counter,
    }

    impl Delegate for Look {
        fn run(&self, _section: &SignallingSection<'_>) {
            if self.fence.test_signaled_flag() {
                self.signalled.add();
            }
            self.looked.add();
        }
    }

    /// A point that comes late, but before another, has time left when that one
    /// has not.
    #[test]
    fn bound_of_an_earlier_point_is_not_that_of_a_later_one() -> Result {
        let options = ContextOptions::new()
            .points()
            .timeout(Delta::from_millis(1000))?;

        // A guest may stand still until `nine` is late: once more.
        for _ in 0..20 {
            let context = FenceContext::with_options(c"mock", c"bound", options, Mock)?;
            let (looked, signalled) = (Counter::new()?, Counter::new()?);
            let nine = at(&context, 9)?;
            // However late the timers run, they run in order.
            let timer = Timer::new(Look {
                fence: nine.fence(),
                looked: looked.clone(),
                signalled: signalled.clone(),
            })?;

            timer.start(Delta::from_millis(1250));
            fsleep(Delta::from_millis(500));
            let five = at(&context, 5)?;
            let ten = fixture::next(&context)?;
            if nine.as_fence().test_signaled_flag() {
                context.cancel_all(ECANCELED);
                continue;
            }

            assert!(eventually(|| looked.get() == 1));
            assert_eq!(signalled.get(), 1);
            // What is before it goes with it.
            assert_eq!(five.as_fence().status(), FenceStatus::Error(ETIME));
            context.cancel_all(ECANCELED);
            drop((five, nine, ten));
            return Ok(());
        }
        Err(ETIME)
    }
}
