// SPDX-License-Identifier: GPL-2.0

//! Moving a buffer: evict, allocate, clear, over and over. Each job waits for an
//! array of dependencies, some of which are a foreign driver's; it becomes a point
//! on a timeline; and the timeline's tail goes into the next job's array.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_migration)]
mod tests {
    use super::*;
    use crate::fixture::foreign;

    const ROUNDS: u64 = 1000;

    /// How many jobs are on their way at most.
    const DEPTH: u64 = 8;

    /// A job runs when its dependencies have signalled: this stands for the job.
    struct Job {
        _run: Option<FenceProxy<Mock>>,
        done: Option<ARef<Fence>>,
    }

    struct Migration {
        /// Evicting, allocating and clearing.
        engines: [FenceContext<Mock>; 3],
        jobs: KVec<Job>,
        tail: Option<ARef<Fence>>,
        device: foreign::Device,
    }

    impl Migration {
        fn new() -> Result<Self> {
            let mut jobs = KVec::new();

            for _ in 0..DEPTH {
                let idle = Job {
                    _run: None,
                    done: None,
                };

                jobs.push(idle, GFP_KERNEL)?;
            }
            Ok(Self {
                engines: [
                    fixture::context()?,
                    fixture::context()?,
                    fixture::context()?,
                ],
                jobs,
                tail: None,
                device: foreign::Device::new(2)?,
            })
        }

        /// What a job has to wait for: the timeline, and what the foreign driver
        /// does with the buffer. One way to make that, or the other.
        fn dependencies(&self, round: u64) -> Result<UnwrappedFence> {
            let theirs = match round % 4 {
                0 => self.device.nest(foreign::Shape::FOREIGN_CHAIN_OF_ARRAYS, 3),
                1 => self.device.nest(foreign::Shape::FOREIGN_ARRAYS, 1),
                2 => self.device.nest(foreign::Shape::FOREIGN_MIXED, 3),
                _ => self.device.submit(),
            }?;

            let Some(tail) = &self.tail else {
                return theirs.to_unwrapped();
            };
            if round % 2 == 0 {
                return unwrap_merge([&**tail, &theirs]);
            }
            let mut all = leaves(tail)?;
            for leaf in leaves(&theirs)? {
                all.push(leaf, GFP_KERNEL)?;
            }
            dedup_array(&mut all);
            FenceArray::create(all)
        }

        /// One job of each round.
        fn submit(&mut self, round: u64) -> Result {
            let dependencies = self.dependencies(round)?;
            let link = FenceChainAllocation::new()?;
            let run = FenceProxyAllocation::new()?;
            let fence = next(&self.engines[round as usize % 3])?;
            let job = &mut self.jobs[(round % DEPTH) as usize];

            if let Some(done) = job.done.take() {
                done.wait_timeout(bound())?;
            }
            job.done = Some(fence.fence());
            let link = link.append(self.tail.take(), fence.leaf(), round + 1);
            self.tail = Some(FenceChain::into_fence(link));
            job._run = Some(run.start(&dependencies, fence));

            // The foreign driver is some jobs behind.
            self.device
                .signal_up_to(self.device.last().saturating_sub(2 * DEPTH), Ok(()));
            Ok(())
        }
    }

    #[test]
    fn thousand_rounds_complete() -> Result {
        let alive = foreign::alive();
        let mut migration = Migration::new()?;

        for round in 0..ROUNDS {
            migration.submit(round)?;
        }
        let tail = migration.tail.take().ok_or(EINVAL)?;
        assert_eq!(tail.seqno(), ROUNDS);
        assert!(!tail.is_signaled());
        // The timeline keeps what is pending, not all that there was.
        assert!(length(&tail) <= DEPTH as usize + 1);

        migration.device.signal_up_to(u64::MAX, Ok(()));
        assert!(tail.wait_timeout(bound()).is_ok());
        assert!(tail.error().is_none());
        for job in &migration.jobs {
            assert!(job.done.as_ref().is_some_and(|done| done.is_signaled()));
        }
        drop(migration);
        assert!(eventually(|| references(&tail) == 1));
        drop(tail);
        assert!(eventually(|| foreign::alive() == alive));
        Ok(())
    }
}
