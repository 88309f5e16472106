// SPDX-License-Identifier: GPL-2.0

//! Two drivers on two CPUs that take each other's fences, and hand out their own:
//! one arrays of chains, the other chains of arrays. Each has a lock class for its
//! leaves; what lockdep has recorded of these is looked at in the end.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_exchange)]
mod tests {
    use super::*;
    use crate::fixture::foreign::{
        self,
        Device, //
    };

    const ROUNDS: usize = 500;

    /// How many jobs of a driver are on their way.
    const DEPTH: usize = 4;

    /// What a driver does with the other's fence, and with its own.
    trait Driver {
        /// What completes a job.
        type Job;

        /// Submits a job that is to run after `theirs`, and returns what is to be
        /// handed out for it.
        fn submit(&mut self, theirs: Option<&Fence>) -> Result<(Self::Job, ARef<Fence>)>;

        /// Waits for what the other driver has handed out.
        fn wait(&self, theirs: &Fence) -> Result;

        fn complete(&mut self, job: Self::Job);
    }

    /// Submits jobs, each after what the other driver has handed out last.
    fn run<T: Driver>(mut driver: T, ours: &RcuFence, theirs: &RcuFence) -> Result {
        let mut jobs = KVec::new();

        for round in 0..ROUNDS + DEPTH {
            if round < ROUNDS {
                let before = theirs.get();
                let (job, after) = driver.submit(before.as_deref())?;

                drop(ours.replace(Some(after)));
                jobs.push((job, before), GFP_KERNEL)?;
                // From the second job on, each waits for one of the other driver's.
                ensure!(eventually(|| theirs.get().is_some()));
            }
            // In their order: so whatever waits, the oldest job of all can run.
            if round >= DEPTH {
                let (job, before) = jobs.remove(0).map_err(|_| EINVAL)?;

                if let Some(before) = before {
                    driver.wait(&before)?;
                }
                driver.complete(job);
            }
        }
        Ok(())
    }

    /// A context of a driver, and the timeline that is made of its jobs.
    struct Ring {
        context: FenceContext<Mock>,
        tail: Option<ARef<Fence>>,
    }

    impl Ring {
        fn new(class: &CStr) -> Result<Self> {
            let options = ContextOptions::new().lock_class(LockClass::new(class)?);

            Ok(Self {
                context: FenceContext::with_options(c"exchange", class, options, Mock)?,
                tail: None,
            })
        }

        /// A job, and a link with it and with `more`.
        fn submit(&mut self, more: Option<&Fence>) -> Result<(DriverFence<Mock>, ARef<Fence>)> {
            let link = FenceChainAllocation::new()?;
            let job = next(&self.context)?;
            let flat = match more {
                Some(more) => unwrap_merge([job.as_fence(), more])?,
                None => job.leaf().into(),
            };
            let link = FenceChain::into_fence(link.append(self.tail.take(), flat, job.seqno()));

            self.tail = Some(link.clone());
            Ok((job, link))
        }
    }

    /// Hands out arrays of chains, its own and the other's, as the library makes
    /// them: flat.
    struct ArraysOfChains(Ring);

    impl Driver for ArraysOfChains {
        type Job = DriverFence<Mock>;

        fn submit(&mut self, theirs: Option<&Fence>) -> Result<(Self::Job, ARef<Fence>)> {
            let (job, link) = self.0.submit(None)?;
            let array = match theirs {
                Some(theirs) => unwrap_merge([&*link, theirs])?,
                None => unwrap_merge([&*link])?,
            };

            Ok((job, array.into_fence()))
        }

        /// As a whole, as it is well-formed.
        fn wait(&self, theirs: &Fence) -> Result {
            theirs.wait_timeout(bound())?;
            Ok(())
        }

        fn complete(&mut self, job: Self::Job) {
            job.signal(Ok(()));
        }
    }

    /// Hands out chains of arrays.
    struct ChainsOfArrays {
        ring: Ring,
        /// Whether what the other driver hands out is against the rules.
        is_nested: bool,
    }

    impl Driver for ChainsOfArrays {
        type Job = DriverFence<Mock>;

        fn submit(&mut self, theirs: Option<&Fence>) -> Result<(Self::Job, ARef<Fence>)> {
            self.ring.submit(theirs)
        }

        fn wait(&self, theirs: &Fence) -> Result {
            if self.is_nested {
                theirs.to_unwrapped()?.wait_timeout(bound())?;
            } else {
                theirs.wait_timeout(bound())?;
            }
            Ok(())
        }

        fn complete(&mut self, job: Self::Job) {
            job.signal(Ok(()));
        }
    }

    /// The one in C, which nests whatever it gets: arrays of our chains.
    struct Foreign(Arc<Device>);

    impl Driver for Foreign {
        type Job = u64;

        fn submit(&mut self, theirs: Option<&Fence>) -> Result<(u64, ARef<Fence>)> {
            let job = self.0.submit()?;
            let chain = foreign::link(None, job.clone(), 1)?;
            let array = match theirs {
                Some(theirs) => foreign::array([chain, fence(theirs)])?,
                None => foreign::array([chain])?,
            };

            Ok((job.seqno(), array))
        }

        fn wait(&self, theirs: &Fence) -> Result {
            theirs.wait_timeout(bound())?;
            Ok(())
        }

        fn complete(&mut self, job: u64) {
            self.0.signal_up_to(job, Ok(()));
        }
    }

    /// Has a driver run on a CPU, which has a slot of the same number.
    fn spawn<T>(cpu: u32, driver: T, slots: Arc<[RcuFence; 2]>, good: &Counter) -> Result<Thread>
    where
        T: Driver + Send + 'static,
    {
        let good = good.clone();

        Thread::spawn_on(cpu, move || {
            let (ours, theirs) = (cpu as usize, 1 - cpu as usize);

            if run(driver, &slots[ours], &slots[theirs]).is_ok() {
                good.add();
            }
        })
    }

    /// Has two drivers run on two CPUs.
    fn exchange<A, B>(one: A, two: B) -> Result
    where
        A: Driver + Send + 'static,
        B: Driver + Send + 'static,
    {
        let slots = Arc::new([RcuFence::new(None), RcuFence::new(None)], GFP_KERNEL)?;
        let good = Counter::new()?;
        let threads = [
            spawn(0, one, slots.clone(), &good)?,
            spawn(1, two, slots.clone(), &good)?,
        ];

        drop(threads);
        ensure!(good.get() == 2);
        for slot in &*slots {
            // All that was handed out has signalled.
            ensure!(slot.get().is_some_and(|last| last.is_signaled()));
        }
        Ok(())
    }

    #[test]
    fn arrays_of_chains_and_chains_of_arrays() -> Result {
        if !possible() {
            return Ok(());
        }
        let one = ArraysOfChains(Ring::new(c"driver of arrays")?);
        let two = ChainsOfArrays {
            ring: Ring::new(c"driver of chains")?,
            is_nested: false,
        };

        assert!(exchange(one, two).is_ok());
        Ok(())
    }

    #[test]
    fn foreign_driver_and_chains_of_arrays() -> Result {
        if !possible() {
            return Ok(());
        }
        let alive = foreign::alive();
        let device = Arc::new(Device::new(1)?, GFP_KERNEL)?;
        let ours = ChainsOfArrays {
            ring: Ring::new(c"driver of chains")?,
            is_nested: true,
        };

        assert!(exchange(Foreign(device), ours).is_ok());
        assert!(eventually(|| foreign::alive() == alive));
        Ok(())
    }
}
