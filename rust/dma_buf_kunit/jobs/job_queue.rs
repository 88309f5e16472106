// SPDX-License-Identifier: GPL-2.0

//! Queues of jobs.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_job_queue)]
mod tests {
    use super::*;
    use dma_buf::job_queue::{
        Completer,
        Dependencies,
        JobQueue,
        JobQueueOptions,
        JobRunner,
        PublishedJob, //
    };

    /// What the hardware has been told, shared with the test.
    #[pin_data]
    struct Log {
        #[pin]
        runs: SpinLockIrq<KVec<u64>>,
        stops: Atomic<i32>,
        /// Jobs up to this one are done while the hardware is being stopped.
        done_in_stop: Atomic<u64>,
    }

    impl Log {
        fn runs(&self) -> usize {
            self.runs.lock().len()
        }

        fn has_run(&self, seqnos: &[u64]) -> bool {
            self.runs.lock()[..] == *seqnos
        }
    }

    /// As the last reference to a buffer: lockdep reports it in a section.
    struct LocksInDrop(Arc<Resv>);

    impl Drop for LocksInDrop {
        fn drop(&mut self) {
            self.0.with_lock(|_| ());
        }
    }

    #[derive(Default)]
    struct Job {
        _locks: Option<LocksInDrop>,
        /// The hardware is done before `run` returns.
        at_once: Option<Result>,
        /// `run` fails.
        refused: Option<Error>,
        _drops: Option<Droppable>,
        buffers: Option<ResvSet<Arc<Resv>>>,
    }

    struct Ring {
        completer: Completer<Ring>,
        log: Arc<Log>,
    }

    impl JobRunner for Ring {
        type Job = Job;

        fn run(&self, job: &Job, seqno: u64, _section: &SignallingSection<'_>) -> Result {
            let _ = self.log.runs.lock().push_within_capacity(seqno);

            if let Some(result) = job.at_once {
                self.completer.complete(seqno, result);
            }
            job.refused.map_or(Ok(()), Err)
        }

        fn stop(&self, _section: &SignallingSection<'_>) {
            self.log.stops.add(1, Relaxed);
            self.completer
                .complete_up_to(self.log.done_in_stop.load(Relaxed));
        }
    }

    type Queue = (JobQueue<Ring>, Completer<Ring>, Arc<Log>);

    fn queue_with(options: JobQueueOptions) -> Result<Queue> {
        let room = KVec::with_capacity(4096, GFP_KERNEL)?;
        let log = Arc::pin_init(
            pin_init!(Log {
                runs <- new_spinlock_irq!(room),
                stops: Atomic::new(0),
                done_in_stop: Atomic::new(0),
            }),
            GFP_KERNEL,
        )?;
        let queue = JobQueue::new(c"mock", c"queue", options, |completer| {
            Ok(Ring {
                completer,
                log: log.clone(),
            })
        })?;
        let completer = queue.completer();

        Ok((queue, completer, log))
    }

    fn queue(in_flight: usize) -> Result<Queue> {
        queue_with(JobQueueOptions::new().in_flight(in_flight))
    }

