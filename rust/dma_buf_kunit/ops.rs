// SPDX-License-Identifier: GPL-2.0

//! The optional operations of a context.

use kernel::prelude::*;

#[kunit_tests(rust_dma_buf_ops)]
mod tests {
    use super::*;
    use crate::{
        fixture::{
            eventually,
            Counter,
            Droppable, //
        },
        race::{
            ensure,
            race, //
        },
    };
    use dma_buf::{
        DriverFence,
        FenceContext,
        FenceContextOps,
        Status, //
    };
    use kernel::{
        sync::{
            atomic::{
                Acquire,
                Atomic,
                Relaxed,
                Release, //
            },
            Arc, //
        },
        time::{
            Delta,
            Instant,
            Monotonic, //
        },
    };

    /// What an operation is to answer.
    const BUSY: i32 = 1;

    /// What the operations of a [`Device`] have been asked, and answer.
    struct Seen {
        enabled: Atomic<i32>,
        polled: Atomic<i32>,
        deadlines: Atomic<i32>,
        seqno: Atomic<u64>,
        on_enable: Atomic<i32>,
        /// The last sequence number that is complete.
        complete: Atomic<u64>,
        /// The data, or the context's own, had been dropped when it was lent.
        dead: Atomic<bool>,
    }

    struct Device {
        seen: Arc<Seen>,
        own: Droppable,
    }

    struct Job {
        drops: Droppable,
        /// How long an operation takes, in loops.
        slow: u32,
    }

    impl Device {
        /// What each operation does.
        fn used(&self, job: &Job, seqno: u64) {
            self.seen.seqno.store(seqno, Relaxed);
            for _ in 0..job.slow {
                core::hint::spin_loop();
            }
            if job.drops.0.get() != 0 || self.own.0.get() != 0 {
                self.seen.dead.store(true, Relaxed);
            }
        }
    }

    fn answer(error: i32) -> Option<Result> {
        match error {
            BUSY => None,
            0 => Some(Ok(())),
            error => Some(Err(Error::from_errno(error))),
        }
    }

    #[vtable]
    impl FenceContextOps for Device {
        type FenceData = Job;

        fn enable_signaling(&self, job: &Job, seqno: u64) -> Option<Result> {
            self.used(job, seqno);
            self.seen.enabled.add(1, Relaxed);
            answer(self.seen.on_enable.load(Relaxed))
        }

        fn signaled(&self, job: &Job, seqno: u64) -> Option<Result> {
            self.used(job, seqno);
            self.seen.polled.add(1, Relaxed);
            (seqno <= self.seen.complete.load(Acquire)).then_some(Err(EIO))
        }

        fn set_deadline(&self, job: &Job, seqno: u64, deadline: Instant<Monotonic>) {
            self.used(job, seqno);
            self.seen.deadlines.add(1, Relaxed);
            if deadline.elapsed().is_negative() {
                self.seen.deadlines.add(100, Relaxed);
            }
        }
    }

    fn device() -> Result<(FenceContext<Device>, Arc<Seen>)> {
        let seen = Arc::new(
            Seen {
                enabled: Atomic::new(0),
                polled: Atomic::new(0),
                deadlines: Atomic::new(0),
                seqno: Atomic::new(0),
                on_enable: Atomic::new(BUSY),
                complete: Atomic::new(0),
                dead: Atomic::new(false),
            },
            GFP_KERNEL,
        )?;
        let own = Droppable(Counter::new()?);
        let device = Device {
            seen: seen.clone(),
            own,
        };

        Ok((FenceContext::new(c"mock", c"device", device)?, seen))
    }

    fn job(context: &FenceContext<Device>, slow: u32) -> Result<DriverFence<Device>> {
        let drops = Droppable(Counter::new()?);

        Ok(context.new_fence(context.new_fence_allocation(Job { drops, slow })?))
    }

    #[test]
    fn enable_signaling_is_called_once() -> Result {
        let (context, seen) = device()?;
        let (one, two) = (job(&context, 0)?, job(&context, 0)?);

        assert_eq!(seen.enabled.load(Relaxed), 0);
        two.as_fence().enable_signaling();
        two.as_fence().enable_signaling();
        assert_eq!(seen.enabled.load(Relaxed), 1);
        assert_eq!(seen.seqno.load(Relaxed), 2);
        assert!(one.signal(Ok(())));
        assert!(two.signal(Ok(())));
        assert_eq!(seen.enabled.load(Relaxed), 1);
        Ok(())
    }

