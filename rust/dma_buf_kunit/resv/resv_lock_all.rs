// SPDX-License-Identifier: GPL-2.0

//! Sets of reservation objects, locked by several threads at the same time.

use crate::fixture::worker::Shared;
use crate::prelude::*;

/// The least number of rounds of each thread.
const ROUNDS: u64 = 50;

/// The least time, which is longer than that of other races: the threads meet by chance.
const TIME: Delta = Delta::from_secs(3);

/// The number of turns without a round of any thread after which the test fails. A clock would not
/// do: a guest that stands still loses time, but no turns.
const PATIENCE: u32 = 60_000;

/// Runs threads that lock sets, until the time is over.
fn contend(threads: usize) -> Result {
    if !possible() {
        return Ok(());
    }

    let shared = Shared::new()?;
    let mut running = KVec::new();

    for index in 0..threads {
        let theirs = shared.clone();

        running.push(
            Thread::spawn_on(index as u32 % 2, move || worker::work(&theirs, index)),
            GFP_KERNEL,
        )?;
    }
    let is_complete = running.iter().all(|thread| thread.is_ok());
    let start = Instant::<Monotonic>::now();
    let time = duration().max(TIME);
    let (mut last, mut idle, mut turn) = (0, 0, 0);

    while is_complete && !shared.has_failed() {
        let progress = &shared.progress()[..threads];
        let rounds = progress.iter().map(|p| p.rounds.load(Relaxed));
        let interrupted = progress.iter().map(|p| p.interrupted.load(Relaxed));
        let done = rounds.clone().sum::<u64>();

        if start.elapsed() >= time
            && rounds.min().is_some_and(|rounds| rounds >= ROUNDS)
            && interrupted.sum::<u64>() > 0
        {
            break;
        }
        idle = if done == last { idle + 1 } else { 0 };
        last = done;
        if idle == PATIENCE {
            pr_err!("no progress after {} rounds\n", done);
            stay();
            // The threads may never end.
            core::mem::forget(running);
            return Err(EDEADLK);
        }
        fsleep(Delta::from_millis(1));
        turn += 1;
        shared.interrupt(turn % threads);
    }
    shared.stop();
    drop(running);

    for (index, progress) in shared.progress()[..threads].iter().enumerate() {
        pr_info!(
            "thread {}: {} rounds, and {} interrupted\n",
            index,
            progress.rounds.load(Relaxed),
            progress.interrupted.load(Relaxed)
        );
    }
    ensure!(is_complete && !shared.has_failed());
    shared.check()
}

/// Keeps this module loaded, as threads may still run.
fn stay() {
    // SAFETY: The module is alive, as it runs.
    unsafe { bindings::__module_get(kernel::module::this_module::<crate::LocalModule>().as_ptr()) };
}

#[kunit_tests(rust_dma_buf_resv_lock_all)]
mod tests {
    use super::*;

    #[test]
    fn race_of_two_threads() -> Result {
        assert!(contend(2).is_ok());
        Ok(())
    }

    #[test]
    fn race_of_four_threads() -> Result {
        assert!(contend(4).is_ok());
        Ok(())
    }
}
