// SPDX-License-Identifier: GPL-2.0

//! What a long chain costs: links visited, drivers asked, references held. Chains
//! of 20 000 links are tried by the suite `long`.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_chain_cost)]
mod tests {
    use super::*;

    const LENGTH: usize = 4096;

    /// A timeline of one ring: fence n at point n.
    struct Timeline {
        /// Goes first, and what is pending signals.
        context: FenceContext<Asked>,
        asked: Asked,
        jobs: KVVec<DriverFence<Asked>>,
        links: KVVec<ARef<FenceChain>>,
    }

    impl Timeline {
        fn new() -> Result<Self> {
            let asked = Asked::new()?;
            let mut this = Self {
                context: asked.context()?,
                asked,
                jobs: KVVec::with_capacity(LENGTH, GFP_KERNEL)?,
                links: KVVec::with_capacity(LENGTH, GFP_KERNEL)?,
            };

            for _ in 0..LENGTH {
                let memory = this.context.new_fence_allocation(())?;
                let job = this.context.new_fence(memory);
                let prev = this.links.last().map(|link| fence(link));
                let link = FenceChainAllocation::new()?.append(prev, job.leaf(), job.seqno());

                this.jobs.push(job, GFP_KERNEL)?;
                this.links.push(link, GFP_KERNEL)?;
            }
            Ok(this)
        }

        fn tail(&self) -> &FenceChain {
            &self.links[LENGTH - 1]
        }

        /// How often a driver is asked while `f` runs.
        fn asked<R>(&self, f: impl FnOnce() -> R) -> (R, usize) {
            let before = self.asked.signaled.get();
            let result = f();

            (result, (self.asked.signaled.get() - before) as usize)
        }
    }

    #[test]
    fn walk_visits_what_is_pending_once() -> Result {
        let timeline = Timeline::new()?;
        let walk = || length(timeline.tail());

        // The first one is visited without a question.
        assert_eq!(timeline.asked(walk), (LENGTH, LENGTH - 1));
        timeline.context.signal_up_to(LENGTH as u64 / 2);
        assert_eq!(timeline.asked(walk), (LENGTH / 2, LENGTH / 2 - 1));
        Ok(())
    }

    #[test]
    fn walk_over_the_leaves_visits_what_is_pending_once() -> Result {
        let timeline = Timeline::new()?;
        let (found, asked) = timeline.asked(|| leaves(timeline.tail()));

        assert_eq!((found?.len(), asked), (LENGTH, LENGTH - 1));
        // Merging asks of each leaf, too; they are of one context.
        let (merged, asked) = timeline.asked(|| unwrap_merge([&**timeline.tail()]));
        assert_eq!(merged?.seqno(), LENGTH as u64);
        assert_eq!(asked, 2 * LENGTH - 1);
        Ok(())
    }

    #[test]
    fn finding_a_point_visits_those_after_it() -> Result {
        let timeline = Timeline::new()?;

        for after in [0, 1, 10, LENGTH - 1] {
            let point = (LENGTH - after) as u64;
            let (found, asked) = timeline.asked(|| timeline.tail().find_seqno(point));

            assert!(found?.is_some_and(|link| link.seqno() == point));
            assert_eq!(asked, after);
        }
        Ok(())
    }

    #[test]
    fn walk_holds_one_link() -> Result {
        let timeline = Timeline::new()?;
        let held = || -> i32 { timeline.links.iter().map(|link| references(link)).sum() };
        let before = held();
        let mut links = timeline.tail().links();
        let mut leaves = timeline.tail().leaves();

        for visited in 0..LENGTH {
            assert!(links.next().is_some());
            assert!(leaves.next()?.is_some());
            if visited % 256 == 0 {
                assert_eq!(held(), before + 2);
            }
        }
        assert!(links.next().is_none() && leaves.next()?.is_none());
        assert_eq!(held(), before);
        Ok(())
    }

    /// A link is held by the next one and by whoever asked for it, and holds its
    /// fence and the link before; no more, whatever the length.
    #[test]
    fn each_link_holds_two_references() -> Result {
        let mut timeline = Timeline::new()?;
        let tail = fence(timeline.tail());
        let free = {
            let (_context, driver) = crate::fixture::fence()?;

            references(driver.as_fence())
        };

        for (index, link) in timeline.links.iter().enumerate() {
            let is_tail = index == LENGTH - 1;

            assert_eq!(references(link), 2);
            assert_eq!(references(link.contained()), free + 1);
            assert!(!is_tail || references(&tail) == 2);
        }
        // All of them go with the tail, without recursion.
        timeline.links.clear();
        assert_eq!(references(&tail), 1);
        drop(tail);
        for job in &timeline.jobs {
            assert_eq!(references(job.as_fence()), free);
        }
        Ok(())
    }

    #[test]
    fn looking_gives_back_what_has_signalled() -> Result {
        let mut timeline = Timeline::new()?;
        let tail = fence(timeline.tail());
        let leaf = timeline.jobs[0].fence();

        timeline.links.clear();
        timeline.context.signal_up_to(LENGTH as u64 - 1);
        let before = references(&leaf);
        assert!(tail.find_seqno(LENGTH as u64 - 1)?.is_none());
        assert_eq!(references(&leaf), before - 1);
        for job in &timeline.jobs[1..LENGTH - 1] {
            assert_eq!(references(job.as_fence()), before - 2);
        }
        timeline.context.signal_up_to(LENGTH as u64);
        assert!(eventually(|| tail.is_signaled()));
        Ok(())
    }
}
