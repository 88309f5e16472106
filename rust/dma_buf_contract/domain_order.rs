// SPDX-License-Identifier: GPL-2.0

//! Orders of signalling domains, made on purpose: what lockdep's record must show if it
//! is to be believed when it shows none.

use kernel::prelude::*;

#[kunit_tests(rust_dma_buf_domain_order_control)]
mod tests {
    use super::*;
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
        let done = outer.signalling(|_| wait.on(&Fence::stub()));

        assert!(done.is_ok());
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

        one.signalling(|_| two.signalling(|_| drop(lock.lock())));
        two.signalling(|_| one.signalling(|_| drop(lock.lock())));
        Ok(())
    }
}
