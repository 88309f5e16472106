// SPDX-License-Identifier: GPL-2.0

//! Timers that own what they work on.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_timer)]
mod tests {
    use super::*;

    struct Item {
        runs: Counter,
        /// How long the body spins, in loops.
        slow: u32,
        ends: Counter,
        _drops: Droppable,
    }

    impl Delegate for Item {
        fn run(&self, _section: &SignallingSection<'_>) {
            self.runs.add();
            for _ in 0..self.slow {
                core::hint::spin_loop();
            }
            self.ends.add();
        }
    }

    /// A timer, how often its body has begun and ended, and its item was dropped.
    fn timer(slow: u32) -> Result<(Timer<Item>, Counter, Counter, Counter)> {
        let (runs, ends, drops) = (Counter::new()?, Counter::new()?, Counter::new()?);
        let timer = Timer::new(Item {
            runs: runs.clone(),
            slow,
            ends: ends.clone(),
            _drops: Droppable(drops.clone()),
        })?;

        Ok((timer, runs, ends, drops))
    }

    const NEVER: Delta = Delta::from_secs(600);

    #[pin_data]
    struct Signals {
        #[pin]
        fence: SpinLockIrq<Option<DriverFence<Mock>>>,
    }

    impl Delegate for Signals {
        fn run(&self, _section: &SignallingSection<'_>) {
            let fence = self.fence.lock().take();

            fence.map(|fence| fence.signal(Ok(())));
        }
    }

    #[test]
    fn body_signals_after_the_delay() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();
        let timer = Timer::new(pin_init!(Signals {
            fence <- new_spinlock_irq!(None),
        }))?;

        *timer.fence.lock() = Some(driver);
        let start = Instant::<Monotonic>::now();
        timer.start(Delta::from_millis(20));
        assert!(fence.wait_timeout(long()).is_ok());
        assert!(not_before(&fence, start + Delta::from_millis(20)));
        Ok(())
    }

    #[test]
    fn started_again_it_runs_once() -> Result {
        let (timer, runs, _, drops) = timer(0)?;

        timer.start(NEVER);
        timer.start(Delta::from_millis(-5));
        assert!(eventually(|| runs.get() == 1));
        fsleep(Delta::from_millis(5));
        assert_eq!(runs.get(), 1);
        timer.start(Delta::ZERO);
        assert!(eventually(|| runs.get() == 2));
        drop(timer);
        assert!(once(&drops));
        Ok(())
    }

    /// The sum of now and that would lie in the past.
    #[test]
    fn longest_delay_is_long() -> Result {
        let (timer, runs, _, drops) = timer(0)?;

        timer.start(Delta::from_nanos(i64::MAX));
        fsleep(Delta::from_millis(5));
        assert!(timer.cancel());
        timer.start(Delta::from_nanos(i64::MAX));
        drop(timer);
        assert!(once(&drops));
        assert_eq!(runs.get(), 0);
        Ok(())
    }

    #[test]
    fn cancelled_or_dropped_it_does_not_run() -> Result {
        let (timer, runs, _, drops) = timer(0)?;

        assert!(!timer.cancel());
        // What is due at once does not run before this ends.
        let stopped = {
            let _guard = local_interrupt_disable();

            timer.start(Delta::ZERO);
            let stopped = timer.cancel();
            timer.start(Delta::ZERO);
            drop(timer);
            stopped
        };
        assert!(stopped);
        assert!(once(&drops));
        assert_eq!(runs.get(), 0);
        Ok(())
    }

    /// Owns its own timer, until the body starts it and drops it.
    #[pin_data]
    struct DropsItself {
        #[pin]
        timer: SpinLockIrq<Option<Timer<DropsItself>>>,
        runs: Counter,
        _drops: Droppable,
    }

    impl Delegate for DropsItself {
        fn run(&self, _section: &SignallingSection<'_>) {
            let timer = self.timer.lock().take();

            self.runs.add();
            if let Some(timer) = timer {
                timer.start(Delta::ZERO);
            }
        }
    }

    #[test]
    fn dropped_by_its_body_it_does_not_run_again() -> Result {
        let (runs, drops) = (Counter::new()?, Counter::new()?);
        let (in_body, in_item) = (runs.clone(), drops.clone());
        let timer = Timer::new(pin_init!(DropsItself {
            timer <- new_spinlock_irq!(None),
            runs: in_body,
            _drops: Droppable(in_item),
        }))?;
        {
            let item: *const DropsItself = &*timer;
            // SAFETY: The item stays until a grace period after the body has run, which
            // does not before the lock is let go, with interrupts off.
            let mut slot = unsafe { &*item }.timer.lock();

            timer.start(Delta::ZERO);
            *slot = Some(timer);
        }
        assert!(once(&drops));
        assert_eq!(runs.get(), 1);
        Ok(())
    }

    /// Whether a body that has begun has ended, once, and the item was dropped.
    fn ended((runs, ends, drops): &(Counter, Counter, Counter)) -> bool {
        drops.get() == 1 && runs.get() == ends.get() && runs.get() <= 1
    }

    #[test]
    fn race_of_body_and_drop_lets_the_body_end() -> Result {
        let mut rounds = Batch::new(ended);
        let mut turn = 0;

        assert!(race(
            || {
                let (timer, runs, ends, drops) = timer(100)?;

                timer.start(Delta::from_micros(30));
                Ok(((timer, runs, ends, drops), ()))
            },
            |(timer, runs, ends, drops)| {
                // Every other time the body has begun; otherwise it is about to.
                turn += 1;
                if turn % 2 == 0 {
                    spin_until(|| runs.get() != 0);
                }
                for _ in 0..turn % 300 {
                    core::hint::spin_loop();
                }
                drop(timer);
                (runs, ends, drops)
            },
            |()| (),
            |left, ()| rounds.add(left),
        )
        .is_ok());
        assert!(rounds.settle().is_ok());
        Ok(())
    }

    #[test]
    fn race_of_start_and_cancel_leaves_nothing_running() -> Result {
        let mut rounds = Batch::new(ended);

        assert!(race(
            || {
                let (timer, runs, ends, drops) = timer(50)?;
                let timer = kernel::sync::Arc::new(timer, GFP_KERNEL)?;

                Ok(((timer.clone(), runs, ends, drops), timer))
            },
            |(timer, runs, ends, drops)| {
                timer.cancel();
                (timer, runs, ends, drops)
            },
            |timer| timer.start(Delta::from_micros(1)),
            |(timer, runs, ends, drops), ()| {
                timer.cancel();
                ensure!(runs.get() == ends.get());
                drop(timer);
                rounds.add((runs, ends, drops))
            },
        )
        .is_ok());
        assert!(rounds.settle().is_ok());
        Ok(())
    }
}
