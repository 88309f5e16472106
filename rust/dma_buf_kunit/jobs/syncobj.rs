// SPDX-License-Identifier: GPL-2.0

//! Syncobjs.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_syncobj)]
mod tests {
    use super::*;
    use dma_buf::drm::{
        SyncObj,
        SyncObjSlot, //
    };

    fn add(syncobj: &ARef<SyncObj>, fence: &Leaf, point: u64) -> Result {
        SyncObjSlot::for_syncobj(syncobj.clone(), point)?.add(fence);
        Ok(())
    }

    #[test]
    fn binary_has_the_last_fence() -> Result {
        let (context, first) = fixture::fence()?;
        let second = next(&context)?;
        let syncobj = SyncObj::new()?;

        assert!(syncobj.fence().is_none());
        assert!(syncobj.find_fence(0).is_none());
        add(&syncobj, first.as_leaf(), 0)?;
        assert!(syncobj
            .fence()
            .is_some_and(|fence| *fence == *first.as_fence()));
        add(&syncobj, second.as_leaf(), 0)?;
        assert!(syncobj
            .find_fence(0)
            .is_some_and(|fence| *fence == *second.as_fence()));
        syncobj.replace_fence(None);
        assert!(syncobj.fence().is_none());
        first.signal(Ok(()));
        second.signal(Ok(()));
        Ok(())
    }

    #[test]
    fn timeline_knows_what_is_not_there_yet() -> Result {
        let (context, first) = fixture::fence()?;
        let second = next(&context)?;
        let syncobj = SyncObj::new()?;

        assert!(syncobj.find_fence(1).is_none());
        add(&syncobj, first.as_leaf(), 3)?;
        add(&syncobj, second.as_leaf(), 7)?;
        for (point, seqno) in [(1, 3), (3, 3), (4, 7), (7, 7), (0, 7)] {
            let link = syncobj.find_fence(point).ok_or(ENOENT)?;

            assert_eq!(link.seqno(), seqno);
            assert_eq!(link.status(), FenceStatus::Pending);
        }
        assert!(syncobj.find_fence(8).is_none());

        first.signal(Ok(()));
        assert!(syncobj
            .find_fence(3)
            .is_some_and(|fence| fence.is_signaled()));
        assert!(syncobj
            .find_fence(7)
            .is_some_and(|fence| !fence.is_signaled()));
        second.signal(Ok(()));
        for point in [0, 3, 5, 7] {
            assert!(syncobj
                .find_fence(point)
                .is_some_and(|fence| fence.is_signaled()));
        }
        Ok(())
    }

    #[test]
    fn timeline_takes_points_out_of_order_and_arrays() -> Result {
        let (context, first) = fixture::fence()?;
        let (other, second) = fixture::fence()?;
        let third = next(&context)?;
        let syncobj = SyncObj::new()?;
        let both = dma_buf::unwrap::unwrap_merge([first.as_fence(), second.as_fence()])?;

        syncobj.add_point(FenceChainAllocation::new()?, both, 5);
        add(&syncobj, third.as_leaf(), 2)?;
        let tail = syncobj.fence().ok_or(ENOENT)?;
        // It does not go back.
        assert_eq!(tail.seqno(), 5);
        third.signal(Ok(()));
        assert!(!tail.is_signaled());
        first.signal(Ok(()));
        second.signal(Ok(()));
        assert!(tail.is_signaled());
        drop(other);
        Ok(())
    }

    #[test]
    fn fence_outlives_its_syncobj() -> Result {
        let (_context, job) = fixture::fence()?;
        let syncobj = SyncObj::new()?;

        add(&syncobj, job.as_leaf(), 1)?;
        let fence: ARef<Fence> = syncobj.find_fence(1).ok_or(ENOENT)?;
        drop(syncobj);
        assert!(!fence.is_signaled());
        job.signal(Ok(()));
        assert!(fence.is_signaled());
        Ok(())
    }
}
