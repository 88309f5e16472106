// SPDX-License-Identifier: GPL-2.0

//! Orders of signalling domains, made on purpose: what lockdep's record must show if it
//! is to be believed when it shows none.

use kernel::prelude::*;

#[kunit_tests(rust_dma_buf_domain_order_control)]
mod tests {
    use super::*;
    use crate::fixture::holds_lock;
    use dma_buf::{
        Domain,
        Fence,
        Wait, //
    };
    use kernel::{
        new_mutex,
        sync::Arc, //
    };

    #[test]
    fn wait_in_a_section_of_another_domain() -> Result {
        let (outer, inner) = (
            Domain::new(c"control outer domain")?,
            Domain::new(c"control inner domain")?,
        );
        let wait = Wait::new().ordered().domain(inner);
        let (held, done) =
            outer.signalling(|_| (holds_lock(c"control outer domain"), wait.on(&Fence::stub())));

        assert!(held && done.is_ok());
        Ok(())
    }

    /// Which is none.
    #[test]
    fn section_in_a_section_of_another_domain() -> Result {
        let (one, two) = (
            Domain::new(c"control one domain")?,
            Domain::new(c"control other domain")?,
        );
        let lock = Arc::pin_init(new_mutex!((), "control in two domains"), GFP_KERNEL)?;

        for (outer, inner) in [(one, two), (two, one)] {
            let held = outer.signalling(|_| {
                inner.signalling(|_| {
                    let _guard = lock.lock();

                    holds_lock(c"control one domain")
                        && holds_lock(c"control other domain")
                        && holds_lock(c"control in two domains")
                })
            });
            assert!(held);
        }
        Ok(())
    }
}
