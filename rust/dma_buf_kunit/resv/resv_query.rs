// SPDX-License-Identifier: GPL-2.0

//! Queries that do not need the lock.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_resv_query)]
mod tests {
    use super::*;

    #[test]
    fn signalled_is_asked_for_a_usage_and_those_before() -> Result {
        for usage in ResvUsage::ALL {
            let f = Fences::new(1)?;
            let resv = with(&[(&f.leaf(0), usage)])?;

            for asked in ResvUsage::ALL {
                assert_eq!(resv.test_signaled(asked), asked < usage);
                assert_eq!(resv.get_fences(asked)?.is_empty(), asked < usage);
                let wait = FenceWait::new().timeout(Delta::ZERO);
                assert_eq!(wait.wait_resv(&resv, asked).is_ok(), asked < usage);
            }
            f.signal(0);
            assert!(resv.test_signaled(ResvUsage::Bookkeep));
        }
        assert!(object()?.test_signaled(ResvUsage::Bookkeep));
        Ok(())
    }

    /// Queries ignore the lock.
    #[test]
    fn asked_while_another_has_it_locked() -> Result {
        let f = Fences::new(1)?;
        let resv = with(&[(&f.leaf(0), ResvUsage::Read)])?;
        let theirs = resv.clone();
        let _holder = Holder::new(move |hold| {
            let _guard = ResvGuard::lock(theirs);
            hold();
        })?;

        assert!(resv.is_locked());
        assert!(!resv.test_signaled(ResvUsage::Read));
        assert_eq!(resv.get_fences(ResvUsage::Read)?.len(), 1);
        assert_eq!(
            FenceWait::new()
                .timeout(Delta::from_millis(1))
                .wait_resv(&resv, ResvUsage::Read),
            Err(WaitError::TimedOut)
        );
        f.signal(0);
        assert_eq!(resv.wait(ResvUsage::Read), Ok(()));
        Ok(())
    }

    #[test]
    fn one_fence_for_all_is_none_or_the_fence_or_an_array() -> Result {
        let f = Fences::new(3)?;
        let resv = with(&[
            (&f.leaf(0), ResvUsage::Write),
            (&f.leaf(1), ResvUsage::Read),
            (&f.leaf(2), ResvUsage::Bookkeep),
        ])?;

        assert!(resv.get_singleton(ResvUsage::Kernel)?.is_none());
        let one = resv.get_singleton(ResvUsage::Write)?.ok_or(ENOENT)?;
        assert!(is_same(&one, f.fence(0)));
        let two = resv.get_singleton(ResvUsage::Read)?.ok_or(ENOENT)?;
        assert!(two.is_array() && has_leaves(&two, &[f.fence(0), f.fence(1)]));
        // It can be added by its leaves.
        let mut guard = ResvGuard::lock(object()?);
        guard.add_leaves(&two, ResvUsage::Kernel)?;
        assert_eq!(guard.fences(ResvUsage::Kernel).count(), 2);

        f.signal(0);
        assert!(!two.is_signaled());
        f.signal(1);
        assert!(two.wait_timeout(long()).is_ok());
        assert!(resv.get_singleton(ResvUsage::Read)?.is_none());
        Ok(())
    }

    #[test]
    fn line_for_each_fence_but_for_bookkeeping() -> Result {
        let f = Fences::new(4)?;
        let mut guard = ResvGuard::lock(object()?);

        for (i, usage) in ResvUsage::ALL.into_iter().enumerate() {
            add(&mut guard, &f.leaf(i), usage)?;
        }
        let expected = CString::try_from_fmt(fmt!(
            "\tkernel fence:{}\n\twrite fence:{}\n\tread fence:{}\n",
            f.fence(0),
            f.fence(1),
            f.fence(2)
        ))?;
        let mut buffer = KVec::<u8>::from_elem(0, 512, GFP_KERNEL)?;
        // SAFETY: A zeroed `seq_file` is valid. Printing uses only the fields set below.
        let mut file: bindings::seq_file = unsafe { core::mem::zeroed() };
        file.buf = buffer.as_mut_ptr().cast();
        file.size = buffer.len();
        // SAFETY: The file is valid, and only this task uses it.
        guard.describe(unsafe { SeqFile::from_raw(&raw mut file) });
        assert_eq!(&buffer[..file.count], expected.to_bytes());
        Ok(())
    }
}
