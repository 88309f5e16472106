// SPDX-License-Identifier: GPL-2.0

//! Publishing under a driver's lock that callbacks take.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_publish_locked)]
mod tests {
    use super::*;

    /// A driver: a lock, and what callbacks did under it.
    #[pin_data]
    struct Driver {
        #[pin]
        lock: SpinLockIrq<u32>,
        context: FenceContext<Mock>,
    }

    impl Driver {
        fn new() -> Result<Arc<Self>> {
            let context = fixture::context()?;

            Arc::pin_init(
                pin_init!(Self {
                    lock <- new_spinlock_irq!(0),
                    context,
                }),
                GFP_KERNEL,
            )
        }

        /// Publishes under the lock.
        fn submit(&self, context: &FenceContext<Mock>) -> Result<DriverFence<Mock>> {
            let memory = context.new_fence_allocation(())?;
            let _guard = self.lock.lock();

            Ok(context.new_fence(memory))
        }

        fn seen(&self) -> u32 {
            *self.lock.lock()
        }
    }

    /// Takes the lock when the fence signals.
    struct Locks(Arc<Driver>);

    // SAFETY: Takes an irq-safe lock for a moment, and is not leaked.
    unsafe impl FenceCallback for Locks {
        fn called(&self, _fence: &Fence) {
            *self.0.lock.lock() += 1;
        }
    }

    /// Publishes on the context of the fence that signals.
    struct Publishes(Arc<Driver>, Pin<KBox<SpinLockIrq<Memory>>>);

    type Memory = Option<dma_buf::DriverFenceAllocation<Mock>>;

    // SAFETY: As above.
    unsafe impl FenceCallback for Publishes {
        fn called(&self, _fence: &Fence) {
            let memory = self.1.lock().take();

            if let Some(memory) = memory {
                let _ = self.0.context.new_fence(memory).detach();
            }
        }
    }

    fn registration<T: FenceCallback>() -> Result<Pin<KBox<FenceCallbackRegistration<T>>>> {
        KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)
    }

    /// Signals a job whose callback takes the driver's lock.
    fn signal_with_callback(driver: &Arc<Driver>, job: DriverFence<Mock>) -> Result {
        let mut locks = registration()?;

        locks
            .as_mut()
            .register(job.as_fence(), Locks(driver.clone()))
            .map_err(|_| EBUSY)?;
        ensure!(job.signal(Ok(())) != SignalOutcome::TooLate);
        ensure!(driver.seen() == 1);
        Ok(())
    }

    #[test]
    fn on_another_context() -> Result {
        let driver = Driver::new()?;
        let other = fixture::context()?;

        assert_eq!(
            driver.submit(&other)?.signal(Ok(())),
            SignalOutcome::Signaled
        );
        signal_with_callback(&driver, next(&driver.context)?)
    }

    #[test]
    fn on_the_same_context() -> Result {
        let driver = Driver::new()?;
        let job = driver.submit(&driver.context)?;

        signal_with_callback(&driver, job)
    }

    /// A point that has passed signals as it is published.
    #[test]
    fn of_a_point_that_has_passed() -> Result {
        let driver = Driver::new()?;
        let points = fixture::points()?;
        let job = points.new_fence_at(points.new_fence_allocation(())?, 5)?;

        signal_with_callback(&driver, job)?;
        let memory = points.new_fence_allocation(())?;
        let guard = driver.lock.lock();
        let late = points.new_fence_at(memory, 4)?;
        drop(guard);
        assert_eq!(late.as_fence().status(), FenceStatus::Signaled);
        Ok(())
    }

    /// Publishes a point that has passed.
    struct PublishesPassed(Arc<FenceContext<Mock>>, Pin<KBox<SpinLockIrq<Memory>>>);

    // SAFETY: As above.
    unsafe impl FenceCallback for PublishesPassed {
        fn called(&self, _fence: &Fence) {
            let memory = self.1.lock().take();

            if let Some(Ok(late)) = memory.map(|memory| self.0.new_fence_at(memory, 1)) {
                let _ = late.detach();
            }
        }
    }

    #[test]
    fn of_a_passed_point_from_a_callback() -> Result {
        let points = Arc::new(fixture::points()?, GFP_KERNEL)?;
        let mut publishes = registration()?;
        let memory = KBox::pin_init(
            new_spinlock_irq!(Some(points.new_fence_allocation(())?)),
            GFP_KERNEL,
        )?;
        let context = fixture::context()?;
        let other = next(&context)?;

        points
            .new_fence_at(points.new_fence_allocation(())?, 2)?
            .signal(Ok(()));
        publishes
            .as_mut()
            .register(other.as_fence(), PublishesPassed(points.clone(), memory))
            .map_err(|_| EBUSY)?;
        assert_ne!(other.signal(Ok(())), SignalOutcome::TooLate);
        assert_eq!(points.first_pending_seqno(), None);
        Ok(())
    }

    #[test]
    fn race_with_the_callback() -> Result {
        let driver = Driver::new()?;
        let mut rounds = 0;

        race(
            || {
                let job = driver.submit(&driver.context)?;
                let mut locks = registration()?;

                locks
                    .as_mut()
                    .register(job.as_fence(), Locks(driver.clone()))
                    .map_err(|_| EBUSY)?;
                Ok(((), (job, locks)))
            },
            |()| driver.submit(&driver.context),
            |(job, locks)| {
                let done = job.signal(Ok(()));

                drop(locks);
                done
            },
            |published, done| {
                let published = published?;
                let fence = published.fence();

                rounds += 1;
                ensure!(done == SignalOutcome::Signaled);
                ensure!(driver.seen() == rounds);
                ensure!(published.signal(Ok(())) != SignalOutcome::TooLate);
                ensure!(fence.status() == FenceStatus::Signaled);
                Ok(())
            },
        )
    }

    #[test]
    fn from_a_callback_on_the_same_context() -> Result {
        let driver = Driver::new()?;
        let mut publishes = registration()?;
        let memory = driver.context.new_fence_allocation(())?;
        let memory = KBox::pin_init(new_spinlock_irq!(Some(memory)), GFP_KERNEL)?;
        let job = next(&driver.context)?;

        publishes
            .as_mut()
            .register(job.as_fence(), Publishes(driver.clone(), memory))
            .map_err(|_| EBUSY)?;
        assert_ne!(job.signal(Ok(())), SignalOutcome::TooLate);
        let published = driver.context.find_pending(2).ok_or(EINVAL)?;
        assert_eq!(driver.context.signal_up_to(2), 1);
        assert_eq!(published.status(), FenceStatus::Signaled);
        Ok(())
    }
}
