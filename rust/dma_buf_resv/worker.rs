// SPDX-License-Identifier: GPL-2.0

//! Threads that lock the same reservation objects, each time in another order.

use crate::{
    fixture::{
        long,
        Mock, //
    },
    job::CLASS,
    race::ensure, //
};
use dma_buf::{
    resv::{
        HasResv,
        Resv,
        ResvGuard,
        ResvSet,
        ResvUsage, //
    },
    ContextOptions,
    DriverFence,
    FenceContext,
    LockClass, //
};
use kernel::{
    bindings,
    new_spinlock,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        SpinLock, //
    },
    task::Task,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

/// The number of objects.
pub(crate) const OBJECTS: usize = 16;

/// The largest number of threads.
pub(crate) const THREADS: usize = 4;

/// A buffer. The other fields are guarded by the lock.
#[pin_data]
pub(crate) struct Object {
    #[pin]
    resv: Resv,
    owner: Atomic<u32>,
    visits: Atomic<u64>,
}

impl HasResv for Object {
    fn resv(&self) -> &Resv {
        &self.resv
    }
}

impl Object {
    fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                resv <- Resv::new(),
                owner: Atomic::new(0),
                visits: Atomic::new(0),
            }),
            GFP_KERNEL,
        )
    }

    fn enter(&self, me: u32) -> Result {
        let owner = self.owner.load(Relaxed);

        ensure!(owner == 0);
        self.owner.store(me, Relaxed);
        Ok(())
    }

    fn leave(&self, me: u32) -> Result {
        let visits = self.visits.load(Relaxed);

        for _ in 0..8 {
            core::hint::spin_loop();
        }
        self.visits.store(visits + 1, Relaxed);
        let owner = self.owner.load(Relaxed);
        ensure!(owner == me);
        self.owner.store(0, Relaxed);
        Ok(())
    }
}

/// The work that one thread has done.
pub(crate) struct Progress {
    pub(crate) rounds: Atomic<u64>,
    pub(crate) interrupted: Atomic<u64>,
    /// How often the thread has locked each object.
    visits: [Atomic<u64>; OBJECTS],
}

/// The state that the threads share.
#[pin_data]
pub(crate) struct Shared {
    objects: [Arc<Object>; OBJECTS],
    progress: [Progress; THREADS],
    #[pin]
    tasks: SpinLock<[Option<ARef<Task>>; THREADS]>,
    stop: Atomic<bool>,
    failed: Atomic<bool>,
}

impl Shared {
    pub(crate) fn new() -> Result<Arc<Self>> {
        let mut objects = KVec::with_capacity(OBJECTS, GFP_KERNEL)?;

        for _ in 0..OBJECTS {
            objects.push(Object::new()?, GFP_KERNEL)?;
        }
        let first = objects[0].clone();
        let objects = core::array::from_fn(|index| objects.get(index).unwrap_or(&first).clone());

        Arc::pin_init(
            pin_init!(Self {
                objects,
                progress: [const {
                    Progress {
                        rounds: Atomic::new(0),
                        interrupted: Atomic::new(0),
                        visits: [const { Atomic::new(0) }; OBJECTS],
                    }
                }; THREADS],
                tasks <- new_spinlock!([const { None }; THREADS]),
                stop: Atomic::new(false),
                failed: Atomic::new(false),
            }),
            GFP_KERNEL,
        )
    }

    /// Lets the threads end after their rounds.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Relaxed)
    }

    pub(crate) fn progress(&self) -> &[Progress; THREADS] {
        &self.progress
    }

    /// Sends a signal to this thread.
    pub(crate) fn interrupt(&self, index: usize) {
        let task = self.tasks.lock()[index].clone();

        if let Some(task) = task {
            // SAFETY: `task` is a reference.
            unsafe { bindings::send_sig(SIGNAL, task.as_ptr(), 1) };
        }
    }

    /// Checks that no object is locked, and that the threads have counted all visits. The threads
    /// have ended.
    pub(crate) fn check(&self) -> Result {
        for (index, object) in self.objects.iter().enumerate() {
            let visits = self
                .progress
                .iter()
                .map(|progress| progress.visits[index].load(Relaxed))
                .sum::<u64>();

            ensure!(!object.resv.is_locked());
            ensure!(object.owner.load(Relaxed) == 0);
            ensure!(object.visits.load(Relaxed) == visits);
            ensure!(object.resv.test_signaled(ResvUsage::Bookkeep));
        }
        Ok(())
    }
}

const SIGNAL: i32 = bindings::SIGINT as i32;

/// The body of a thread.
pub(crate) fn work(shared: &Shared, index: usize) {
    // SAFETY: 2 stands for SIG_KTHREAD: this is a kernel thread, and it takes the
    // signal.
    unsafe {
        bindings::kernel_sigaction(
            SIGNAL,
            core::mem::transmute::<usize, bindings::__sighandler_t>(2),
        )
    };
    shared.tasks.lock()[index] = Some(ARef::from(&**kernel::current!()));
    let result = Worker::new(shared, index).and_then(|mut worker| {
        // At least one round, however late the thread starts.
        loop {
            worker.round()?;
            if shared.stop.load(Relaxed) {
                return Ok(());
            }
        }
    });

    if result.is_err() {
        shared.failed.store(true, Relaxed);
    }
    let task = shared.tasks.lock()[index].take();
    drop(task);
}

struct Worker<'a> {
    shared: &'a Shared,
    progress: &'a Progress,
    me: u32,
    random: u32,
    context: FenceContext<Mock>,
    order: [usize; OBJECTS],
}

