// SPDX-License-Identifier: GPL-2.0

//! A callback that was not registered is given back once.

use dma_buf::callback::{
    CallbackError,
    Complete, //
};

fn given_back<T>(error: CallbackError<T>) -> T {
    match error {
        CallbackError::AlreadySignaled(callback)
        | CallbackError::Busy(callback)
        | CallbackError::Nested(callback) => callback,
    }
}

fn case(error: CallbackError<Complete>) {
    let _first = given_back(error);
    #[cfg(fault)]
    let _second = given_back(error); //~ E0382 use of moved value: `error`
}
