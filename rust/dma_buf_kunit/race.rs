// SPDX-License-Identifier: GPL-2.0

//! Races between two CPUs: two things done at the same time, over and over, each
//! time a little differently aligned.

use crate::{
    fixture::{
        eventually,
        skip, //
    },
    module_parameters,
    workqueue::{
        stay_on,
        Workqueue, //
    }, //
};
use kernel::{
    bindings, new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Release, //
        },
        rcu,
        Arc,
        SpinLock, //
    },
    time::{
        delay::fsleep,
        Delta,
        Instant,
        Monotonic, //
    },
};

/// Fails a round, naming what did not hold: an assertion would end the thread
/// and leave the other side running.
macro_rules! ensure {
    ($condition:expr) => {
        if !$condition {
            pr_err!("line {}: expected {}\n", line!(), stringify!($condition));
            return Err(EINVAL);
        }
    };
}
pub(crate) use ensure;

/// How long a race is to be run.
pub(crate) fn duration() -> Delta {
    Delta::from_millis(i64::from(module_parameters::milliseconds.value()))
}

/// Whether there is a second CPU to race with; the test counts as skipped if not.
pub(crate) fn possible() -> bool {
    // SAFETY: A number that may change at any time, and matters little.
    let cpus = unsafe {
        (&raw const bindings::__num_online_cpus)
            .cast::<i32>()
            .read_volatile()
    };

    if cpus < 2 {
        skip("needs two CPUs");
    }
    cpus >= 2
}

/// Waits actively, but lets others run if it takes long.
pub(crate) fn spin_until(mut holds: impl FnMut() -> bool) {
    let mut spins = 0u32;

    while !holds() {
        core::hint::spin_loop();
        spins += 1;
        if spins % 4096 == 0 {
            // Up to 10 us would be spun away, too.
            fsleep(Delta::from_micros(20));
        }
    }
}

/// Where the two sides meet. The numbers are of rounds, from 1.
#[pin_data]
struct Stage<B, Y> {
    offered: Atomic<u32>,
    ready: Atomic<u32>,
    go: Atomic<u32>,
    done: Atomic<u32>,
    stop: Atomic<bool>,
    #[pin]
    given: SpinLock<Option<B>>,
    #[pin]
    result: SpinLock<Option<Y>>,
}

/// A delay that differs between rounds and sides, in loops.
fn stagger(round: u32, side: u32) {
    let mut x = (round * 2 + side).wrapping_mul(0x9e37_79b9);

    x ^= x >> 15;
    x = x.wrapping_mul(0x85eb_ca6b);
    x ^= x >> 13;
    for _ in 0..x % 128 {
        core::hint::spin_loop();
    }
}

/// Runs `here` and `there` at the same time on two CPUs, until the time is over.
///
/// `setup` makes what they work on, `check` judges what they return. Ends with
/// the first error.
pub(crate) fn race<A, B, X, Y>(
    mut setup: impl FnMut() -> Result<(A, B)>,
    mut here: impl FnMut(A) -> X,
    mut there: impl FnMut(B) -> Y + Send + 'static,
    mut check: impl FnMut(X, Y) -> Result,
) -> Result
where
    B: Send + Unpin + 'static,
    Y: Send + Unpin + 'static,
{
    if !possible() {
        return Ok(());
    }

    let stage = Arc::pin_init(
        pin_init!(Stage {
            offered: Atomic::new(0),
            ready: Atomic::new(0),
            go: Atomic::new(0),
            done: Atomic::new(0),
            stop: Atomic::new(false),
            given <- new_spinlock!(None),
            result <- new_spinlock!(None),
        }),
        GFP_KERNEL,
    )?;

    stay_on(0)?;
    let queue = Workqueue::new()?;
    let theirs = stage.clone();
    queue.spawn_on(1, move || {
        for round in 1u32.. {
            spin_until(|| theirs.offered.load(Acquire) == round || theirs.stop.load(Acquire));
            let Some(given) = theirs.given.lock().take() else {
                return;
            };
            theirs.ready.store(round, Release);
            spin_until(|| theirs.go.load(Acquire) == round);
            stagger(round, 1);
            let result = there(given);
            *theirs.result.lock() = Some(result);
            theirs.done.store(round, Release);
        }
    })?;

    let start = Instant::<Monotonic>::now();
    let mut round = 0;
    let mut ret = Ok(());
    while ret.is_ok() && (round < 100 || start.elapsed() < duration()) {
        round += 1;
        ret = setup().and_then(|(ours, given)| {
            *stage.given.lock() = Some(given);
            stage.offered.store(round, Release);
            spin_until(|| stage.ready.load(Acquire) == round);
            stage.go.store(round, Release);
            stagger(round, 0);
            let ours = here(ours);
            spin_until(|| stage.done.load(Acquire) == round);
            let theirs = stage.result.lock().take().ok_or(EINVAL)?;
            check(ours, theirs)
        });
    }
    stage.stop.store(true, Release);
    drop(queue);

    pr_info!(
        "{} rounds, {}\n",
        round,
        if ret.is_ok() {
            "good"
        } else {
            "the last one failed"
        }
    );
    ret
}

/// What is left of rounds until it can be judged: whatever RCU drops takes a grace
/// period, and a race that waits for one each round has few of them.
pub(crate) struct Batch<T> {
    items: KVec<T>,
    good: fn(&T) -> bool,
}

impl<T> Batch<T> {
    /// A round is good if `good` says so, in the end and for good.
    pub(crate) fn new(good: fn(&T) -> bool) -> Self {
        Self {
            items: KVec::new(),
            good,
        }
    }

    /// Adds what is left of a round, and judges so many at a time.
    pub(crate) fn add(&mut self, item: T) -> Result {
        self.items.push(item, GFP_KERNEL)?;
        if self.items.len() == 128 {
            self.settle()?;
        }
        Ok(())
    }

    /// Judges what is there.
    pub(crate) fn settle(&mut self) -> Result {
        let good = self.good;

        ensure!(self.items.iter().all(|item| eventually(|| good(item))));
        // What an RCU callback drops may wait for another.
        rcu::rcu_barrier();
        rcu::rcu_barrier();
        ensure!(self.items.iter().all(good));
        self.items.clear();
        Ok(())
    }
}