    fn publish(queue: &JobQueue<Ring>, job: Job) -> Result<PublishedJob<'_, Ring>> {
        Ok(queue.publish(queue.prepare(job, Dependencies::new())?))
    }

    fn push_with(queue: &JobQueue<Ring>, job: Job, deps: Dependencies) -> Result<ARef<Fence>> {
        let job = queue.publish(queue.prepare(job, deps)?);
        let fence: &Fence = job.as_leaf();
        let fence = fence.into();

        job.push();
        Ok(fence)
    }

    fn push(queue: &JobQueue<Ring>, job: Job) -> Result<ARef<Fence>> {
        push_with(queue, job, Dependencies::new())
    }

    fn push_after(queue: &JobQueue<Ring>, fence: &Fence) -> Result<ARef<Fence>> {
        let mut dependencies = Dependencies::new();

        dependencies.add(fence)?;
        push_with(queue, Job::default(), dependencies)
    }

    fn done(fence: &Fence) -> bool {
        eventually(|| fence.status() == FenceStatus::Signaled)
    }

    fn failed(fence: &Fence, error: Error) -> bool {
        eventually(|| fence.status() == FenceStatus::Error(error))
    }

    /// Long enough for what does not happen to have happened, nearly always.
    fn settle() {
        fsleep(Delta::from_millis(20));
    }

    #[test]
    fn job_runs_and_is_completed() -> Result {
        let (queue, completer, log) = queue(1)?;
        let drops = Counter::new()?;
        let fence = push(
            &queue,
            Job {
                _drops: Some(Droppable(drops.clone())),
                ..Job::default()
            },
        )?;

        assert!(eventually(|| log.has_run(&[1])));
        assert_eq!(fence.status(), FenceStatus::Pending);
        assert_eq!(drops.get(), 0);
        assert!(completer.complete(1, Ok(())));
        assert_eq!(fence.status(), FenceStatus::Signaled);
        assert!(!completer.complete(1, Ok(())));
        assert!(eventually(|| drops.get() == 1));
        Ok(())
    }

    #[test]
    fn only_what_runs_can_be_completed() -> Result {
        let (queue, completer, log) = queue(1)?;
        let first = push(&queue, Job::default())?;
        let second = push(&queue, Job::default())?;

        assert!(eventually(|| log.has_run(&[1])));
        for seqno in [0, 2, 3, u64::MAX] {
            assert!(!completer.complete(seqno, Ok(())));
        }
        assert_eq!(completer.complete_up_to(0), 0);
        // The second waits.
        assert_eq!(completer.complete_up_to(u64::MAX), 1);
        assert_eq!(first.status(), FenceStatus::Signaled);
        assert_eq!(second.status(), FenceStatus::Pending);
        assert!(eventually(|| completer.complete(2, Err(EIO))));
        assert_eq!(second.status(), FenceStatus::Error(EIO));
        Ok(())
    }

    #[test]
    fn hardware_gets_as_many_as_it_has_room_for() -> Result {
        let (queue, completer, log) = queue(2)?;
        let mut fences = KVec::new();

        for _ in 0..4 {
            fences.push(push(&queue, Job::default())?, GFP_KERNEL)?;
        }
        assert!(eventually(|| log.has_run(&[1, 2])));
        settle();
        assert!(log.has_run(&[1, 2]));
        // Reported out of order: there is room, but the fence has its turn.
        assert!(completer.complete(2, Ok(())));
        assert_eq!(fences[1].status(), FenceStatus::Pending);
        assert!(eventually(|| log.has_run(&[1, 2, 3])));
        assert!(completer.complete(1, Err(EIO)));
        assert_eq!(fences[0].status(), FenceStatus::Error(EIO));
        assert!(done(&fences[1]));
        assert!(eventually(|| log.has_run(&[1, 2, 3, 4])));
        assert_eq!(completer.complete_up_to(4), 2);
        assert!(done(&fences[3]));
        Ok(())
    }

    /// Completing one looks at all that have begun, with interrupts off.
    #[test]
    fn no_more_than_256_have_begun() -> Result {
        let (queue, completer, log) = queue(1000)?;

        for _ in 0..300 {
            push(&queue, Job::default())?;
        }
        assert!(eventually(|| log.runs() == 256));
        // Those that are done count as long as the first is not.
        for seqno in 2..=256 {
            assert!(completer.complete(seqno, Ok(())));
        }
        settle();
        assert_eq!(log.runs(), 256);
        assert!(completer.complete(1, Ok(())));
        assert!(eventually(|| log.runs() == 300));
        assert_eq!(completer.complete_up_to(300), 44);
        Ok(())
    }

    #[test]
    fn jobs_done_at_once_or_refused_are_dropped() -> Result {
        let (queue, _, log) = queue(1)?;
        let drops = Counter::new()?;
        let resv = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
        let job = |at_once, refused| Job {
            _locks: Some(LocksInDrop(resv.clone())),
            at_once,
            refused,
            _drops: Some(Droppable(drops.clone())),
            buffers: None,
        };

        assert!(done(&*push(&queue, job(Some(Ok(())), None))?));
        assert!(failed(&*push(&queue, job(Some(Err(EIO)), None))?, EIO));
        assert!(failed(&*push(&queue, job(None, Some(ENODEV)))?, ENODEV));
        // Completed first, and the error comes too late.
        assert!(done(&*push(&queue, job(Some(Ok(())), Some(ENODEV)))?));
        assert!(eventually(|| drops.get() == 4));
        assert!(log.has_run(&[1, 2, 3, 4]));
        Ok(())
    }

    #[test]
    fn waits_for_its_dependencies() -> Result {
        let (queue, completer, log) = queue(4)?;
        let (a, b) = (fixture::fence()?, fixture::fence()?);
        let mut dependencies = Dependencies::new();

        dependencies.add(a.1.as_fence())?;
        dependencies.add(b.1.as_fence())?;
        dependencies.add(&Fence::stub())?;
        let first = push_with(&queue, Job::default(), dependencies)?;
        // In order, though it waits for nothing.
        let second = push(&queue, Job::default())?;

        settle();
        assert_eq!(log.runs(), 0);
        a.1.signal(Ok(()));
        settle();
        assert_eq!(log.runs(), 0);
        // Without being asked for, errors do not matter.
        b.1.signal(Err(EIO));
        assert!(eventually(|| log.has_run(&[1, 2])));
        assert_eq!(completer.complete_up_to(2), 2);
        assert!(done(&first) && done(&second));
        Ok(())
    }

    #[test]
    fn error_of_a_dependency_is_passed_on() -> Result {
        let (queue, completer, log) = queue(1)?;
        let (_context, early) = fixture::fence()?;
        let (context, late) = fixture::fence()?;
        let later = fixture::next(&context)?;
        let early_fence = early.fence();
        let mut dependencies = Dependencies::passing_errors();

        // One that had failed before.
        early.signal(Err(EPERM));
        dependencies.add(&early_fence)?;
        dependencies.add(&Fence::stub())?;
        let fence = push_with(&queue, Job::default(), dependencies)?;
        assert!(failed(&fence, EPERM));

        // One that fails, and that the merge leaves out for a later one of the context.
        let mut dependencies = Dependencies::passing_errors();
        dependencies.add(late.as_fence())?;
        dependencies.add(later.as_fence())?;
        let fence = push_with(&queue, Job::default(), dependencies)?;
        settle();
        assert_eq!(fence.status(), FenceStatus::Pending);
        late.signal(Err(EIO));
        later.signal(Ok(()));
        assert!(failed(&fence, EIO));
        assert_eq!(log.runs(), 0);

        // The queue goes on.
        let fence = push(&queue, Job::default())?;
        assert!(eventually(|| completer.complete(3, Ok(()))));
        assert!(done(&fence));
        Ok(())
    }

    #[test]
    fn jobs_wait_for_jobs_of_other_queues() -> Result {
        let (a, a_completer, a_log) = queue(8)?;
        let (b, b_completer, b_log) = queue(8)?;
        let mut fence = push(&a, Job::default())?;

        for _ in 0..3 {
            fence = push_after(&b, &fence)?;
            fence = push_after(&a, &fence)?;
        }
        for n in 1..=3 {
            assert!(eventually(|| a_log.runs() == n));
            assert_eq!(b_log.runs(), n - 1);
            assert!(a_completer.complete(n as u64, Ok(())));
            assert!(eventually(|| b_log.runs() == n));
            assert!(b_completer.complete(n as u64, Ok(())));
        }
        assert!(eventually(|| a_completer.complete(4, Ok(()))));
        assert!(done(&fence));
        Ok(())
    }

    #[test]
    fn job_of_the_same_queue_is_not_waited_for() -> Result {
        let (queue, completer, log) = queue(4)?;
        let first = push(&queue, Job::default())?;
        let second = push_after(&queue, &first)?;

        assert!(eventually(|| log.has_run(&[1, 2])));
        // But for its error.
        let mut dependencies = Dependencies::passing_errors();
        dependencies.add(&second)?;
        let third = push_with(&queue, Job::default(), dependencies)?;
        settle();
        assert!(log.has_run(&[1, 2]));
        assert!(completer.complete(1, Ok(())));
        assert!(completer.complete(2, Err(EIO)));
        assert!(failed(&third, EIO));
        assert!(log.has_run(&[1, 2]));
        Ok(())
    }

    #[test]
    fn order_is_that_of_publication() -> Result {
        let (queue, completer, log) = queue(4)?;
        let prepare = || queue.prepare(Job::default(), Dependencies::new());
        let (first, second, third) = (prepare()?, prepare()?, prepare()?);
        // In a section from here on.
        let first = queue.publish(first);
        let second = queue.publish(second);
        let third = queue.publish(third);

        assert_eq!([first.seqno(), second.seqno(), third.seqno()], [1, 2, 3]);
        third.push();
        second.push();
        settle();
        assert_eq!(log.runs(), 0);
        first.push();
        assert!(eventually(|| log.has_run(&[1, 2, 3])));
        assert_eq!(completer.complete_up_to(3), 3);
        Ok(())
    }

    #[test]
    fn job_that_is_not_pushed_is_cancelled() -> Result {
        let (queue, completer, log) = queue(1)?;
        let drops = Counter::new()?;
        let job = publish(
            &queue,
            Job {
                _drops: Some(Droppable(drops.clone())),
                ..Job::default()
            },
        )?;
        let fence: ARef<Fence> = (&**job.as_leaf()).into();

        drop(job);
        assert!(failed(&fence, ECANCELED));
        assert!(eventually(|| drops.get() == 1));
        // Nor does one that is only prepared come to anything.
        drop(queue.prepare(Job::default(), Dependencies::new())?);
        let fence = push(&queue, Job::default())?;
        assert!(eventually(|| completer.complete(2, Ok(()))));
        assert!(done(&fence));
        assert!(log.has_run(&[2]));
        Ok(())
    }

    #[test]
    fn drop_cancels_in_order() -> Result {
        let (queue, completer, log) = queue(1)?;
        let drops = Counter::new()?;
        let (_context, never) = fixture::fence()?;
        let mut fences = KVec::new();

        for _ in 0..3 {
            let job = Job {
                _drops: Some(Droppable(drops.clone())),
                ..Job::default()
            };
            fences.push(push(&queue, job)?, GFP_KERNEL)?;
        }
        fences.push(push_after(&queue, never.as_fence())?, GFP_KERNEL)?;
        assert!(eventually(|| log.has_run(&[1])));
        drop(queue);
        assert_eq!(log.stops.load(Relaxed), 1);
        assert_eq!(drops.get(), 3);
        for fence in &fences {
            assert_eq!(fence.status(), FenceStatus::Error(ECANCELED));
        }
        // The interrupt may come late.
        assert!(!completer.complete(1, Ok(())));
        assert_eq!(completer.complete_up_to(u64::MAX), 0);
        never.signal(Ok(()));
        settle();
        assert!(log.has_run(&[1]));
        Ok(())
    }

    #[test]
    fn reset_fails_what_runs_and_no_more() -> Result {
        let (queue, completer, log) = queue(2)?;
        let mut fences = KVec::new();

        // Nothing runs.
        queue.reset(EIO);
        assert_eq!(log.stops.load(Relaxed), 1);
        for _ in 0..3 {
            fences.push(push(&queue, Job::default())?, GFP_KERNEL)?;
        }
        queue.reset(EIO);
        assert_eq!(log.stops.load(Relaxed), 2);
        assert_eq!(fences[0].status(), FenceStatus::Error(EIO));
        assert_eq!(fences[1].status(), FenceStatus::Error(EIO));
        assert!(eventually(|| log.has_run(&[1, 2, 3])));
        assert!(completer.complete(3, Ok(())));
        assert!(done(&fences[2]));
        Ok(())
    }

    /// The worker has rarely begun when the queue is reset.
    #[test]
    fn reset_fails_what_was_just_pushed() -> Result {
        let (queue, _completer, _log) = queue(2)?;

        for _ in 0..100 {
            let fence = push(&queue, Job::default())?;

            queue.reset(EIO);
            assert_eq!(fence.status(), FenceStatus::Error(EIO));
        }
        Ok(())
    }

    #[test]
    fn timeout_counts_from_the_start() -> Result {
        let timeout = Delta::from_millis(30);
        let options = JobQueueOptions::new().in_flight(2).timeout(timeout)?;
        let (queue, completer, log) = queue_with(options)?;
        let (_context, dependency) = fixture::fence()?;
        let first = push_after(&queue, dependency.as_fence())?;
        let second = push(&queue, Job::default())?;
        let third = push(&queue, Job::default())?;

        // Longer than the timeout, but it does not run.
        fsleep(Delta::from_millis(90));
        assert_eq!(first.status(), FenceStatus::Pending);
        dependency.signal(Ok(()));
        assert!(failed(&first, ETIME));
        assert!(failed(&second, ECANCELED));
        assert!(eventually(|| log.runs() == 3));
        assert!(failed(&third, ETIME));
        assert!(!completer.complete(3, Ok(())));
        assert_eq!(log.stops.load(Relaxed), 2);
        assert!(JobQueueOptions::new().timeout(Delta::ZERO).is_err());
        Ok(())
    }

    #[test]
    fn timeout_of_a_job_that_ends_is_not_the_next_ones() -> Result {
        let options = JobQueueOptions::new()
            .in_flight(2)
            .timeout(Delta::from_millis(30))?;
        let (queue, _, log) = queue_with(options)?;

        log.done_in_stop.store(1, Relaxed);
        let first = push(&queue, Job::default())?;
        let second = push(&queue, Job::default())?;

        assert!(failed(&second, ECANCELED));
        assert_eq!(first.status(), FenceStatus::Signaled);
        Ok(())
    }

    #[test]
    fn race_of_success_and_an_error_has_one_winner() -> Result {
        let (queue, completer, log) = queue(2)?;
        let other = completer.clone();

        assert!(race(
            || {
                log.runs.lock().clear();
                let first = push(&queue, Job::default())?;
                let second = push(&queue, Job::default())?;
                ensure!(eventually(|| log.runs() == 2));
                Ok(((first.clone(), second.clone()), second.seqno()))
            },
            |(first, second)| {
                let has_failed = completer.complete(first.seqno(), Err(EIO));

                (first, second, has_failed)
            },
            move |last| other.complete_up_to(last),
            |(first, second, has_failed), _| {
                let status = if has_failed {
                    FenceStatus::Error(EIO)
                } else {
                    FenceStatus::Signaled
                };

                ensure!(first.status() == status);
                ensure!(second.status() == FenceStatus::Signaled);
                Ok(())
            },
        )
        .is_ok());
        Ok(())
    }

    #[test]
    fn many_dependencies_of_one_context() -> Result {
        let (queue, completer, _) = queue(1)?;
        let (_context, dependency) = fixture::fence()?;
        let mut dependencies = Dependencies::new();

        // The allocator has no block for a vector of them all, and would complain.
        for _ in 0..600_000 {
            dependencies.add(dependency.as_fence())?;
        }
        let fence = push_with(&queue, Job::default(), dependencies)?;
        // Each of them may have failed.
        let mut dependencies = Dependencies::passing_errors();
        let added = (0..65_281).take_while(|_| dependencies.add(dependency.as_fence()).is_ok());

        assert_eq!(added.count(), 65_280);
        assert_eq!(dependencies.add(dependency.as_fence()), Err(E2BIG));
        dependency.signal(Ok(()));
        assert!(eventually(|| completer.complete(1, Ok(()))));
        assert!(done(&fence));
        Ok(())
    }

    #[test]
    fn too_many_jobs_are_refused() -> Result {
        let (queue, completer, _) = queue_with(JobQueueOptions::new().max_jobs(2))?;
        let drops = Counter::new()?;
        let prepare = || {
            let job = Job {
                _drops: Some(Droppable(drops.clone())),
                ..Job::default()
            };

            queue.prepare(job, Dependencies::new())
        };
        let fence = push(&queue, Job::default())?;
        let prepared = prepare()?;

        assert_eq!(prepare().err(), Some(ENOSPC));
        assert_eq!(drops.get(), 1);
        drop(prepared);
        let prepared = prepare()?;
        assert_eq!(prepare().err(), Some(ENOSPC));
        // A job has its place until it is dropped.
        assert!(eventually(|| completer.complete(1, Ok(()))));
        assert!(done(&fence));
        assert!(eventually(|| prepare().is_ok()));
        drop(prepared);
        Ok(())
    }

    #[test]
    fn job_keeps_its_buffers_until_it_is_done() -> Result {
        let (queue, completer, _) = queue(1)?;
        let buffer = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
        let mut set = ResvSet::new();

        set.push(buffer.clone())?;
        let locked = set.lock();
        let mut dependencies = Dependencies::new();
        for (_, resv) in locked.iter() {
            dependencies.add_resv(resv, ResvUsage::Read)?;
        }
        let prepared = queue.prepare(Job::default(), dependencies)?;
        let mut slots = locked.reserve()?;
        let job = queue.publish(prepared);
        for (_, slot) in slots.drain() {
            slot.add(job.as_leaf(), ResvUsage::Write);
        }
        let set = slots.unlock();
        job.push_with(|job| job.buffers = Some(set));
        assert!(!buffer.is_locked());
        assert!(!buffer.test_signaled(ResvUsage::Write));
        assert!(eventually(|| completer.complete(1, Ok(()))));
        assert!(buffer.test_signaled(ResvUsage::Write));
        // The job was the other owner.
        drop(queue);
        assert!(Arc::into_unique_or_drop(buffer).is_some());
        Ok(())
    }

    #[test]
    fn several_threads_submit() -> Result {
        const JOBS: u64 = 200;
        let drops = Counter::new()?;
        let (queue, _, log) = queue(3)?;
        let queue = Arc::new(queue, GFP_KERNEL)?;
        let mut threads = KVec::new();

        for cpu in [0, 1, 0, 1] {
            let (queue, drops) = (queue.clone(), drops.clone());
            let submit = move || {
                for _ in 0..JOBS {
                    let job = Job {
                        at_once: Some(Ok(())),
                        _drops: Some(Droppable(drops.clone())),
                        ..Job::default()
                    };

                    if push(&queue, job).is_err() {
                        return;
                    }
                }
            };
            threads.push(Thread::spawn_on(cpu, submit)?, GFP_KERNEL)?;
        }
        drop(threads);
        let last = push(
            &queue,
            Job {
                at_once: Some(Ok(())),
                ..Job::default()
            },
        )?;
        assert_eq!(last.seqno(), 4 * JOBS + 1);
        assert!(done(&last));
        let runs = log.runs.lock();
        assert!(runs.iter().zip(1..).all(|(seqno, n)| *seqno == n));
        drop(runs);
        drop(queue);
        assert_eq!(drops.get(), 4 * JOBS as i32);
        Ok(())
    }
}
