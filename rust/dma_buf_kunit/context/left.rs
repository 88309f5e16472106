// SPDX-License-Identifier: GPL-2.0

//! Fences that their driver leaves to the context.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_left)]
mod tests {
    use super::*;

    #[test]
    fn fence_left_to_its_context_is_completed_by_it() -> Result {
        let context = fixture::context()?;
        let one = next(&context)?.detach();
        let two = next(&context)?.detach();

        assert_eq!(one.status(), FenceStatus::Pending);
        assert_eq!(context.signal_up_to(1), 1);
        assert_eq!(one.status(), FenceStatus::Signaled);
        drop(context);
        assert_eq!(two.status(), FenceStatus::Error(ECANCELED));
        Ok(())
    }

    struct Data;

    #[vtable]
    impl FenceContextOps for Data {
        type FenceData = Droppable;
    }

    #[test]
    fn data_of_a_fence_left_is_dropped_once() -> Result {
        let drops = Counter::new()?;
        let context = FenceContext::new(c"mock", c"data", Data)?;
        let memory = context.new_fence_allocation(Droppable(drops.clone()))?;
        let fence = context.new_fence(memory).detach();

        assert_eq!(context.signal_up_to(1), 1);
        drop(fence);
        assert!(eventually(|| drops.get() == 1));
        Ok(())
    }

    /// A fence that is done and waits for one before it signals with that one, however it
    /// goes.
    #[test]
    fn no_fence_is_lost_behind_what_goes() -> Result {
        type Go = fn(&FenceContext<fixture::Mock>) -> bool;
        let ways: [Go; 4] = [
            |context| context.signal_up_to(1) == 2,
            |context| context.signal_seqno(1, Ok(())),
            |context| context.cancel_up_to(1, EIO) == 2,
            |context| context.cancel_all(EIO) == 2,
        ];

        for go in ways {
            let context = fixture::context()?;
            drop(next(&context)?.detach());
            let done = next(&context)?;
            let fence = done.fence();

            assert_ne!(done.signal(Ok(())), SignalOutcome::TooLate);
            assert!(!fence.test_signaled_flag());
            assert!(go(&context));
            assert_eq!(fence.status(), FenceStatus::Signaled);
        }

        let options = ContextOptions::new().timeout(Delta::from_millis(20))?;
        let context = FenceContext::with_options(c"mock", c"bound", options, fixture::Mock)?;
        drop(next(&context)?.detach());
        let done = next(&context)?;
        let fence = done.fence();
        done.signal(Ok(()));
        assert!(eventually(|| fence.test_signaled_flag()));

        let context = fixture::context()?;
        drop(next(&context)?.detach());
        let done = next(&context)?;
        let fence = done.fence();
        done.signal(Ok(()));
        drop(context);
        assert_eq!(fence.status(), FenceStatus::Signaled);
        Ok(())
    }

    /// What it was told of the bound.
    struct Told {
        seqno: Atomic<u64>,
        count: Atomic<i32>,
    }

    #[vtable]
    impl FenceContextOps for Told {
        type FenceData = ();

        fn expired(&self, seqno: u64, count: usize) {
            self.count.add(count as i32, Relaxed);
            self.seqno.store(seqno, Relaxed);
        }
    }

    #[test]
    fn driver_is_told_of_the_bound() -> Result {
        let options = ContextOptions::new().timeout(Delta::from_millis(20))?;
        let told = Told {
            seqno: Atomic::new(0),
            count: Atomic::new(0),
        };
        let context = FenceContext::with_options(c"mock", c"bound", options, told)?;
        let one = next(&context)?.detach();
        let two = next(&context)?;

        assert!(eventually(|| context.seqno.load(Relaxed) == 2));
        assert_eq!(context.count.load(Relaxed), 2);
        assert_eq!(one.status(), FenceStatus::Error(ETIME));
        assert_eq!(two.signal(Ok(())), SignalOutcome::TooLate);
        Ok(())
    }
}
