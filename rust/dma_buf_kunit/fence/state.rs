// SPDX-License-Identifier: GPL-2.0

//! What may be asked of a fence: state, names, time.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_state)]
mod tests {
    use super::*;
    use crate::fixture::raw::foreign;
    use dma_buf::SyncFileAllocation;

    #[test]
    fn names_are_the_drivers_until_the_signal() -> Result {
        let context = FenceContext::new(c"a driver", c"a timeline", Mock)?;
        let driver = fixture::next(&context)?;
        let fence = driver.fence();
        let names = |driver: &CStr, timeline: &CStr| {
            let guard = rcu::read_lock();

            fence.driver_name(&guard) == driver && fence.timeline_name(&guard) == timeline
        };

        assert!(names(c"a driver", c"a timeline"));
        driver.signal(Ok(()));
        assert!(names(c"detached-driver", c"signaled-timeline"));
        drop(context);
        assert!(names(c"detached-driver", c"signaled-timeline"));
        Ok(())
    }

    #[test]
    fn line_about_a_fence_has_numbers_names_and_state() -> Result {
        let context = FenceContext::new(c"a driver", c"a timeline", Mock)?;
        let driver = fixture::next(&context)?;
        let line = CString::try_from_fmt(fmt!("{}", driver.as_fence()))?;
        let expected = CString::try_from_fmt(fmt!(
            "{}:1 a timeline a driver unsignalled",
            context.context()
        ))?;

        assert!(*line == *expected);
        let mut buffer = KVec::<u8>::from_elem(0, 256, GFP_KERNEL)?;
        // SAFETY: All of it may be zero; only what is set is used by printing.
        let mut file: bindings::seq_file = unsafe { core::mem::zeroed() };
        file.buf = buffer.as_mut_ptr().cast();
        file.size = buffer.len();
        // SAFETY: The file is valid, and nobody else uses it.
        driver
            .as_fence()
            .describe(unsafe { SeqFile::from_raw(&raw mut file) });
        assert_eq!(&buffer[..file.count - 1], line.to_bytes());
        driver.signal(Ok(()));
        Ok(())
    }

    #[test]
    fn error_shows_only_after_the_signal() -> Result {
        let (context, one) = fixture::fence()?;
        let two = fixture::next(&context)?;
        let (a, b) = (one.fence(), two.fence());

        two.signal(Err(EIO));
        assert_eq!(b.error(), None);
        one.signal(Ok(()));
        assert_eq!((a.error(), b.error()), (None, Some(EIO)));
        assert_eq!(
            (a.status(), b.status()),
            (FenceStatus::Signaled, FenceStatus::Error(EIO))
        );
        Ok(())
    }

    #[test]
    fn fence_equals_itself_alone() -> Result {
        let (context, one) = fixture::fence()?;
        let two = fixture::next(&context)?;
        let text = CString::try_from_fmt(fmt!("{:?}", one.as_fence()))?;
        let expected = CString::try_from_fmt(fmt!("Fence({})", one.as_fence()))?;

        assert!(one.fence() == one.fence() && one.leaf() == one.leaf());
        assert!(one.fence() != two.fence() && one.leaf() != two.leaf());
        assert_eq!(*one.leaf(), *one.leaf());
        assert_eq!(one.as_fence().to_unwrapped()?, one.leaf().into());
        assert!(*text == *expected);
        for driver in [one, two] {
            driver.signal(Ok(()));
        }
        Ok(())
    }

    #[test]
    fn stub_is_one_and_signalled() -> Result {
        let (a, b) = (Fence::stub(), Fence::stub());

        assert!(a == b);
        assert!(a.test_signaled_flag() && a.is_signaled());
        assert_eq!(a.status(), FenceStatus::Signaled);
        assert!(a.timestamp().is_some());
        Ok(())
    }

    #[test]
    fn signalled_fence_has_the_time_it_was_given() -> Result {
        let time = Instant::now() + Delta::from_millis(-1500);
        let (a, b) = (Fence::signaled_at(time)?, Fence::signaled_at(time)?);

        assert!(a != b);
        assert_eq!(a.status(), FenceStatus::Signaled);
        assert!(a.timestamp().is_some_and(|stamp| (stamp - time).is_zero()));
        Ok(())
    }

    /// As i915 leaves its fences, until an interrupt on the same CPU.
    #[test]
    fn signalled_fence_may_not_have_its_time_yet() -> Result {
        let fence = Fence::signaled_at(Instant::now())?;
        let timestamp = 1 << bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_TIMESTAMP_BIT;

        // SAFETY: The fence is valid, and only this test uses it.
        unsafe { (*fence.as_raw()).flags &= !timestamp };
        assert!(fence.timestamp().is_none());
        assert!(fence.test_signaled_flag());
        // SAFETY: As above. The time is still there.
        unsafe { (*fence.as_raw()).flags |= timestamp };
        assert!(fence.timestamp().is_some());
        Ok(())
    }

    #[test]
    fn seqnos_of_foreign_fences_may_wrap_in_32_bits() -> Result {
        let (a, signal_a) = foreign(7, 0xffff_fff0)?;
        let (b, signal_b) = foreign(7, 5)?;
        let (c, signal_c) = foreign(8, 6)?;

        assert_eq!(b.is_later(&a), Some(true));
        assert_eq!(a.is_later(&b), Some(false));
        assert_eq!(b.is_later(&c), None);
        signal_a();
        signal_b();
        signal_c();
        assert_eq!(a.status(), FenceStatus::Signaled);
        Ok(())
    }

    #[test]
    fn reference_from_and_to_the_c_side() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();
        let raw = fence.as_raw();

        // SAFETY: The reference is given up, and taken over again; the fence is
        // valid all along.
        let back = unsafe {
            let raw = kernel::sync::aref::ARef::into_raw(fence);
            Fence::from_raw_owned(raw.cast())
        };
        assert!(core::ptr::eq(back.as_raw(), raw));
        // SAFETY: As above.
        assert_eq!(unsafe { Fence::from_raw(raw) }.seqno(), 1);
        driver.signal(Ok(()));
        assert!(back.test_signaled_flag());
        Ok(())
    }

    #[test]
    fn file_without_a_descriptor_goes_with_its_reference() -> Result {
        let (_context, driver) = fixture::fence()?;
        let before = references(driver.as_fence());
        let file = SyncFile::new(driver.as_fence())?;

        assert_eq!(references(driver.as_fence()), before + 1);
        drop(file);
        // The kernel frees a file a little later.
        assert!(eventually(|| references(driver.as_fence()) == before));
        driver.signal(Ok(()));
        Ok(())
    }

    #[test]
    fn file_made_before_its_fence_stands_for_it() -> Result {
        let memory = SyncFileAllocation::new()?;
        let (_context, driver) = fixture::fence()?;
        let before = driver.as_fence().refcount();
        let file = memory.into_file(driver.as_fence());

        assert_eq!(driver.as_fence().refcount(), before + 1);
        drop(file);
        assert!(eventually(|| driver.as_fence().refcount() == before));
        // One that is not used goes, too.
        drop(SyncFileAllocation::new()?);
        driver.signal(Ok(()));
        Ok(())
    }

    #[test]
    fn descriptor_that_is_no_fence_is_an_error() -> Result {
        for fd in [-1, i32::MIN, i32::MAX, 1_000_000] {
            assert_eq!(SyncFile::fence_from_fd(fd).map(|_| ()), Err(EINVAL));
        }
        Ok(())
    }
}