    #[test]
    fn complete_at_enable_signals_in_its_turn() -> Result {
        let (context, seen) = device()?;
        let (one, two) = (job(&context, 0)?, job(&context, 0)?);
        let fences = [one.fence(), two.fence()];

        seen.on_enable.store(EIO.to_errno(), Relaxed);
        fences[1].enable_signaling();
        // Fixed by the operation, so the handle comes too late.
        assert!(!two.signal(Ok(())));
        assert_eq!(fences[1].error(), None);
        assert!(!fences[1].test_signaled_flag());

        seen.on_enable.store(0, Relaxed);
        fences[0].enable_signaling();
        assert!(eventually(|| fences[1].test_signaled_flag()));
        assert_eq!(fences[0].status(), Status::Signaled);
        assert_eq!(fences[1].status(), Status::Error(EIO));
        assert!(!one.signal(Ok(())));
        Ok(())
    }

    #[test]
    fn poll_signals_soon_and_in_order() -> Result {
        let (context, seen) = device()?;
        let (one, two) = (job(&context, 0)?, job(&context, 0)?);
        let fences = [one.fence(), two.fence()];

        assert!(!fences[1].is_signaled());
        assert_eq!(seen.polled.load(Relaxed), 1);
        // The flag asks nobody.
        assert!(!fences[1].test_signaled_flag());
        assert_eq!(seen.polled.load(Relaxed), 1);

        seen.complete.store(2, Release);
        // The second is complete, but the first does not know yet that it is.
        fences[1].is_signaled();
        assert!(!fences[1].test_signaled_flag());
        assert!(eventually(|| fences[0].is_signaled()));
        assert!(eventually(|| fences[1].test_signaled_flag()));
        assert_eq!(fences[0].status(), Status::Error(EIO));
        assert_eq!(fences[1].status(), Status::Error(EIO));
        assert!(!two.signal(Ok(())));
        assert!(!one.signal(Ok(())));
        Ok(())
    }

    #[test]
    fn status_polls_under_the_fences_lock() -> Result {
        let (context, seen) = device()?;
        let one = job(&context, 0)?;
        let fence = one.fence();

        seen.complete.store(1, Release);
        fence.status();
        assert!(eventually(|| fence.status() == Status::Error(EIO)));
        assert!(!one.signal(Ok(())));
        Ok(())
    }

    #[test]
    fn deadline_reaches_the_driver_until_the_signal() -> Result {
        let (context, seen) = device()?;
        let one = job(&context, 0)?;
        let fence = one.fence();

        fence.set_deadline(Instant::now());
        assert_eq!(seen.deadlines.load(Relaxed), 1);
        fence.set_deadline(Instant::now() + Delta::from_secs(3600));
        assert_eq!(seen.deadlines.load(Relaxed), 102);
        one.signal(Ok(()));
        fence.set_deadline(Instant::now());
        assert_eq!(seen.deadlines.load(Relaxed), 102);
        Ok(())
    }

    #[test]
    fn nothing_is_called_after_the_signal() -> Result {
        let (context, seen) = device()?;
        let one = job(&context, 0)?;
        let fence = one.fence();

        one.signal(Ok(()));
        fence.enable_signaling();
        assert!(fence.is_signaled());
        assert_eq!(fence.status(), Status::Signaled);
        assert_eq!(seen.enabled.load(Relaxed) + seen.polled.load(Relaxed), 0);
        drop(context);
        Ok(())
    }

    /// Operations are running while the fence signals and its context goes; what
    /// they are lent must be there until they are done.
    #[test]
    fn race_of_operation_with_signal_and_drop() -> Result {
        assert!(race(
            || {
                let (context, seen) = device()?;
                let driver = job(&context, 200)?;
                let fence = driver.fence();

                Ok(((context, driver, seen), fence))
            },
            |(context, driver, seen)| {
                driver.signal(Ok(()));
                drop(context);
                seen
            },
            |fence| {
                fence.set_deadline(Instant::now());
                fence.is_signaled();
                fence.enable_signaling();
                fence.status();
            },
            |seen, ()| {
                ensure!(!seen.dead.load(Relaxed));
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }

    /// An operation finds the fence complete while its context goes: the irq_work
    /// that follows must find the context in place, or not run.
    #[test]
    fn race_of_completing_operation_with_drop() -> Result {
        assert!(race(
            || {
                let (context, seen) = device()?;
                let driver = job(&context, 10)?;
                let fence = driver.fence();

                seen.on_enable.store(0, Relaxed);
                Ok(((context, driver, seen), fence))
            },
            |(context, driver, seen)| {
                drop(context);
                ensure!(!driver.signal(Ok(())));
                Ok(seen)
            },
            |fence| {
                fence.enable_signaling();
                fence
            },
            |seen, fence| {
                ensure!(!seen?.dead.load(Relaxed));
                ensure!(fence.test_signaled_flag());
                ensure!(matches!(fence.error(), None | Some(ECANCELED)));
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }
}
