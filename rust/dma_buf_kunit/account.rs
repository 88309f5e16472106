// SPDX-License-Identifier: GPL-2.0

//! An account of everything, while threads on all CPUs do everything at once: each fence signals
//! once, in its context's order, each callback is called or cancelled, and each reference comes
//! back.

mod attacher;
mod board;
mod books;
mod callback;
mod closer;
mod consumer;
mod hardware;
mod job;
mod line;
mod merger;
mod producer;
mod shared;

use crate::{
    module_parameters,
    prelude::*, //
};
use books::{
    NEVER,
    REFERENCES, //
};
use shared::{
    act,
    Role,
    Shared, //
};

/// The number of CPUs that are online.
fn cpus() -> u32 {
    // SAFETY: A number that may change at any time. The tests do not change it.
    unsafe {
        (&raw const bindings::__num_online_cpus)
            .cast::<u32>()
            .read_volatile()
    }
}

/// For each role, the function that adds a thread of it on a CPU.
const ROLES: &[fn(&mut Crew, u32) -> Result] = &[
    Crew::add::<producer::Producer>,
    Crew::add::<consumer::Consumer>,
    Crew::add::<merger::Merger>,
    Crew::add::<attacher::Attacher>,
    Crew::add::<hardware::Hardware>,
    Crew::add::<closer::Closer>,
];

struct Crew {
    shared: Arc<Shared>,
    seed: u32,
    threads: KVec<Thread>,
}

impl Crew {
    fn add<T: Role>(&mut self, cpu: u32) -> Result {
        let (shared, seed) = (self.shared.clone(), self.seed);
        let thread = Thread::spawn_on(cpu, move || act::<T>(&shared, seed))?;

        self.seed = self.seed.wrapping_mul(0x9e37_79b1) + 1;
        Ok(self.threads.push(thread, GFP_KERNEL)?)
    }
}

impl Drop for Crew {
    /// The threads end, and are waited for.
    fn drop(&mut self) {
        self.shared.end();
    }
}

/// Runs the threads until as many fences as are wanted have been made.
fn play(shared: &Arc<Shared>) -> Result {
    let mut crew = Crew {
        shared: shared.clone(),
        // SAFETY: No preconditions.
        seed: unsafe { bindings::get_random_u32() },
        threads: KVec::new(),
    };

    for cpu in 0..cpus() {
        for add in ROLES {
            add(&mut crew, cpu)?;
        }
    }
    // By sleeping for short: it may take hours.
    while books::FENCES.made() < shared.wanted && !shared.is_over() {
        fsleep(Delta::from_millis(5));
    }
    drop(crew);
    ensure!(!shared.has_failed());
    Ok(())
}

/// Ends all that the threads have left: first the fences that have owners, then the contexts with
/// what is pending.
fn wind_up(shared: &Shared) -> Result {
    let mut random = Random(1);
    let mut jobs = KVec::new();
    let mut watches = KVec::new();

    for left in shared.take_left() {
        for job in left.jobs {
            jobs.push(job, GFP_KERNEL)?;
        }
        for watch in left.watches {
            watches.push(watch, GFP_KERNEL)?;
        }
    }
    for place in 0..board::PLACES {
        if let Some(job) = shared.jobs.exchange(place, None) {
            jobs.push(job, GFP_KERNEL)?;
        }
    }
    for job in &mut jobs {
        job.complete(&mut random);
    }
    shared.lines.clear(|line| line.finish(&mut random));
    shared.buffers.clear(drop);
    shared.clear_fences();
    for job in jobs {
        if job.settle().is_err() {
            NEVER.add();
        }
    }
    // Containers signal in an irq_work.
    eventually(|| watches.iter().all(|watch| watch.is_called()));
    Ok(())
}

/// Looks at the fences that were kept, to which there is no other reference any more.
fn look_at_kept(shared: &Shared) {
    let kept = shared.take_kept();

    // The last reference to a file is dropped by a work.
    eventually(|| kept.iter().all(|fence| fence.refcount() == 1));
    for fence in &kept {
        if fence.refcount() == 1 {
            REFERENCES.take_back();
        }
    }
}

#[kunit_tests(rust_dma_buf_account)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_made_comes_back() -> Result {
        books::open();
        let shared = Shared::new(
            module_parameters::fences.value().into(),
            ROLES.len() * cpus() as usize,
        )?;
        let played = play(&shared);
        let wound_up = wind_up(&shared);

        // What RCU drops may leave more to it.
        for _ in 0..3 {
            rcu::rcu_barrier();
        }
        look_at_kept(&shared);
        drop(shared);
        let is_even = eventually(books::are_even);

        books::show();
        played?;
        wound_up?;
        assert!(is_even);
        assert!(is_silent());
        Ok(())
    }
}
