// SPDX-License-Identifier: GPL-2.0

//! The kernel's dma-buf-fence suite, case by case, through the Rust API.

use kernel::prelude::*;

#[kunit_tests(rust_dma_buf_fence)]
mod tests {
    use super::*;
    use crate::fixture;
    use dma_buf::Status;

    #[test]
    fn test_sanitycheck() -> Result {
        let (_context, fence) = fixture::fence()?;

        fence.as_fence().enable_signaling();
        assert!(fence.signal(Ok(())));
        Ok(())
    }

    #[test]
    fn test_status() -> Result {
        let (_context, driver) = fixture::fence()?;
        let fence = driver.fence();

        fence.enable_signaling();
        assert_eq!(fence.status(), Status::Pending);
        driver.signal(Ok(()));
        assert_eq!(fence.status(), Status::Signaled);
        Ok(())
    }
}
