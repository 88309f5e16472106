// SPDX-License-Identifier: GPL-2.0

//! Lock orders made on purpose. Lockdep's record has to show them, so that it can be believed when
//! it shows no order of a signalling section before any of these locks.

use kernel::prelude::*;

#[kunit_tests(rust_dma_buf_resv_order_control)]
mod tests {
    use super::*;
    use crate::{
        fixture::holds_lock,
        job::RESV,
        reclaim::Page, //
    };
    use dma_buf::{
        resv::{
            Resv,
            ResvGuard, //
        },
        signalling, //
    };
    use kernel::{
        new_mutex,
        sync::Arc, //
    };

    #[test]
    fn lock_before_a_reservation_object() -> Result {
        let outer = Arc::pin_init(new_mutex!((), "control before resv"), GFP_KERNEL)?;
        let resv = Arc::pin_init(Resv::new(), GFP_KERNEL)?;
        let guard = outer.lock();
        let locked = ResvGuard::lock(resv);
        let held = holds_lock(c"control before resv") && holds_lock(RESV);

        drop(locked);
        drop(guard);
        assert!(held);
        Ok(())
    }

    #[test]
    fn lock_before_reclaim() -> Result {
        let outer = Arc::pin_init(new_mutex!((), "control before reclaim"), GFP_KERNEL)?;
        let guard = outer.lock();
        let held = holds_lock(c"control before reclaim");
        let memory = KBox::new(0u8, GFP_KERNEL);

        drop(guard);
        assert!(held && memory.is_ok());
        Ok(())
    }

    #[test]
    fn lock_before_user_memory() -> Result {
        let outer = Arc::pin_init(new_mutex!((), "control before mmap"), GFP_KERNEL)?;
        let page = Page::map()?;
        let guard = outer.lock();
        let held = holds_lock(c"control before mmap");

        page.unmap();
        drop(guard);
        assert!(held);
        Ok(())
    }

    /// No task holds it while it waits for a fence.
    #[test]
    fn lock_in_a_section() -> Result {
        let inner = Arc::pin_init(new_mutex!((), "control in section"), GFP_KERNEL)?;

        let held = signalling(|_| {
            let _guard = inner.lock();

            holds_lock(c"dma_fence_map") && holds_lock(c"control in section")
        });
        assert!(held);
        Ok(())
    }
}
