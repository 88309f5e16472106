// SPDX-License-Identifier: GPL-2.0

//! How the work of a fence uses a buffer.

use crate::bindings;

/// How the work of a fence uses the buffer, and so who has to wait for it.
///
/// The usages are ordered from the strongest, `Kernel`, to the weakest, `Bookkeep`. A query for one
/// usage finds the fences of all stronger usages as well.
///
/// | Usage | Added by | Waited for by |
/// |---|---|---|
/// | `Kernel` | the driver, when it moves, clears or evicts the buffer | every access to the memory, unless the buffer is pinned |
/// | `Write` | a submission that writes, with implicit synchronisation | later submissions that read or write, with implicit synchronisation |
/// | `Read` | a submission that only reads, with implicit synchronisation | later submissions that write, with implicit synchronisation |
/// | `Bookkeep` | work outside of implicit synchronisation: explicitly synchronised submissions, page table updates, preemption fences | the driver, when it takes the memory away: a move, an eviction, the end of the buffer |
///
/// Two drivers that share a buffer need to know no more than this:
///
/// - A reader adds its fence as `Read`, and waits for `for_access(false)`: moves and writers. It
///   runs beside other readers.
/// - A writer adds its fence as `Write`, and waits for `for_access(true)`: moves, writers and
///   readers.
/// - A driver that moves the memory waits for `Bookkeep`, which is everything, and adds the fence
///   of its copy as `Kernel`, so that everything waits for it.
/// - A submission that user space synchronises explicitly adds its fence as `Bookkeep`. It waits
///   for `Kernel` only, and no implicitly synchronised work waits for it. User space can still make
///   others wait, by `DMA_BUF_IOCTL_IMPORT_SYNC_FILE`, which adds the fence as `Read` or `Write`.
///
/// A fence can be promoted: add it again with a stronger usage. It cannot be demoted, as others may
/// rely on it.
///
/// # Examples
///
/// Who waits for a pending fence of each usage:
///
/// ```
/// use dma_buf::{
///     resv::{Resv, ResvUsage},
///     FenceContext, FenceContextOps,
/// };
/// use kernel::{prelude::*, sync::Arc};
///
/// struct Engine;
///
/// #[vtable]
/// impl FenceContextOps for Engine {
///     type FenceData = ();
/// }
///
/// for (usage, reader_waits, writer_waits) in [
///     (ResvUsage::Kernel, true, true),
///     (ResvUsage::Write, true, true),
///     (ResvUsage::Read, false, true),
///     (ResvUsage::Bookkeep, false, false),
/// ] {
///     let engine = FenceContext::new(c"mygpu", c"engine", Engine)?;
///     let job = engine.new_fence(engine.new_fence_allocation(())?);
///     let resv = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
///
///     resv.with_lock(|resv| {
///         resv.reserve_one()?.add(&job.leaf(), usage);
///         Ok::<(), Error>(())
///     })?;
///     assert_eq!(!resv.test_signaled(ResvUsage::for_access(false)), reader_waits);
///     assert_eq!(!resv.test_signaled(ResvUsage::for_access(true)), writer_waits);
///     // A driver that takes the memory away waits for everything.
///     assert!(!resv.test_signaled(ResvUsage::Bookkeep));
///
///     job.signal(Ok(()));
///     assert!(resv.test_signaled(ResvUsage::Bookkeep));
/// }
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum ResvUsage {
    /// Memory management by the kernel: moving, clearing, evicting.
    Kernel = bindings::dma_resv_usage_DMA_RESV_USAGE_KERNEL,
    /// An implicitly synchronised write.
    Write = bindings::dma_resv_usage_DMA_RESV_USAGE_WRITE,
    /// An implicitly synchronised read.
    Read = bindings::dma_resv_usage_DMA_RESV_USAGE_READ,
    /// No implicit synchronisation. The memory is in use.
    Bookkeep = bindings::dma_resv_usage_DMA_RESV_USAGE_BOOKKEEP,
}

impl ResvUsage {
    /// All usages, from the strongest to the weakest.
    pub const ALL: [ResvUsage; 4] = [
        ResvUsage::Kernel,
        ResvUsage::Write,
        ResvUsage::Read,
        ResvUsage::Bookkeep,
    ];

    /// Returns the usage to wait for before an implicitly synchronised access: `Read` before a
    /// write, `Write` before a read.
    ///
    /// Context: any.
    ///
    /// C function: `dma_resv_usage_rw()`
    #[inline]
    pub const fn for_access(write: bool) -> Self {
        if write {
            ResvUsage::Read
        } else {
            ResvUsage::Write
        }
    }

    #[inline]
    pub(crate) const fn as_raw(self) -> bindings::dma_resv_usage {
        self as bindings::dma_resv_usage
    }

    /// Converts a usage of a fence in a list. C has no other values.
    #[inline]
    pub(crate) const fn from_raw(usage: bindings::dma_resv_usage) -> Self {
        match usage {
            bindings::dma_resv_usage_DMA_RESV_USAGE_KERNEL => ResvUsage::Kernel,
            bindings::dma_resv_usage_DMA_RESV_USAGE_WRITE => ResvUsage::Write,
            bindings::dma_resv_usage_DMA_RESV_USAGE_READ => ResvUsage::Read,
            _ => ResvUsage::Bookkeep,
        }
    }
}