impl<'a> Worker<'a> {
    fn new(shared: &'a Shared, index: usize) -> Result<Self> {
        let options = ContextOptions::new().lock_class(LockClass::new(CLASS)?);

        Ok(Self {
            shared,
            progress: &shared.progress[index],
            me: index as u32 + 1,
            // SAFETY: No preconditions.
            random: unsafe { bindings::get_random_u32() } | 1,
            context: FenceContext::with_options(c"mock", c"resv", options, Mock)?,
            order: core::array::from_fn(|index| index),
        })
    }

    /// Returns a random number below `n`.
    fn below(&mut self, n: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random as usize % n
    }

    /// Picks the members of a set: mostly all objects, in a random order, some more than once.
    /// Returns the number of different objects, and how many members to push before locking.
    fn fill(&mut self) -> Result<(usize, usize, KVec<Arc<Object>>)> {
        for last in (1..OBJECTS).rev() {
            let other = self.below(last + 1);

            self.order.swap(last, other);
        }
        let count = match self.below(4) {
            0 => 1 + self.below(OBJECTS),
            _ => OBJECTS,
        };

        let mut members = KVec::new();

        for index in 0..count {
            let object = &self.shared.objects[self.order[index]];

            members.push(object.clone(), GFP_KERNEL)?;
            if self.below(8) == 0 {
                let twice = self.order[self.below(index + 1)];

                members.push(self.shared.objects[twice].clone(), GFP_KERNEL)?;
            }
        }
        let known = match self.below(2) {
            0 => members.len(),
            _ => self.below(members.len()),
        };
        Ok((count, known, members))
    }

    /// Locks a set, and adds a fence to each object in it, which signals soon.
    fn round(&mut self) -> Result {
        let mut memory = Some(self.context.new_fence_allocation(())?);
        let (count, known, members) = self.fill()?;
        let usage = ResvUsage::ALL[self.below(ResvUsage::ALL.len())];
        let (is_interruptible, waits, naps, signals_early) = (
            self.below(2) == 0,
            self.below(8) == 0,
            self.below(32) == 0,
            self.below(2) == 0,
        );
        let mut set = ResvSet::new()?;

        for member in &members[..known] {
            set.push(member.clone())?;
        }

        if self.below(4) == 0 {
            self.visit_alone()?;
        }
        let locked = if is_interruptible || known < members.len() {
            let locked = set.lock_with(|locking| {
                members[known..]
                    .iter()
                    .try_for_each(|member| locking.push(member.clone()))
            });

            match locked {
                Ok(locked) => locked,
                Err(error) => {
                    ensure!(error == EINTR);
                    // SAFETY: The current task is valid.
                    unsafe { bindings::flush_signals(Task::current_raw()) };
                    self.progress.interrupted.add(1, Relaxed);
                    return Ok(());
                }
            }
        } else {
            set.lock()
        };
        let objects = self.order[..count]
            .iter()
            .map(|index| &self.shared.objects[*index]);

        for object in objects.clone() {
            ensure!(object.resv.is_locked());
            ensure!(ResvGuard::try_lock(object.clone()).is_err());
            object.enter(self.me)?;
        }
        if waits {
            // Others signal their fences without a lock.
            let (_, object) = locked.get(0).ok_or(EINVAL)?;

            ensure!(object.wait_timeout(ResvUsage::Bookkeep, long()).is_ok());
        }
        if naps {
            fsleep(Delta::from_micros(100));
        }

        let mut slots = locked.reserve()?;
        let mut job = memory.take().map(|memory| self.context.new_fence(memory));
        let leaf = job.as_ref().ok_or(EINVAL)?.leaf();
        let mut handles = members.iter();
        for (handle, slot) in slots.drain() {
            ensure!(handles
                .next()
                .is_some_and(|member| Arc::ptr_eq(member, handle)));
            slot.add(&leaf, usage);
        }
        ensure!(handles.next().is_none());
        for object in objects.clone() {
            let mut fences = object.resv.fences_unlocked(usage);
            let mut found = false;

            while let Some(fence) = fences.next() {
                let is_same = fence.context() == leaf.context() && fence.seqno() == leaf.seqno();

                found |= is_same && fences.usage() == usage;
            }
            ensure!(found);
        }
        if signals_early {
            finish(&mut job);
        }
        for object in objects {
            object.leave(self.me)?;
        }
        drop(slots);
        finish(&mut job);

        for index in &self.order[..count] {
            self.progress.visits[*index].add(1, Relaxed);
        }
        self.progress.rounds.add(1, Relaxed);
        Ok(())
    }

    /// Locks one object if it is not locked, and waits for its fences otherwise. Nothing else is
    /// locked.
    fn visit_alone(&mut self) -> Result {
        let index = self.below(OBJECTS);
        let object = self.shared.objects[index].clone();

        match ResvGuard::try_lock(object) {
            Ok(mut guard) => {
                guard.handle().enter(self.me)?;
                let memory = self.context.new_fence_allocation(())?;
                let slot = guard.reserve_one()?;
                let job = self.context.new_fence(memory);

                slot.add(&job.leaf(), ResvUsage::Read);
                job.signal(Ok(()));
                guard.handle().leave(self.me)?;
                self.progress.visits[index].add(1, Relaxed);
            }
            Err(object) => {
                for fence in object.resv.get_fences(ResvUsage::Bookkeep)? {
                    ensure!(fence.wait_timeout(long()).is_ok());
                }
            }
        }
        Ok(())
    }
}

fn finish(job: &mut Option<DriverFence<Mock>>) {
    job.take().map(|job| job.signal(Ok(())));
}
