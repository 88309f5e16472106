// SPDX-License-Identifier: GPL-2.0

//! Fences that signal when others do.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_fence_proxy)]
mod tests {
    use super::*;

    /// A proxy of a leaf.
    fn proxy(source: &Fence, target: DriverFence<Mock>) -> Result<FenceProxy<Mock>> {
        let source = source.to_unwrapped()?;

        Ok(FenceProxyAllocation::new()?.start(&source, target))
    }

    #[test]
    fn result_is_passed_on() -> Result {
        for (result, status) in [
            (Ok(()), FenceStatus::Signaled),
            (Err(EIO), FenceStatus::Error(EIO)),
        ] {
            let (_context, source) = fixture::fence()?;
            let (_other, target) = fixture::fence()?;
            let fence = target.fence();
            let _proxy = proxy(source.as_fence(), target)?;

            assert_eq!(fence.status(), FenceStatus::Pending);
            source.signal(result);
            assert!(eventually(|| fence.test_signaled_flag()));
            assert_eq!(fence.status(), status);
        }
        Ok(())
    }

    /// Neither recursion nor nesting of locks, which lockdep would report.
    #[test]
    fn chain_of_proxies_is_silent() -> Result {
        const LENGTH: usize = 8;
        let (_context, source) = fixture::fence()?;
        let mut proxies = KVec::new();
        let mut last = source.fence();

        for _ in 0..LENGTH {
            let (context, target) = fixture::fence()?;
            let fence = target.fence();

            proxies.push((context, proxy(&last, target)?), GFP_KERNEL)?;
            last = fence;
        }
        source.signal(Err(EIO));
        assert!(eventually(|| last.test_signaled_flag()));
        assert_eq!(last.status(), FenceStatus::Error(EIO));
        assert!(is_silent());
        Ok(())
    }

    #[test]
    fn array_is_passed_on_when_all_of_it_has_signalled() -> Result {
        let (context, first) = fixture::fence()?;
        let (_another, second) = fixture::fence()?;
        let (_other, target) = fixture::fence()?;
        let fence = target.fence();
        let both = unwrap_merge([first.as_fence(), second.as_fence()])?;
        let _proxy = FenceProxyAllocation::new()?.start(&both, target);

        second.signal(Ok(()));
        fsleep(Delta::from_millis(5));
        assert_eq!(fence.status(), FenceStatus::Pending);
        first.signal(Err(EIO));
        assert!(eventually(|| fence.test_signaled_flag()));
        assert_eq!(fence.status(), FenceStatus::Error(EIO));
        drop(context);
        Ok(())
    }

    #[test]
    fn signalled_source_is_passed_on_at_once() -> Result {
        let (_other, target) = fixture::fence()?;
        let fence = target.fence();
        let _proxy = proxy(&Fence::stub(), target)?;

        assert!(fence.test_signaled_flag());
        Ok(())
    }

    #[test]
    fn cancelled_proxy_gives_its_target_back() -> Result {
        let (_context, source) = fixture::fence()?;
        let (_other, target) = fixture::fence()?;
        let fence = target.fence();
        let back = proxy(source.as_fence(), target)?.cancel();

        source.signal(Ok(()));
        fsleep(Delta::from_millis(5));
        assert_eq!(fence.status(), FenceStatus::Pending);
        assert!(back.is_some_and(|target| target.signal(Err(EBUSY)) != SignalOutcome::TooLate));
        assert_eq!(fence.status(), FenceStatus::Error(EBUSY));
        Ok(())
    }

    /// The irq_work comes late, when the target has been taken back.
    #[test]
    fn late_irq_work_does_not_signal() -> Result {
        if cfg!(CONFIG_PREEMPT_RT) {
            skip("a lock may sleep, so nothing signals with interrupts off");
            return Ok(());
        }
        let (_context, source) = fixture::fence()?;
        let (_other, target) = fixture::fence()?;
        let fence = target.fence();
        let proxy = proxy(source.as_fence(), target)?;
        let back = {
            // The irq_work is queued on this CPU, and waits for this to end.
            let _guard = local_interrupt_disable();

            source.signal(Err(EIO));
            proxy.cancel()
        };

        fsleep(Delta::from_millis(5));
        assert!(!fence.test_signaled_flag());
        // Not the work, but us: it got its target back.
        assert!(back.is_some_and(|target| target.signal(Ok(())) != SignalOutcome::TooLate));
        assert_eq!(fence.status(), FenceStatus::Signaled);
        Ok(())
    }

    #[test]
    fn race_of_signal_and_cancel_has_one_winner() -> Result {
        assert!(race(
            || {
                let (context, source) = fixture::fence()?;
                let (other, target) = fixture::fence()?;
                let fence = target.fence();
                let proxy = proxy(source.as_fence(), target)?;

                Ok(((proxy, fence, context, other), source))
            },
            |(proxy, fence, context, other)| {
                let won = proxy
                    .cancel()
                    .is_some_and(|target| target.signal(Err(EBUSY)) != SignalOutcome::TooLate);

                (won, fence, context, other)
            },
            |source| source.signal(Ok(())),
            |(won, fence, _context, _other), _| {
                ensure!(eventually(|| fence.test_signaled_flag()));
                ensure!(fence.error() == won.then_some(EBUSY));
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }
}
