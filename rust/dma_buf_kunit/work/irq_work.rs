// SPDX-License-Identifier: GPL-2.0

//! irq_work that owns what it works on.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_irq_work)]
mod tests {
    use super::*;
    use dma_buf::delegate::IrqWorkRef;

    struct Item {
        runs: Counter,
        _drops: Droppable,
    }

    impl Delegate for Item {
        fn run(&self, _section: &SignallingSection<'_>) {
            self.runs.add();
        }
    }

    /// A work, how often it has run, and how often its item was dropped.
    fn work() -> Result<(IrqWork<Item>, Counter, Counter)> {
        let (runs, drops) = (Counter::new()?, Counter::new()?);
        let work = IrqWork::new(Item {
            runs: runs.clone(),
            _drops: Droppable(drops.clone()),
        })?;

        Ok((work, runs, drops))
    }

    #[test]
    fn runs_once_each_time_it_is_queued() -> Result {
        let (work, runs, drops) = work()?;

        work.sync();
        assert_eq!(runs.get(), 0);
        for n in 1..=10 {
            assert!(work.queue());
            work.sync();
            assert_eq!(runs.get(), n);
            assert!(!work.is_pending());
            assert!(!work.is_busy());
        }
        assert_eq!(drops.get(), 0);
        drop(work);
        assert!(once(&drops));
        Ok(())
    }

    #[test]
    fn queued_twice_before_it_runs_is_queued_once() -> Result {
        let (work, runs, drops) = work()?;
        let reference = work.to_ref();
        let (first, second, third, pending) = {
            let _guard = local_interrupt_disable();

            (
                work.queue(),
                work.queue(),
                reference.queue(),
                work.is_pending(),
            )
        };

        assert!(first && !second && !third && pending);
        work.sync();
        assert_eq!(runs.get(), 1);
        drop((work, reference));
        assert!(once(&drops));
        Ok(())
    }

    #[test]
    fn dropped_while_queued_it_still_runs() -> Result {
        let (work, runs, drops) = work()?;
        {
            let _guard = local_interrupt_disable();

            work.queue();
            drop(work);
        }
        assert!(eventually(|| runs.get() == 1));
        assert!(once(&drops));
        assert_eq!(runs.get(), 1);
        Ok(())
    }

    #[test]
    fn reference_keeps_the_item() -> Result {
        let (work, runs, drops) = work()?;
        let reference = work.to_ref();

        drop(work);
        rcu::rcu_barrier();
        assert_eq!(drops.get(), 0);
        assert!(reference.queue());
        assert!(eventually(|| runs.get() == 1));
        assert_eq!(drops.get(), 0);
        drop(reference);
        assert!(once(&drops));
        Ok(())
    }

    #[test]
    fn item_is_lent_outside_the_body() -> Result {
        let (work, runs, _drops) = work()?;

        work.runs.add();
        assert_eq!(runs.get(), 1);
        Ok(())
    }

    /// Queues itself from its body.
    struct Again {
        left: Atomic<i32>,
        me: WeakRef<IrqWorkRef>,
        _drops: Droppable,
    }

    impl Delegate for Again {
        fn run(&self, _section: &SignallingSection<'_>) {
            if self.left.fetch_sub(1, Full) > 1 {
                if let Some(me) = self.me.upgrade() {
                    me.queue();
                }
            }
        }
    }

    #[test]
    fn body_can_queue_its_own_work() -> Result {
        let drops = Counter::new()?;
        let item = Droppable(drops.clone());
        let work = IrqWork::new_cyclic(|me| Again {
            left: Atomic::new(5),
            me,
            _drops: item,
        })?;

        work.queue();
        assert!(eventually(|| work.left.load(Acquire) == 0));
        // Nobody has to give anything up.
        drop(work);
        assert!(once(&drops));
        Ok(())
    }

    #[test]
    fn race_of_queueing_and_dropping_drops_the_item_once() -> Result {
        let mut rounds = Batch::new(|(runs, drops): &(Counter, Counter)| {
            drops.get() == 1 && (1..=2).contains(&runs.get())
        });

        assert!(race(
            || {
                let (work, runs, drops) = work()?;
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
}
