// SPDX-License-Identifier: GPL-2.0

//! What delegates have in common, and what they run on.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_delegate)]
mod tests {
    use super::*;
    use dma_buf::delegate::{
        Cleanup,
        CleanupWork,
        SignallingWork,
        ThreadedDelegate,
        ThreadedInterrupt,
        TimerRef,
        WorkRef,
        Workqueue, //
    };
    use kernel::irq::{
        IrqReturn,
        ThreadedHandler,
        ThreadedIrqReturn, //
    };

    /// Returns `true` if the caller is in a section, which lockdep knows.
    #[cfg(CONFIG_LOCKDEP)]
    fn is_in_section() -> bool {
        // SAFETY: Any context; the section ends at once.
        unsafe {
            let is_open = kernel::bindings::dma_fence_begin_signalling();

            kernel::bindings::dma_fence_end_signalling(is_open);
            is_open
        }
    }

    /// Counts runs in a section, and others.
    struct Where {
        inside: Counter,
        outside: Counter,
    }

    impl Where {
        fn new() -> Result<(Self, Counter, Counter)> {
            let (inside, outside) = (Counter::new()?, Counter::new()?);
            let this = Self {
                inside: inside.clone(),
                outside: outside.clone(),
            };

            Ok((this, inside, outside))
        }

        fn look(&self) {
            #[cfg(CONFIG_LOCKDEP)]
            let is_inside = is_in_section();
            #[cfg(not(CONFIG_LOCKDEP))]
            let is_inside = false;

            if is_inside {
                self.inside.add();
            } else {
                self.outside.add();
            }
        }
    }

    impl Delegate for Where {
        fn run(&self, _section: &SignallingSection<'_>) {
            self.look();
        }
    }

    impl Cleanup for Where {
        fn run(&self) {
            self.look();
        }
    }

    impl ThreadedDelegate for Where {
        fn handle_threaded(&self, _section: &SignallingSection<'_>) -> IrqReturn {
            self.look();
            IrqReturn::Handled
        }
    }

    #[cfg(CONFIG_LOCKDEP)]
    #[test]
    fn body_of_a_work_is_a_section() -> Result {
        let (item, inside, outside) = Where::new()?;
        let work = SignallingWork::new(item)?;

        assert!(!is_in_section());
        work.queue();
        work.flush();
        assert_eq!((inside.get(), outside.get()), (1, 0));
        Ok(())
    }

    #[test]
    fn body_of_a_cleanup_work_is_not() -> Result {
        let (item, inside, outside) = Where::new()?;
        let work = CleanupWork::new(item)?;

        work.flush();
        assert!(work.queue());
        work.flush();
        assert_eq!((inside.get(), outside.get()), (0, 1));
        Ok(())
    }

    /// Registering it takes a device with an interrupt: this does what the kernel does then.
    #[test]
    fn threaded_interrupt_is_handled_in_a_section() -> Result {
        let (item, inside, outside) = Where::new()?;
        let handler = KBox::pin_init(ThreadedInterrupt::new(item), GFP_KERNEL)?;

        assert!(matches!(handler.handle(), ThreadedIrqReturn::WakeThread));
        assert_eq!(inside.get() + outside.get(), 0);
        assert!(matches!(handler.handle_threaded(), IrqReturn::Handled));
        assert_eq!(inside.get() + outside.get(), 1);
        #[cfg(CONFIG_LOCKDEP)]
        assert_eq!(inside.get(), 1);
        Ok(())
    }

    struct Unlocks {
        resv: Arc<Resv>,
        drops: Counter,
        _drops: Droppable,
    }

    impl Cleanup for Unlocks {
        fn run(&self) {
            self.resv.with_lock(|_| self.drops.add());
        }
    }

    /// As the release of a GEM object does; lockdep would report it in a section.
    #[test]
    fn cleanup_may_lock_a_reservation_object() -> Result {
        let (locks, drops) = (Counter::new()?, Counter::new()?);
        let work = CleanupWork::new(Unlocks {
            resv: Arc::pin_init(Resv::new(), GFP_KERNEL)?,
            drops: locks.clone(),
            _drops: Droppable(drops.clone()),
        })?;

        work.queue();
        // What is queued still runs.
        drop(work);
        assert!(once(&drops));
        assert_eq!(locks.get(), 1);
        Ok(())
    }

    /// Notes the order in which it runs, and how many do at a time.
    struct Turn {
        number: i32,
        next: Arc<Atomic<i32>>,
        wrong: Counter,
        at_once: Arc<Atomic<i32>>,
        runs: Counter,
    }

