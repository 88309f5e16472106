// SPDX-License-Identifier: GPL-2.0

//! Queues of jobs.

mod fixture;

use dma_buf::job_queue::{
    JobQueue,
    JobRunner,
    PreparedJob,
    PublishedJob, //
};
use fixture::*;

struct Runner;

impl JobRunner for Runner {
    type Job = ();

    fn run(&self, _job: &(), _seqno: u64, _section: &SignallingSection<'_>) -> Result {
        Ok(())
    }

    fn stop(&self, _section: &SignallingSection<'_>) {}
}

/// A job is pushed once.
fn pushed(job: PublishedJob<'_, Runner>) {
    job.push();
    #[cfg(fault = "job_pushed_twice")]
    job.push(); //~ E0382 use of moved value: `job`
}

/// A queue stays as long as one of its jobs is to be pushed.
fn beyond_queue(queue: JobQueue<Runner>, prepared: PreparedJob<Runner>) {
    let job = queue.publish(prepared);
    #[cfg(fault = "published_job_beyond_queue")]
    drop(queue); //~ E0505 cannot move out of `queue` because it is borrowed
    job.push();
}

/// A published job is in a section of its thread, and is pushed there.
fn sent(prepared: PreparedJob<Runner>, job: PublishedJob<'_, Runner>) {
    require_send(prepared);
    #[cfg(fault = "published_job_sent")]
    require_send(job); //~ E0277 cannot be sent between threads safely
    #[cfg(not(fault = "published_job_sent"))]
    job.push();
}
