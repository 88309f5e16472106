// SPDX-License-Identifier: GPL-2.0

//! Fences that signal when others do.

use kernel::prelude::*;

#[kunit_tests(rust_dma_buf_forward)]
mod tests {
    use super::*;
    use crate::{
        fixture::{
            self,
            eventually,
            is_silent,
            next,
            Mock, //
        },
        race::{
            ensure,
            race, //
        },
    };
    use dma_buf::{
        CallbackError,
        Fence,
        Forward,
        SignalOutcome,
        Status, //
    };
    use kernel::{
        interrupt::local_interrupt_disable,
        time::{
            delay::fsleep,
            Delta, //
        }, //
    };

    #[test]
    fn result_is_passed_on() -> Result {
        for (result, status) in [(Ok(()), Status::Signaled), (Err(EIO), Status::Error(EIO))] {
            let (_context, source) = fixture::fence()?;
            let (_proxy, target) = fixture::fence()?;
            let fence = target.fence();
            let mut forward = Forward::new()?;

            assert!(forward.start(source.as_fence(), target).is_ok());
            assert_eq!(fence.status(), Status::Pending);
            source.signal(result);
            assert!(eventually(|| fence.test_signaled_flag()));
            assert_eq!(fence.status(), status);
        }
        Ok(())
    }

    /// Neither recursion nor nesting of locks, which lockdep would report.
    #[test]
    fn chain_of_forwards_is_silent() -> Result {
        const LENGTH: usize = 8;
        let (_context, source) = fixture::fence()?;
        let mut contexts = KVec::new();
        let mut forwards = KVec::new();
        let mut last = source.fence();

        for _ in 0..LENGTH {
            let (context, target) = fixture::fence()?;
            let fence = target.fence();
            let mut forward = Forward::new()?;

            assert!(forward.start(&last, target).is_ok());
            last = fence;
            contexts.push(context, GFP_KERNEL)?;
            forwards.push(forward, GFP_KERNEL)?;
        }
        source.signal(Err(EIO));
        assert!(eventually(|| last.test_signaled_flag()));
        assert_eq!(last.status(), Status::Error(EIO));
        assert!(is_silent());
        Ok(())
    }

    #[test]
    fn signalled_source_is_passed_on_at_once() -> Result {
        let (_proxy, target) = fixture::fence()?;
        let fence = target.fence();
        let mut forward = Forward::new()?;

        assert!(forward.start(&Fence::stub(), target).is_ok());
        assert!(fence.test_signaled_flag());
        Ok(())
    }

    #[test]
    fn busy_until_it_is_over_and_then_used_again() -> Result {
        let (context, source) = fixture::fence()?;
        let second = next(&context)?;
        let (proxy, target) = fixture::fence()?;
        let (another, fence) = (next(&proxy)?, target.fence());
        let mut forward = Forward::new()?;

        assert!(forward.start(source.as_fence(), target).is_ok());
        let Err(CallbackError::Busy(another)) = forward.start(second.as_fence(), another) else {
            return Err(EINVAL);
        };
        source.signal(Ok(()));
        assert!(eventually(|| fence.test_signaled_flag()));

        let fence = another.fence();
        assert!(forward.start(second.as_fence(), another).is_ok());
        assert_eq!(fence.status(), Status::Pending);
        second.signal(Err(EIO));
        assert!(eventually(|| fence.test_signaled_flag()));
        assert_eq!(fence.status(), Status::Error(EIO));
        Ok(())
    }

    #[test]
    fn cancelled_forward_gives_its_target_back() -> Result {
        let (_context, source) = fixture::fence()?;
        let (_proxy, target) = fixture::fence()?;
        let fence = target.fence();
        let mut forward = Forward::<Mock>::new()?;

        assert!(forward.cancel().is_none());
        assert!(forward.start(source.as_fence(), target).is_ok());
        let back = forward.cancel();
        source.signal(Ok(()));
        fsleep(Delta::from_millis(5));
        assert_eq!(fence.status(), Status::Pending);
        assert!(back.is_some_and(|target| target.signal(Err(EBUSY)) != SignalOutcome::TooLate));
        assert_eq!(fence.status(), Status::Error(EBUSY));
        Ok(())
    }

    /// The irq_work of one use comes late, when the forward waits for another
    /// source already.
    #[test]
    fn late_irq_work_does_not_signal_the_next_target() -> Result {
        let (context, first) = fixture::fence()?;
        let second = next(&context)?;
        let (proxy, target) = fixture::fence()?;
        let another = next(&proxy)?;
        let fence = another.fence();
        let mut forward = Forward::new()?;
        let mut back = None;

        assert!(forward.start(first.as_fence(), target).is_ok());
        {
            // The irq_work is queued on this CPU, and waits for this to end.
            let _guard = local_interrupt_disable();

            first.signal(Ok(()));
            if let Some(target) = forward.cancel() {
                back = Some(target);
                drop(forward.start(second.as_fence(), another));
            }
        }
        // Not the work, but us: it got its target back.
        assert!(back.is_some_and(|target| target.signal(Ok(())) != SignalOutcome::TooLate));
        fsleep(Delta::from_millis(5));
        assert!(!fence.test_signaled_flag());
        second.signal(Ok(()));
        assert!(eventually(|| fence.test_signaled_flag()));
        Ok(())
    }

    #[test]
    fn race_of_signal_and_cancel_has_one_winner() -> Result {
        assert!(race(
            || {
                let (context, source) = fixture::fence()?;
                let (proxy, target) = fixture::fence()?;
                let fence = target.fence();
                let mut forward = Forward::new()?;

                drop(forward.start(source.as_fence(), target));
                Ok(((forward, fence, context, proxy), source))
            },
            |(mut forward, fence, context, proxy)| {
                let won = forward
                    .cancel()
                    .is_some_and(|target| target.signal(Err(EBUSY)) != SignalOutcome::TooLate);

                (won, forward, fence, context, proxy)
            },
            |source| source.signal(Ok(())),
            |(won, forward, fence, _context, _proxy), _| {
                drop(forward);
                ensure!(eventually(|| fence.test_signaled_flag()));
                ensure!(fence.error() == won.then_some(EBUSY));
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }
}