    impl Delegate for Turn {
        fn run(&self, _section: &SignallingSection<'_>) {
            if self.at_once.fetch_add(1, Full) != 0 {
                self.wrong.add();
            }
            fsleep(Delta::from_millis(2));
            if self.next.fetch_add(1, Full) != self.number {
                self.wrong.add();
            }
            self.at_once.fetch_sub(1, Full);
            self.runs.add();
        }
    }

    #[test]
    fn workqueue_of_the_driver_runs_one_after_the_other() -> Result {
        const COUNT: i32 = 8;
        let queue = Workqueue::new(c"dma_buf_kunit")?;
        let (wrong, runs) = (Counter::new()?, Counter::new()?);
        let next = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        let at_once = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        let mut works = KVec::new();

        for number in 0..COUNT {
            let turn = Turn {
                number,
                next: next.clone(),
                wrong: wrong.clone(),
                at_once: at_once.clone(),
                runs: runs.clone(),
            };

            works.push(SignallingWork::new_on(&queue, turn)?, GFP_KERNEL)?;
        }
        // They keep it.
        drop(queue);
        for work in &works {
            assert!(work.queue());
        }
        drop(works);
        assert!(eventually(|| runs.get() == COUNT));
        assert_eq!(wrong.get(), 0);
        Ok(())
    }

    /// Starts itself again.
    struct Periodic {
        me: WeakRef<TimerRef>,
        runs: Counter,
        _drops: Droppable,
    }

    impl Delegate for Periodic {
        fn run(&self, _section: &SignallingSection<'_>) {
            self.runs.add();
            if let Some(me) = self.me.upgrade() {
                me.start(Delta::from_micros(100));
            }
        }
    }

    #[test]
    fn timer_that_starts_itself_ends_with_its_drop() -> Result {
        let (runs, drops) = (Counter::new()?, Counter::new()?);
        let timer = Timer::new_cyclic(|me| Periodic {
            me,
            runs: runs.clone(),
            _drops: Droppable(drops.clone()),
        })?;
        let reference = timer.to_ref();

        reference.start(Delta::ZERO);
        assert!(eventually(|| runs.get() > 3));
        drop(timer);
        // A body that runs is the last one.
        fsleep(Delta::from_millis(2));
        let then = runs.get();
        reference.start(Delta::ZERO);
        fsleep(Delta::from_millis(2));
        assert_eq!(runs.get(), then);
        assert_eq!(drops.get(), 0);
        drop(reference);
        assert!(once(&drops));
        Ok(())
    }

    struct Item {
        _me: WeakRef<WorkRef>,
        runs: Counter,
        _drops: Droppable,
    }

    impl Delegate for Item {
        fn run(&self, _section: &SignallingSection<'_>) {
            self.runs.add();
        }
    }

    /// A work, a weak reference to it, how often it has run, and its item was dropped.
    fn work() -> Result<(SignallingWork<Item>, WeakRef<WorkRef>, Counter, Counter)> {
        let (runs, drops) = (Counter::new()?, Counter::new()?);
        let mut weak = None;
        let work = SignallingWork::new_cyclic(|me| {
            assert!(me.upgrade().is_none());
            weak = Some(me.clone());
            Item {
                _me: me,
                runs: runs.clone(),
                _drops: Droppable(drops.clone()),
            }
        })?;

        Ok((work, weak.ok_or(EINVAL)?, runs, drops))
    }

    #[test]
    fn weak_reference_ends_with_the_last_other() -> Result {
        let (work, weak, runs, drops) = work()?;
        let Some(reference) = weak.upgrade() else {
            return Err(EINVAL);
        };

        drop(work);
        assert!(weak.upgrade().is_some_and(|work| work.queue()));
        assert!(eventually(|| runs.get() == 1));
        drop(reference);
        assert!(once(&drops));
        assert!(weak.upgrade().is_none());
        Ok(())
    }

    #[test]
    fn race_of_upgrade_and_drop_drops_the_item_once() -> Result {
        let mut rounds = Batch::new(|(upgraded, runs, drops): &(bool, Counter, Counter)| {
            drops.get() == 1 && runs.get() == i32::from(*upgraded)
        });

        assert!(race(
            || {
                let (work, weak, runs, drops) = work()?;

                Ok(((work, runs, drops), weak))
            },
            |(work, runs, drops)| {
                drop(work);
                (runs, drops)
            },
            |weak| weak.upgrade().is_some_and(|work| work.queue()),
            |(runs, drops), upgraded| rounds.add((upgraded, runs, drops)),
        )
        .is_ok());
        assert!(rounds.settle().is_ok());
        Ok(())
    }
}
