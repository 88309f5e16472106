// SPDX-License-Identifier: GPL-2.0

//! One ioctl after the other.

use kernel::{
    new_condvar,
    new_mutex,
    prelude::*,
    sync::{
        CondVar,
        Mutex, //
    }, //
};

/// A lock that is held over accesses to user memory, which may take as long as user space
/// wants. So a task that waits for it can be killed, and does not count as hung. The kernel
/// crate's mutex waits uninterruptibly.
#[pin_data]
pub(crate) struct Turns {
    #[pin]
    is_taken: Mutex<bool>,
    #[pin]
    free: CondVar,
}

impl Turns {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            is_taken <- new_mutex!(false),
            free <- new_condvar!(),
        })
    }

    /// Waits for the lock. Fails with `ERESTARTSYS` if a signal comes first.
    pub(crate) fn take(&self) -> Result<Turn<'_>> {
        let mut is_taken = self.is_taken.lock();

        while *is_taken {
            // Only one task is woken when the lock is let go: that one takes it all the same.
            if self.free.wait_interruptible(&mut is_taken) && *is_taken {
                return Err(ERESTARTSYS);
            }
        }
        *is_taken = true;
        Ok(Turn(self))
    }
}

/// The lock is held.
pub(crate) struct Turn<'a>(&'a Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.is_taken.lock() = false;
        self.0.free.notify_one();
    }
}
