// SPDX-License-Identifier: GPL-2.0

//! The usages between drivers that know nothing of each other.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_resv_usage)]
mod tests {
    use super::*;
    use dma_buf::resv::ResvHandle;

    /// A buffer that several drivers use.
    struct Buffer {
        resv: Arc<Resv>,
    }

    impl HasResv for Buffer {
        fn resv(&self) -> &Resv {
            &self.resv
        }
    }

    fn buffer() -> Result<Arc<Buffer>> {
        Ok(Arc::new(Buffer { resv: object()? }, GFP_KERNEL)?)
    }

    /// A job of a driver with a timeline of its own.
    struct Job {
        _context: FenceContext<Mock>,
        fence: DriverFence<Mock>,
        /// The fences that it waits for before it may begin.
        before: KVec<ARef<Fence>>,
    }

    impl Job {
        fn may_begin(&self) -> bool {
            self.before.iter().all(|fence| fence.is_signaled())
        }

        fn complete(self) {
            self.fence.signal(Ok(()));
        }
    }

    /// Submits a job as any driver does: it waits for `after`, and adds its fence as `usage`.
    fn submit(buffer: &Arc<Buffer>, after: ResvUsage, usage: ResvUsage) -> Result<Job> {
        let (context, fence) = fixture::fence()?;
        let mut guard = ResvGuard::lock_interruptible(buffer.clone())?;
        let before = guard.get_fences(after)?;

        guard.reserve_one()?.add(&fence.leaf(), usage);
        Ok(Job {
            _context: context,
            fence,
            before,
        })
    }

    fn access(buffer: &Arc<Buffer>, write: bool) -> Result<Job> {
        let usage = if write {
            ResvUsage::Write
        } else {
            ResvUsage::Read
        };

        submit(buffer, ResvUsage::for_access(write), usage)
    }

    #[test]
    fn access_names_what_to_wait_for() -> Result {
        assert_eq!(ResvUsage::for_access(true), ResvUsage::Read);
        assert_eq!(ResvUsage::for_access(false), ResvUsage::Write);
        assert!(ResvUsage::ALL.is_sorted());
        Ok(())
    }

    #[test]
    fn reader_comes_after_the_writer_and_beside_readers() -> Result {
        let buffer = buffer()?;
        let writer = access(&buffer, true)?;
        let (one, two) = (access(&buffer, false)?, access(&buffer, false)?);

        assert!(writer.may_begin());
        assert!(!one.may_begin() && !two.may_begin());
        writer.complete();
        assert!(one.may_begin() && two.may_begin());
        one.complete();
        two.complete();
        Ok(())
    }

    #[test]
    fn writer_comes_after_readers_and_after_the_writer() -> Result {
        let buffer = buffer()?;
        let (one, two) = (access(&buffer, false)?, access(&buffer, false)?);
        let writer = access(&buffer, true)?;
        let next = access(&buffer, true)?;

        assert!(one.may_begin() && two.may_begin());
        one.complete();
        assert!(!writer.may_begin());
        two.complete();
        assert!(writer.may_begin());
        assert!(!next.may_begin());
        writer.complete();
        assert!(next.may_begin());
        next.complete();
        Ok(())
    }

    /// A move waits for all earlier users of the memory, and all later ones wait for it.
    #[test]
    fn kernel_move_waits_for_all_and_all_wait_for_it() -> Result {
        let buffer = buffer()?;
        let reader = access(&buffer, false)?;
        let binding = submit(&buffer, ResvUsage::Kernel, ResvUsage::Bookkeep)?;
        let moved = submit(&buffer, ResvUsage::Bookkeep, ResvUsage::Kernel)?;
        let after = [
            access(&buffer, false)?,
            access(&buffer, true)?,
            submit(&buffer, ResvUsage::Kernel, ResvUsage::Bookkeep)?,
        ];

        reader.complete();
        assert!(!moved.may_begin());
        binding.complete();
        assert!(moved.may_begin());
        // Each waits for the move, whatever else it waits for.
        let [reader, writer, binding] = &after;
        for job in [reader, writer, binding] {
            assert!(!job.may_begin());
        }
        assert_eq!(
            FenceWait::new()
                .timeout(Delta::ZERO)
                .wait_resv(buffer.resv(), ResvUsage::Kernel),
            Err(WaitError::TimedOut)
        );
        moved.complete();
        assert!(reader.may_begin() && binding.may_begin());
        assert_eq!(buffer.resv().wait(ResvUsage::Kernel), Ok(()));
        for job in after {
            job.complete();
        }
        Ok(())
    }

    #[test]
    fn bookkeeping_is_ignored_by_implicit_synchronisation() -> Result {
        let buffer = buffer()?;
        let explicit = submit(&buffer, ResvUsage::Kernel, ResvUsage::Bookkeep)?;
        let (reader, writer) = (access(&buffer, false)?, access(&buffer, true)?);

        assert!(reader.may_begin());
        reader.complete();
        assert!(writer.may_begin());
        writer.complete();
        assert!(buffer.resv().test_signaled(ResvUsage::Read));
        // An eviction waits for it.
        let evicted = submit(&buffer, ResvUsage::Bookkeep, ResvUsage::Kernel)?;
        assert!(!evicted.may_begin());
        explicit.complete();
        assert!(evicted.may_begin());
        evicted.complete();
        Ok(())
    }

    /// An explicitly synchronised job takes part after all, as with
    /// DMA_BUF_IOCTL_IMPORT_SYNC_FILE.
    #[test]
    fn bookkeeping_that_is_promoted_is_waited_for() -> Result {
        let buffer = buffer()?;
        let explicit = submit(&buffer, ResvUsage::Kernel, ResvUsage::Bookkeep)?;
        let fence = explicit.fence.leaf();

        let first = access(&buffer, false)?;
        assert!(first.may_begin());
        first.complete();
        ResvGuard::lock(buffer.clone())
            .reserve_one()?
            .add(&fence, ResvUsage::Write);
        let reader = access(&buffer, false)?;
        assert!(!reader.may_begin());
        explicit.complete();
        assert!(reader.may_begin());
        reader.complete();
        assert!(ResvHandle::resv(&buffer).test_signaled(ResvUsage::Bookkeep));
        Ok(())
    }
}
