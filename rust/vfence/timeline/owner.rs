// SPDX-License-Identifier: GPL-2.0

//! What a timeline is told by fences.

use kernel::sync::Arc;

/// The timeline, as its contexts and the callbacks of its jobs know it.
pub(crate) trait Owner: Send + Sync {
    /// The in-fences of the job with this number have signalled.
    ///
    /// Context: any, with the lock of a fence held.
    fn ready(self: Arc<Self>, number: u64);

    /// The bound has come, and `count` fences have signalled.
    ///
    /// Context: any; no fence lock held.
    fn expired(self: Arc<Self>, count: usize);
}
