// SPDX-License-Identifier: GPL-2.0

//! Chains of 20 000 links, and merges as large. What is counted is links, references
//! and questions, not time.
//!
//! What recursed over that many links would be out of stack after some hundred of them.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_long)]
mod tests {
    use super::*;
    use crate::fixture::{
        foreign::{
            self,
            Device, //
        },
        workqueue::Workqueue, //
    };

    /// The documented limit of a merge.
    const MAX_MERGE: usize = 65_280;

    const LENGTH: usize = 20_000;

    /// How often the foreign driver is asked while `f` runs.
    fn asked<R>(f: impl FnOnce() -> R) -> (R, usize) {
        let before = foreign::asked();
        let result = f();

        (result, foreign::asked() - before)
    }

    /// A chain of ours, with jobs of the device in it.
    fn ours(device: &Device) -> Result<ARef<Fence>> {
        let mut tail = None;

        for point in 1..=LENGTH {
            let job = device.submit()?.to_unwrapped()?;
            let link = FenceChainAllocation::new()?.append(tail.take(), job, point as u64);

            tail = Some(FenceChain::into_fence(link));
        }
        tail.ok_or(EINVAL)
    }

    /// Theirs, or ours.
    fn chain(device: &Device, is_ours: bool) -> Result<ARef<Fence>> {
        if is_ours {
            ours(device)
        } else {
            device.nest(Shape::FOREIGN_CHAIN, LENGTH as u32)
        }
    }

    /// And when it goes, all at once from the tail, nothing recurses, or the stack
    /// would not do.
    fn walk_find_and_release(is_ours: bool) -> Result {
        let alive = foreign::alive();
        let device = Device::new(1)?;
        let tail = chain(&device, is_ours)?;
        let half = LENGTH as u64 / 2;

        ensure!(asked(|| length(&tail)) == (LENGTH, LENGTH - 1));
        let (found, times) = asked(|| leaves(&tail));
        ensure!((found?.len(), times) == (LENGTH, LENGTH - 1));
        for after in [0, 10, LENGTH - 1] {
            let point = (LENGTH - after) as u64;
            let (found, times) = asked(|| tail.find_seqno(point));

            ensure!(found?.is_some_and(|link| link.seqno() == point));
            ensure!(times == after);
        }
        // They are of one ring, so the last stands for all.
        let (merged, times) = asked(|| unwrap_merge([&*tail]));
        ensure!(merged?
            .as_leaf()
            .is_some_and(|leaf| leaf.seqno() == LENGTH as u64));
        ensure!(times == 2 * LENGTH - 1);

        // Looking gives back what has signalled.
        device.signal_up_to(half, Ok(()));
        ensure!(foreign::alive() - alive == LENGTH);
        ensure!(tail.find_seqno(half / 2)?.is_none());
        ensure!(foreign::alive() - alive == LENGTH / 2);

        let first = tail.find_seqno(half + 1)?.ok_or(EINVAL)?;
        let link = first.as_chain().ok_or(EINVAL)?;
        let contained = fence(link.contained());
        ensure!((references(&first), references(&contained)) == (2, 3));
        drop(tail);
        ensure!((references(&first), references(&contained)) == (1, 3));
        drop(first);
        ensure!(references(&contained) == 2);
        drop((contained, device));
        ensure!(eventually(|| foreign::alive() == alive));
        Ok(())
    }

    #[test]
    fn theirs_is_walked_searched_and_released() -> Result {
        assert!(walk_find_and_release(false).is_ok());
        Ok(())
    }

    #[test]
    fn ours_is_walked_searched_and_released() -> Result {
        assert!(walk_find_and_release(true).is_ok());
        Ok(())
    }

    #[test]
    fn waiting_for_it_ends() -> Result {
        let device = Arc::new(Device::new(1)?, GFP_KERNEL)?;
        let tail = chain(&device, false)?;
        let woken = Counter::new()?;
        let queue = Workqueue::new()?;

        for is_unwrapped in [false, true] {
            let (tail, woken) = (tail.clone(), woken.clone());

            queue.spawn_on(0, move || {
                let fence = if is_unwrapped {
                    tail.to_unwrapped()
                        .map_or(tail.clone(), |fence| fence.into_fence())
                } else {
                    tail
                };

                if fence.wait_timeout(bound()).is_ok() {
                    woken.add();
                }
            })?;
        }
        for number in 1..=LENGTH {
            device.signal_up_to(number as u64, Ok(()));
            if number % 256 == 0 {
                // Others want the CPU, too.
                fsleep(Delta::from_micros(20));
            }
        }
        drop(queue);
        assert_eq!(woken.get(), 2);
        assert!(tail.is_signaled());
        assert_eq!(length(&tail), 1);
        Ok(())
    }

    /// A timeline that is looked at now and then keeps what is pending; it may be
    /// as long as it will.
    #[test]
    fn timeline_that_is_looked_at_keeps_what_is_pending() -> Result {
        const PENDING: u64 = 16;
        let alive = foreign::alive();
        let device = Device::new(1)?;
        let mut tail = None::<ARef<Fence>>;
        let mut most = 0;

        for point in 1..=LENGTH as u64 {
            let job = device.submit()?.to_unwrapped()?;
            let link = FenceChainAllocation::new()?.append(tail.take(), job, point);

            device.signal_up_to(point.saturating_sub(PENDING), Ok(()));
            if point % 64 == 0 {
                assert!(length(&link) as u64 <= PENDING);
            }
            most = most.max(foreign::alive() - alive);
            tail = Some(FenceChain::into_fence(link));
        }
        assert!(most <= 64 + PENDING as usize);
        Ok(())
    }

    /// That there are too many is found out before all of them are looked at.
    #[test]
    fn merge_of_too_many_contexts_ends_early() -> Result {
        let alive = foreign::alive();
        let device = Device::new(MAX_MERGE as u32 + 1)?;
        let mut jobs = KVVec::new();
        let mut many = KVVec::new();

        for _ in 0..=MAX_MERGE {
            jobs.push(device.submit()?, GFP_KERNEL)?;
        }
        for _ in 0..4 {
            for job in &jobs {
                many.push(job.clone(), GFP_KERNEL)?;
            }
        }
        let (merged, times) = asked(|| unwrap_merge(many.iter().map(|job| &**job)));
        assert_eq!(merged.map(|_| ()), Err(E2BIG));
        assert!(times <= 3 * MAX_MERGE);
        // One less will do, and any number of times.
        device.signal_up_to(1, Ok(()));
        let merged = unwrap_merge(many.iter().map(|job| &**job))?;
        assert!(merged
            .as_array()
            .is_some_and(|array| array.len() == MAX_MERGE));
        device.signal_up_to(u64::MAX, Ok(()));
        assert!(merged.is_signaled());
        drop((merged, many, jobs, device));
        assert!(eventually(|| foreign::alive() == alive));
        Ok(())
    }
}
