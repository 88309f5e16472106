// SPDX-License-Identifier: GPL-2.0

//! Registrations of callbacks stay where they are.

mod fixture;

use core::mem::swap;
use dma_buf::callback::{
    CallbackError,
    Complete,
    FenceCallbackRegistration, //
};
use fixture::*;

type Registration = FenceCallbackRegistration<Complete>;

/// A registration is only made where it stays.
fn made() -> Result {
    #[cfg(fault = "registration_in_plain_box")]
    let _box: KBox<Registration> = KBox::init(Registration::new(), GFP_KERNEL)?;
    //~^ E0308 incompatible types
    #[cfg(not(fault = "registration_in_plain_box"))]
    let _box: Pin<KBox<Registration>> = KBox::pin_init(Registration::new(), GFP_KERNEL)?;
    Ok(())
}

/// A registration does not leave its Pin: the fence points to it.
fn moved(mut registration: Pin<&mut Registration>) {
    let _ = registration.as_mut().cancel();
    #[cfg(fault = "registration_moved")]
    let _moved = Pin::into_inner(registration); //~ E0277 cannot be unpinned
}

/// A registration that could still move cannot be pinned in passing.
fn pinned(registration: &mut Registration) {
    #[cfg(fault = "registration_pinned_by_hand")]
    let _ = Pin::new(registration).cancel(); //~ E0277 cannot be unpinned
}

/// A registration is not swapped for another where it is pinned.
fn swapped(mut a: Pin<KBox<Registration>>, mut b: Pin<KBox<Registration>>) {
    #[cfg(fault = "registration_swapped")]
    swap::<Registration>(&mut a, &mut b);
    //~^ E0596 cannot borrow data in dereference
    //~| E0596 cannot borrow data in dereference
    swap(&mut a, &mut b);
}

/// A registration that could still move cannot be registered.
#[cfg(fault = "registration_unpinned")]
type Reference<'a> = &'a mut Registration;
#[cfg(not(fault = "registration_unpinned"))]
type Reference<'a> = Pin<&'a mut Registration>;

fn registered(
    registration: Reference<'_>,
    fence: &Fence,
    done: Complete,
) -> Result<(), CallbackError<Complete>> {
    registration.register(fence, done) //~ E0599 no method named `register` found
}
