// SPDX-License-Identifier: GPL-2.0

//! The handle by which a driver signals a fence, and the data in that.

mod fixture;

use fixture::*;
use kernel::error::code::EIO;

fn signals(job: DriverFence<Ring>) {
    // An error is not set but by the signal.
    #[cfg(fault = "error_set_apart")]
    job.as_fence().set_error(EIO); //~ E0599 no method named `set_error` found

    // A fence is not signalled but with its lock taken for that.
    #[cfg(fault = "signal_locked")]
    job.signal_locked(Ok(())); //~ E0599 no method named `signal_locked` found

    // A fence that was dropped, and so cancelled, is not signalled.
    #[cfg(fault = "signal_dropped")]
    drop(job);
    job.signal(Err(EIO)); //~ E0382 use of moved value: `job`

    // A fence signals once.
    #[cfg(fault = "signal_twice")]
    job.signal(Ok(())); //~ E0382 use of moved value: `job`
}

fn borrows(job: &DriverFence<Ring>) {
    let _fence = job.fence();

    // The right to signal cannot be doubled.
    #[cfg(fault = "clone_driver_fence")]
    let _second: DriverFence<Ring> = job.clone(); //~ E0308 mismatched types

    // A driver's fence is signalled by its owner, not by who has borrowed it.
    #[cfg(fault = "signal_borrowed")]
    job.signal(Ok(())); //~ E0507 cannot move out of `*job`
}

fn waits(fence: ARef<Fence>) {
    fence.test_signaled_flag();

    // Who may only wait cannot signal.
    #[cfg(fault = "signal_through_fence")]
    fence.signal(Ok(())); //~ E0599 no method named `signal` found

    // The right to signal cannot be had from who may only wait.
    #[cfg(fault = "driver_fence_from_fence")]
    let _job: DriverFence<Ring> = fence.into(); //~ E0277 is not satisfied
}

/// A handle is only made by publication.
fn made(job: DriverFence<Ring>) -> DriverFence<Ring> {
    #[cfg(fault = "driver_fence_by_hand")]
    let job = DriverFence::from_inner(job.inner);
    //~^ E0624 associated function `from_inner` is private
    //~| E0616 field `inner` of struct
    job
}

/// What is borrowed as a fence goes with the handle; a reference stays.
fn fence_stays(job: DriverFence<Ring>) -> u64 {
    #[cfg(fault = "fence_after_signal")]
    let fence = job.as_fence();
    #[cfg(not(fault = "fence_after_signal"))]
    let fence = job.fence();
    job.signal(Ok(())); //~ E0505 cannot move out of `job` because it is borrowed
    fence.seqno()
}

fn data(job: DriverFence<Ring>) -> u32 {
    let data = job.data();

    // A fence's data is not used after the handle has gone.
    #[cfg(fault = "data_after_drop")]
    drop(job); //~ E0505 cannot move out of `job` because it is borrowed

    // A fence's data is not used after the fence has signalled.
    #[cfg(fault = "data_after_signal")]
    job.signal(Ok(())); //~ E0505 cannot move out of `job` because it is borrowed

    data.number
}

/// A published fence's data is shared, so it cannot be changed without a lock.
fn data_shared(job: &mut DriverFence<Ring>) -> u32 {
    #[cfg(fault = "data_mutable")]
    {
        job.data().number = 2; //~ E0594 cannot assign to data in a `&` reference
    }
    job.data().number
}

/// A fence's data does not outlive the handle it is borrowed from.
#[cfg(fault = "data_returned")]
fn data_lent(ring: &FenceContext<Ring>, memory: DriverFenceAllocation<Ring>) -> &Job {
    let job = ring.new_fence(memory);
    job.data() //~ E0515 cannot return value referencing local variable `job`
}

#[cfg(not(fault = "data_returned"))]
fn data_lent(ring: &FenceContext<Ring>, memory: DriverFenceAllocation<Ring>) -> u32 {
    let job = ring.new_fence(memory);
    job.data().number
}
