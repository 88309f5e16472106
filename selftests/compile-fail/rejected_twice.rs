// SPDX-License-Identifier: GPL-2.0

//! A callback that was not registered is given back once.

use dma_buf::{
    CallbackError,
    Complete, //
};

fn case(error: CallbackError<Complete>) {
    let (CallbackError::AlreadySignaled(_first) | CallbackError::Busy(_first)) = error;
    #[cfg(fault)]
    let (CallbackError::AlreadySignaled(_second) | CallbackError::Busy(_second)) = error;
    //~^ E0382 use of moved value
}
