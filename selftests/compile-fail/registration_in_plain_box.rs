// SPDX-License-Identifier: GPL-2.0

//! A registration is only made where it stays.

use dma_buf::callback::{
    Complete,
    FenceCallbackRegistration, //
};
use kernel::prelude::*;

type Registration = FenceCallbackRegistration<Complete>;

fn case() -> Result {
    #[cfg(fault)]
    let _box: KBox<Registration> = KBox::init(Registration::new(), GFP_KERNEL)?;
    //~^ E0308 incompatible types
    #[cfg(not(fault))]
    let _box: Pin<KBox<Registration>> = KBox::pin_init(Registration::new(), GFP_KERNEL)?;
    Ok(())
}
