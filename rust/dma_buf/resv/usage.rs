// SPDX-License-Identifier: GPL-2.0

//! What a fence in a reservation object stands for.

use crate::bindings;

/// What the work of a fence does to the buffer, and so who must wait for it.
///
/// The order is that of the kernel: who asks for one usage is given the fences of
/// all before it as well.
///
/// | Usage | Who adds it | Who must wait for it |
/// |---|---|---|
/// | `Kernel` | the driver that moves, clears or evicts the buffer | everybody, always, before touching the memory, unless it is pinned |
/// | `Write` | a submission that writes, with implicit synchronisation | those after it that read or write, with implicit synchronisation |
/// | `Read` | a submission that only reads, with implicit synchronisation | those after it that write, with implicit synchronisation |
/// | `Bookkeep` | whoever uses the memory without that: explicitly synchronised submissions, page table updates, preemption fences | only who takes the memory away: a move, an eviction, the end of the buffer |
///
/// Between two drivers that share a buffer, and know of each other only this:
///
/// - A reader adds its fence as `Read` and waits for `for_access(false)`, that is for
///   kernel moves and writers; it runs beside other readers.
/// - A writer adds its fence as `Write` and waits for `for_access(true)`, that is for
///   kernel moves, writers and readers.
/// - Whoever moves the memory waits for `Bookkeep`, that is for everything, and adds
///   its copy as `Kernel`, so that everybody waits for it.
/// - User space that synchronises explicitly is not made to wait, and makes nobody
///   wait: its driver adds `Bookkeep`. It takes part after all by
///   `DMA_BUF_IOCTL_IMPORT_SYNC_FILE`, which adds the fence as `Read` or `Write`.
///
/// A fence that was added can be promoted, by adding it once more with a usage that
/// comes before; nothing takes back what others may rely on.
///
/// # Examples
///
/// A reader waits for a writer, a writer for readers, everybody for a move, and for
/// what is mere bookkeeping nobody does who synchronises implicitly:
///
/// ```
/// use dma_buf::{FenceContext, FenceContextOps, Resv, ResvGuard, ResvLocked, Usage};
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
///     (Usage::Kernel, true, true),
///     (Usage::Write, true, true),
///     (Usage::Read, false, true),
///     (Usage::Bookkeep, false, false),
/// ] {
///     let engine = FenceContext::new(c"mygpu", c"engine", Engine)?;
///     let job = engine.new_fence(engine.new_fence_allocation(())?);
///     let resv = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
///
///     ResvGuard::lock(resv.clone()).reserve_one()?.add(&job.leaf(), usage);
///     assert_eq!(!resv.test_signaled(Usage::for_access(false)), reader_waits);
///     assert_eq!(!resv.test_signaled(Usage::for_access(true)), writer_waits);
///     // Who takes the memory away waits for everything.
///     assert!(!resv.test_signaled(Usage::Bookkeep));
///
///     job.signal(Ok(()));
///     assert!(resv.test_signaled(Usage::Bookkeep));
/// }
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Usage {
    /// The kernel's memory management: moving, clearing, evicting.
    Kernel = bindings::dma_resv_usage_DMA_RESV_USAGE_KERNEL,
    /// An implicitly synchronised write.
    Write = bindings::dma_resv_usage_DMA_RESV_USAGE_WRITE,
    /// An implicitly synchronised read.
    Read = bindings::dma_resv_usage_DMA_RESV_USAGE_READ,
    /// No implicit synchronisation; the memory is in use, that is all.
    Bookkeep = bindings::dma_resv_usage_DMA_RESV_USAGE_BOOKKEEP,
}

impl Usage {
    /// All of them, in their order.
    pub const ALL: [Usage; 4] = [Usage::Kernel, Usage::Write, Usage::Read, Usage::Bookkeep];

    /// What to wait for before an implicitly synchronised access: a write waits for
    /// reads, and what that includes; a read only for writes.
    ///
    /// C function: `dma_resv_usage_rw()`
    ///
    /// # Examples
    ///
    /// ```
    /// use dma_buf::Usage;
    ///
    /// assert_eq!(Usage::for_access(true), Usage::Read);
    /// assert_eq!(Usage::for_access(false), Usage::Write);
    /// ```
    #[inline]
    pub const fn for_access(write: bool) -> Self {
        if write {
            Usage::Read
        } else {
            Usage::Write
        }
    }

    /// For C.
    #[inline]
    pub(crate) const fn as_raw(self) -> bindings::dma_resv_usage {
        self as bindings::dma_resv_usage
    }

    /// From C, which knows these four.
    #[inline]
    pub(crate) const fn from_raw(usage: bindings::dma_resv_usage) -> Self {
        match usage {
            bindings::dma_resv_usage_DMA_RESV_USAGE_KERNEL => Usage::Kernel,
            bindings::dma_resv_usage_DMA_RESV_USAGE_WRITE => Usage::Write,
            bindings::dma_resv_usage_DMA_RESV_USAGE_READ => Usage::Read,
            _ => Usage::Bookkeep,
        }
    }
}
