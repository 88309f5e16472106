// SPDX-License-Identifier: GPL-2.0

//! What a driver says of its fences.

use kernel::{
    prelude::*,
    time::{
        Instant,
        Monotonic, //
    }, //
};

/// What a driver says of the fences of its contexts.
///
/// The implementing type is the context's own data, which the operations get,
/// and which [`FenceContext`] dereferences to.
///
/// The operations are optional. The core calls them on a fence that has not
/// signalled; what they are lent stays alive for a grace period after it has.
/// They may run at the same time on several CPUs, with interrupts off and with
/// the fence's lock held, so they must neither sleep, nor take a lock that is
/// held elsewhere with interrupts on, nor use the context or a handle of the
/// fence to signal.
#[vtable]
pub trait FenceContextOps: Send + Sync + Sized + 'static {
    /// The driver's data in each fence.
    ///
    /// It is dropped once both its handle is gone and the fence has signalled,
    /// and a grace period has passed since, in softirq context; so its drop must
    /// not sleep. If the handle is leaked, so is the data.
    type FenceData: Send + Sync + 'static;

    /// Somebody waits: have the hardware tell when it is done.
    ///
    /// Called once at most for a fence, with its lock held. Returns the result
    /// if the work turns out to be complete; the fence then signals soon, in its
    /// turn.
    ///
    /// C: `dma_fence_ops::enable_signaling`
    fn enable_signaling(&self, _data: &Self::FenceData, _seqno: u64) -> Option<Result> {
        build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }

    /// Whether the work is complete, and with what result.
    ///
    /// Called whenever somebody asks, perhaps with the fence's lock held. The
    /// fence then signals soon, in its turn.
    ///
    /// C: `dma_fence_ops::signaled`
    fn signaled(&self, _data: &Self::FenceData, _seqno: u64) -> Option<Result> {
        build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }

    /// Somebody hopes that the work is complete by then. Only a hint.
    ///
    /// Called any number of times, perhaps in atomic context, without the
    /// fence's lock.
    ///
    /// C: `dma_fence_ops::set_deadline`
    fn set_deadline(&self, _data: &Self::FenceData, _seqno: u64, _deadline: Instant<Monotonic>) {
        build_error!(kernel::error::VTABLE_DEFAULT_ERROR)
    }
}
