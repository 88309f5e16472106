// SPDX-License-Identifier: GPL-2.0

//! Races for the order of a context's fences, between two CPUs.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_order)]
mod tests {
    use super::*;

    #[test]
    fn later_is_by_seqno_within_a_context() -> Result {
        let context = fixture::context()?;
        let (one, two) = (next(&context)?, next(&context)?);
        let (_other, foreign) = fixture::fence()?;
        let (a, b) = (one.fence(), two.fence());

        assert_eq!(b.is_later(&a), Some(true));
        assert_eq!(a.is_later(&b), Some(false));
        assert_eq!(a.is_later(&a), Some(false));
        assert_eq!(a.is_later_or_same(&a), Some(true));
        assert_eq!(a.is_later_or_same(&b), Some(false));
        assert_eq!(b.is_later_or_same(&a), Some(true));

        let c = foreign.as_fence();
        assert_eq!(a.is_later(c), None);
        assert_eq!(a.is_later_or_same(c), None);
        assert!(a.later(c).is_none());

        assert_eq!((a.later(&b), b.later(&a)), (Some(&*b), Some(&*b)));
        assert_eq!(a.later(&a), Some(&*a));
        one.signal(Ok(()));
        two.signal(Ok(()));
        // Signalled or not.
        assert_eq!(a.later(&b), Some(&*b));
        foreign.signal(Ok(()));
        Ok(())
    }

    #[test]
    fn seqnos_are_compared_in_64_bits() -> Result {
        let context = fixture::context()?;
        let early = context.new_fence_at(context.new_fence_allocation(())?, 1)?;
        // In 32 bits, this comes before.
        let late = context.new_fence_at(context.new_fence_allocation(())?, 0x1_8000_0002)?;

        assert_eq!(late.seqno(), 0x1_8000_0002);
        assert_eq!(late.as_fence().is_later(early.as_fence()), Some(true));
        assert_eq!(early.as_fence().is_later(late.as_fence()), Some(false));
        context.signal_up_to(late.seqno());
        Ok(())
    }

    #[test]
    fn race_of_two_handles_signals_in_order() -> Result {
        assert!(race(
            || {
                let context = fixture::context()?;
                let (one, two) = (next(&context)?, next(&context)?);
                let seen = Trace::new()?;
                let callbacks = trace(&seen, &[&one, &two])?;

                Ok(((context, callbacks, seen, two), one))
            },
            |(context, callbacks, seen, two)| (two.signal(Ok(())), context, callbacks, seen),
            |one| one.signal(Err(EIO)),
            |(first, _context, _callbacks, seen), second| {
                ensure!(first != SignalOutcome::TooLate && second != SignalOutcome::TooLate);
                ensure!(seen.is(&[1, 2]));
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }

    #[test]
    fn race_of_handle_and_context_has_one_winner() -> Result {
        assert!(race(
            || {
                let (context, driver) = fixture::fence()?;
                let fence = driver.fence();

                Ok(((context, fence), driver))
            },
            |(context, fence)| (context.cancel_all(ENODEV), fence),
            |driver| driver.signal(Ok(())) != SignalOutcome::TooLate,
            |(cancelled, fence), signalled| {
                ensure!(fence.test_signaled_flag());
                // Exactly one of them set the result.
                ensure!(fence.error() == if signalled { None } else { Some(ENODEV) });
                ensure!(cancelled == 1 || signalled);
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }

    #[test]
    fn race_of_publication_and_signal_loses_nothing() -> Result {
        assert!(race(
            || {
                let context = kernel::sync::Arc::new(fixture::context()?, GFP_KERNEL)?;
                let memory = [
                    context.new_fence_allocation(())?,
                    context.new_fence_allocation(())?,
                ];

                context
                    .new_fence(context.new_fence_allocation(())?)
                    .signal(Ok(()));
                Ok(((context.clone(), memory), context))
            },
            |(context, memory)| {
                let fences = memory.map(|memory| context.new_fence(memory));

                (context, fences)
            },
            |context| context.signal_up_to(2),
            |(context, [two, three]), early| {
                ensure!(two.seqno() == 2 && three.seqno() == 3);
                ensure!(two.as_fence().test_signaled_flag() == (early == 1));
                ensure!(!three.as_fence().test_signaled_flag());
                ensure!(context.signal_up_to(3) == 2 - early);
                ensure!(
                    two.signal(Ok(())) == SignalOutcome::TooLate
                        && three.signal(Ok(())) == SignalOutcome::TooLate
                );
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }
}
