// SPDX-License-Identifier: GPL-2.0

//! The time of a signal that comes after it, and may change.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_timestamp)]
mod tests {
    use super::*;
    use crate::fixture::{
        raw::foreign,
        sleeps,
        workqueue::Workqueue, //
    };
    use kernel::time::hrtimer::HrTimerExpires;

    /// Sets a flag that is not set.
    fn set(fence: &Fence, bit: bindings::dma_fence_flag_bits) {
        // SAFETY: The fence is valid, and its flags are changed atomically.
        let flags = unsafe { Atomic::from_ptr(&raw mut (*fence.as_raw()).flags) };

        flags.fetch_add(1usize << bit, Release);
    }

    /// A fence that has signalled and has no time yet, as those of a driver are that
    /// puts it in from an interrupt.
    fn signalled() -> Result<ARef<Fence>> {
        let (fence, _) = foreign(1, 1)?;

        set(
            &fence,
            bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_SIGNALED_BIT,
        );
        Ok(fence)
    }

    /// Puts the time of a fence that has signalled in, or a better one.
    fn put(fence: &Fence, ns: i64) {
        // SAFETY: A fence that has signalled, without callbacks, has its time there.
        let timestamp =
            unsafe { Atomic::from_ptr(&raw mut (*fence.as_raw()).__bindgen_anon_2.timestamp) };

        timestamp.store(ns, Relaxed);
    }

    fn put_first(fence: &Fence, ns: i64) {
        put(fence, ns);
        set(
            fence,
            bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_TIMESTAMP_BIT,
        );
    }

    fn time(fence: &Fence) -> Option<i64> {
        fence.timestamp().map(|time| time.as_nanos())
    }

    #[test]
    fn is_the_latest_that_was_put_in() -> Result {
        let fence = signalled()?;

        assert_eq!(time(&fence), None);
        put_first(&fence, 1000);
        assert_eq!(time(&fence), Some(1000));
        // The kernel's scheduler does this.
        put(&fence, 3000);
        assert_eq!(time(&fence), Some(3000));
        assert_eq!(time(&*unwrap_merge([&*fence])?), Some(3000));
        Ok(())
    }

    /// Another CPU may see the flag before the time.
    #[test]
    fn flag_alone_is_not_the_time() -> Result {
        let fence = signalled()?;

        set(
            &fence,
            bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_TIMESTAMP_BIT,
        );
        assert_eq!(time(&fence), None);
        // With an error the merge is a fence of its own, which has the time alone.
        // SAFETY: The fence is valid, and only this test uses it.
        unsafe { (*fence.as_raw()).error = EIO.to_errno() };
        assert_eq!(time(&*unwrap_merge([&*fence])?), Some(0));
        put(&fence, 1000);
        assert_eq!(time(&fence), Some(1000));
        Ok(())
    }

    /// Whoever puts it in may need the CPU, and be less urgent.
    #[test]
    fn merge_sleeps_until_it_is_put_in() -> Result {
        let fence = signalled()?;
        let slept = Counter::new()?;
        let queue = Workqueue::new()?;

        {
            let (fence, slept) = (fence.clone(), slept.clone());
            let waiting = ARef::<Task>::from(&**kernel::current!());
            let before = sleeps(&waiting);

            queue.spawn_on(1, move || {
                if eventually(|| sleeps(&waiting) >= before + 5) {
                    slept.add();
                }
                put_first(&fence, 1000);
            })?;
        }
        assert_eq!(time(&*unwrap_merge([&*fence])?), Some(1000));
        drop(queue);
        assert_eq!(slept.get(), 1);
        Ok(())
    }
}
