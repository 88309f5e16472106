// SPDX-License-Identifier: GPL-2.0

//! The driver's data in a fence, and when it is dropped.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_data)]
mod tests {
    use super::*;
    use kernel::time::delay::udelay;

    /// A context whose fences, like itself, count their drops.
    struct Ring(#[expect(dead_code)] Droppable);

    #[vtable]
    impl FenceContextOps for Ring {
        type FenceData = Droppable;
    }

    /// A context that counts its drop, and a fence that counts that of its data.
    fn ring() -> Result<(FenceContext<Ring>, DriverFence<Ring>, Counter, Counter)> {
        let (mine, fences) = (Counter::new()?, Counter::new()?);
        let context = FenceContext::new(c"mock", c"ring", Ring(Droppable(mine.clone())))?;
        let fence = context.new_fence(context.new_fence_allocation(Droppable(fences.clone()))?);

        Ok((context, fence, mine, fences))
    }

    struct Plain;

    #[vtable]
    impl FenceContextOps for Plain {
        type FenceData = u32;
    }

    #[test]
    fn data_is_found_by_the_number_after_the_signal() -> Result {
        let numbers = ContextNumbers::<Plain>::new(1)?;
        let others = ContextNumbers::<Plain>::new(1)?;
        let context = numbers.context(c"mock", c"numbers", ContextOptions::new(), Plain)?;
        let driver = context.new_fence(context.new_fence_allocation(7)?);
        let fence = driver.fence();

        // Of numbers above it, and below.
        let other = others.context(c"mock", c"others", ContextOptions::new(), Plain)?;
        let above = other.new_fence(other.new_fence_allocation(8)?);
        assert_eq!(numbers.data(above.as_fence()), None);
        assert_eq!(numbers.data(&fence), Some(&7));
        assert_eq!(others.data(&fence), None);
        above.signal(Ok(()));
        driver.signal(Ok(()));
        assert!(fence.downcast::<Plain>(&rcu::read_lock()).is_none());
        assert_eq!(numbers.data(&fence), Some(&7));
        drop(context);
        assert_eq!(numbers.data(&fence), Some(&7));
        // All of the range are used up.
        let another = numbers.context(c"mock", c"numbers", ContextOptions::new(), Plain);
        assert!(matches!(another, Err(error) if error == ENOSPC));
        Ok(())
    }

    #[test]
    fn data_of_a_fence_whose_handle_was_dropped_is_found() -> Result {
        let numbers = ContextNumbers::<Plain>::new(1)?;
        let context = numbers.context(c"mock", c"numbers", ContextOptions::new(), Plain)?;
        let fence = context.new_fence(context.new_fence_allocation(7)?).fence();

        // Cancelled with the handle, which was dropped.
        assert_eq!(numbers.data(&fence), Some(&7));
        assert_eq!(numbers.data(&Fence::stub()), None);
        Ok(())
    }

    #[test]
    fn range_of_more_than_32_bits_is_one_range() -> Result {
        const COUNT: u64 = 3 << 32;
        let numbers = ContextNumbers::<Plain>::new(COUNT)?;
        let first = numbers.context(c"mock", c"first", ContextOptions::new(), Plain)?;
        let after = FenceContext::new(c"mock", c"after", Plain)?;

        assert!(after.context() >= first.context() + COUNT);
        let fence = first.new_fence(first.new_fence_allocation(7)?).fence();
        assert_eq!(numbers.data(&fence), Some(&7));
        let fence = after.new_fence(after.new_fence_allocation(8)?).fence();
        assert_eq!(numbers.data(&fence), None);
        Ok(())
    }

    /// The kernel's counter has 64 bits: with all of them taken it would begin again.
    #[test]
    fn range_is_bounded() -> Result {
        for count in [(1 << 44) + 1, u64::MAX] {
            assert!(ContextNumbers::<Plain>::new(count).is_err_and(|error| error == E2BIG));
        }
        let before = FenceContext::new(c"mock", c"before", Plain)?;
        assert!(ContextNumbers::<Plain>::new(u64::MAX).is_err());
        let after = FenceContext::new(c"mock", c"after", Plain)?;

        assert!(after.context() > before.context());
        assert!(after.context() - before.context() < 1 << 32);
        Ok(())
    }

    #[test]
    fn dropped_once_after_the_signal() -> Result {
        let (_context, driver, _, data) = ring()?;
        let fence = driver.fence();

        driver.signal(Ok(()));
        // Though references to the fence are left.
        assert!(once(&data));
        drop(fence);
        assert!(once(&data));
        Ok(())
    }

    #[test]
    fn lives_as_long_as_the_handle() -> Result {
        let (context, driver, _, data) = ring()?;

        context.signal_up_to(1);
        rcu::rcu_barrier();
        assert_eq!(data.get(), 0);
        assert_eq!(driver.data().0.get(), 0);
        drop(driver);
        assert!(once(&data));
        Ok(())
    }

    #[test]
    fn lives_until_the_signal() -> Result {
        let (context, driver, _, data) = ring()?;
        let second = Counter::new()?;
        let later = context.new_fence(context.new_fence_allocation(Droppable(second.clone()))?);

        // Done, its handle gone, but not its turn.
        later.signal(Ok(()));
        rcu::rcu_barrier();
        assert_eq!(second.get(), 0);
        driver.signal(Ok(()));
        assert!(once(&second));
        assert!(once(&data));
        Ok(())
    }

    #[test]
    fn dropped_once_when_the_context_goes_first() -> Result {
        let (context, driver, mine, data) = ring()?;

        drop(context);
        assert!(once(&mine));
        assert_eq!(data.get(), 0);
        drop(driver);
        assert!(once(&data));
        Ok(())
    }

    #[test]
    fn dropped_once_when_the_handle_goes_first() -> Result {
        let (context, driver, mine, data) = ring()?;

        driver.signal(Ok(()));
        drop(context);
        assert!(once(&mine));
        assert!(once(&data));
        Ok(())
    }

    #[test]
    fn never_dropped_inside_a_read_side_section() -> Result {
        let (context, driver, mine, data) = ring()?;
        let early = {
            let _guard = rcu::read_lock();

            driver.signal(Ok(()));
            drop(context);
            for _ in 0..50 {
                udelay(Delta::from_micros(1000));
            }
            (data.get(), mine.get())
        };

        assert_eq!(early, (0, 0));
        assert!(once(&data));
        assert!(once(&mine));
        Ok(())
    }

    #[test]
    fn unused_allocation_drops_it_at_once() -> Result {
        let (context, driver, _, _) = ring()?;
        let data = Counter::new()?;
        let memory = context.new_fence_allocation(Droppable(data.clone()))?;

        assert_eq!(data.get(), 0);
        drop(memory);
        assert_eq!(data.get(), 1);
        driver.signal(Ok(()));
        Ok(())
    }

    #[test]
    fn downcast_finds_only_its_own_while_pending() -> Result {
        let (_context, driver, _, data) = ring()?;
        let (_other, foreign) = fixture::fence()?;
        let fence = driver.fence();
        data.add();
        let (ours, mistaken, theirs, neither) = {
            let guard = rcu::read_lock();
            let foreign = foreign.as_fence();

            (
                fence.downcast::<Ring>(&guard).map(|(_, data)| data.0.get()),
                fence.downcast::<Mock>(&guard).is_some(),
                foreign.downcast::<Mock>(&guard).is_some(),
                foreign.downcast::<Ring>(&guard).is_some()
                    || dma_buf::Fence::stub().downcast::<Ring>(&guard).is_some(),
            )
        };

        assert_eq!(ours, Some(1));
        assert!(!mistaken && theirs && !neither);
        driver.signal(Ok(()));
        foreign.signal(Ok(()));
        let ours = fence.downcast::<Ring>(&rcu::read_lock()).is_some();
        assert!(!ours);
        Ok(())
    }

    #[test]
    fn race_of_handle_and_context_drops_it_once() -> Result {
        let mut rounds = Batch::new(|data: &Counter| data.get() == 1);

        assert!(race(
            || {
                let (context, driver, _, data) = ring()?;
                Ok(((context, data), driver))
            },
            |(context, data)| {
                drop(context);
                data
            },
            |driver| driver.signal(Ok(())),
            |data, _| rounds.add(data),
        )
        .is_ok());
        assert!(rounds.settle().is_ok());
        Ok(())
    }
}
