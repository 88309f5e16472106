// SPDX-License-Identifier: GPL-2.0

//! Work items that own what they work on.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_work)]
mod tests {
    use super::*;
    use dma_buf::{
        callback::QueueWork,
        delegate::SignallingWork, //
    };

    struct Item {
        runs: Counter,
        /// How long the body sleeps, in ms.
        sleep: i64,
        ends: Counter,
        _drops: Droppable,
    }

    impl Delegate for Item {
        fn run(&self, _section: &SignallingSection<'_>) {
            self.runs.add();
            if self.sleep != 0 {
                fsleep(Delta::from_millis(self.sleep));
            }
            self.ends.add();
        }
    }

    /// A work, how often its body has begun and ended, and its item was dropped.
    fn work(sleep: i64) -> Result<(SignallingWork<Item>, Counter, Counter, Counter)> {
        let (runs, ends, drops) = (Counter::new()?, Counter::new()?, Counter::new()?);
        let work = SignallingWork::new(Item {
            runs: runs.clone(),
            sleep,
            ends: ends.clone(),
            _drops: Droppable(drops.clone()),
        })?;

        Ok((work, runs, ends, drops))
    }

    #[test]
    fn runs_once_each_time_it_is_queued() -> Result {
        let (work, runs, _, drops) = work(0)?;

        work.flush();
        assert_eq!(runs.get(), 0);
        for n in 1..=5 {
            assert!(work.queue());
            work.flush();
            assert_eq!(runs.get(), n);
        }
        assert_eq!(drops.get(), 0);
        drop(work);
        assert!(once(&drops));
        Ok(())
    }

    #[test]
    fn cancel_waits_for_the_body() -> Result {
        // A guest may stand still until the body has ended: once more.
        for _ in 0..20 {
            let (work, runs, ends, _) = work(30)?;

            work.queue();
            assert!(eventually(|| runs.get() == 1));
            let is_running = ends.get() == 0;
            assert!(!work.cancel());
            assert_eq!(ends.get(), 1);
            if is_running {
                return Ok(());
            }
        }
        Err(ETIME)
    }

    #[test]
    fn dropped_while_queued_it_still_runs() -> Result {
        let (work, runs, ends, drops) = work(20)?;

        work.queue();
        drop(work);
        assert!(once(&drops));
        assert_eq!((runs.get(), ends.get()), (1, 1));
        Ok(())
    }

    #[test]
    fn callback_queues_it() -> Result {
        let (_context, driver) = fixture::fence()?;
        let (work, runs, _, drops) = work(0)?;
        let mut callback = registration()?;

        callback
            .as_mut()
            .register(driver.as_fence(), QueueWork(work.to_ref()))?;
        // The callback keeps what it needs.
        drop(work);
        assert_eq!(runs.get(), 0);
        driver.signal(Ok(()));
        assert!(eventually(|| runs.get() == 1));
        drop(callback);
        assert!(once(&drops));
        Ok(())
    }

    #[pin_data]
    struct Signals {
        #[pin]
        fence: Mutex<Option<DriverFence<Mock>>>,
    }

    impl Delegate for Signals {
        fn run(&self, _section: &SignallingSection<'_>) {
            if let Some(fence) = self.fence.lock().take() {
                fence.signal(Err(EIO));
            }
        }
    }

    #[test]
    fn body_may_sleep_and_signal() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();
        let work = SignallingWork::new(pin_init!(Signals {
            fence <- new_mutex!(None),
        }))?;

        *work.fence.lock() = Some(driver);
        work.queue();
        assert!(fence.wait_timeout(long()).is_ok());
        assert_eq!(fence.error(), Some(EIO));
        Ok(())
    }

    #[test]
    fn race_of_queueing_and_dropping_drops_the_item_once() -> Result {
        let mut rounds = Batch::new(|(runs, drops): &(Counter, Counter)| {
            drops.get() == 1 && (1..=2).contains(&runs.get())
        });

        assert!(race(
            || {
                let (work, runs, _, drops) = work(0)?;
                let reference = work.to_ref();

                Ok(((work, runs, drops), reference))
            },
            |(work, runs, drops)| {
                work.queue();
                drop(work);
                (runs, drops)
            },
            |reference| reference.queue(),
            |left, _| rounds.add(left),
        )
        .is_ok());
        assert!(rounds.settle().is_ok());
        Ok(())
    }

    #[test]
    fn race_of_queueing_and_cancelling_keeps_count() -> Result {
        let mut rounds = Batch::new(|drops: &Counter| drops.get() == 1);

        assert!(race(
            || {
                let (work, runs, _, drops) = work(0)?;
                let reference = work.to_ref();

                Ok(((work, runs, drops), reference))
            },
            |(work, runs, drops)| {
                let cancelled = work.cancel();

                (work, cancelled, runs, drops)
            },
            |reference| reference.queue(),
            |(work, cancelled, runs, drops), queued| {
                // While it is being cancelled, nobody can queue it.
                ensure!(queued || !cancelled);
                work.flush();
                ensure!(runs.get() == i32::from(queued && !cancelled));
                drop(work);
                rounds.add(drops)
            },
        )
        .is_ok());
        assert!(rounds.settle().is_ok());
        Ok(())
    }
}
