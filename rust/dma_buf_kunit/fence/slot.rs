// SPDX-License-Identifier: GPL-2.0

//! A slot that is read without a lock.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_slot)]
mod tests {
    use super::*;

    /// How many references a fence has.
    fn references(fence: &Fence) -> i32 {
        // SAFETY: The fence is valid; the count is atomic.
        unsafe {
            (&raw const (*fence.as_raw()).refcount)
                .cast::<i32>()
                .read_volatile()
        }
    }

    #[test]
    fn slot_owns_what_is_in_it() -> Result {
        let (context, one) = fixture::fence()?;
        let two = next(&context)?;
        let (a, b) = (one.fence(), two.fence());
        let (count_a, count_b) = (references(&a), references(&b));
        // The size of the counter is what `references` relies on.
        assert_eq!(size_of::<bindings::kref>(), 4);

        let slot = RcuFence::new(None);
        assert!(slot.get().is_none());
        assert!(slot.replace(Some(a.clone())).is_none());
        assert_eq!(references(&a), count_a + 1);

        let got = slot.get();
        assert!(got.as_ref().is_some_and(|got| core::ptr::eq(&**got, &*a)));
        assert_eq!(references(&a), count_a + 2);
        drop(got);

        let old = slot.replace(Some(b.clone()));
        assert!(old.is_some_and(|old| core::ptr::eq(&*old, &*a)));
        assert_eq!(references(&a), count_a);
        drop(slot.replace(None));
        assert!(slot.get().is_none());
        assert_eq!(references(&b), count_b);

        assert!(slot.replace(Some(b.clone())).is_none());
        drop(slot);
        assert_eq!(references(&b), count_b);
        drop(RcuFence::new(Some(a.clone())));
        assert_eq!(references(&a), count_a);
        one.signal(Ok(()));
        two.signal(Ok(()));
        Ok(())
    }

    #[test]
    fn race_of_readers_and_writer_sees_whole_fences() -> Result {
        assert!(race(
            || {
                let context = fixture::context()?;
                let first = next(&context)?;
                let slot = Arc::new(RcuFence::new(Some(first.fence())), GFP_KERNEL)?;

                first.signal(Ok(()));
                Ok(((context, slot.clone()), slot))
            },
            |(context, slot)| {
                // The slot has the last reference to each.
                for _ in 0..8 {
                    let fence = next(&context)?;

                    drop(slot.replace(Some(fence.fence())));
                    fence.signal(Ok(()));
                }
                Ok(context)
            },
            |slot| {
                let mut last = 0;

                for _ in 0..16 {
                    let fence = slot.get().ok_or(ENOENT)?;

                    ensure!(fence.seqno() >= last && fence.seqno() <= 9);
                    last = fence.seqno();
                }
                Ok(())
            },
            |context: Result<_>, read: Result| {
                context?;
                read
            },
        )
        .is_ok());
        Ok(())
    }
}
