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
    state: Mutex<State>,
    #[pin]
    free: CondVar,
}

struct State {
    is_taken: bool,
    /// The number of tasks that wait.
    waiters: usize,
}

impl Turns {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            state <- new_mutex!(State {
                is_taken: false,
                waiters: 0,
            }),
            free <- new_condvar!(),
        })
    }

    /// Waits for the lock. Fails with `ERESTARTSYS` if a signal comes first.
    pub(crate) fn take(&self) -> Result<Turn<'_>> {
        let mut state = self.state.lock();

        while state.is_taken {
            state.waiters += 1;
            let has_signal = self.free.wait_interruptible(&mut state);
            state.waiters -= 1;
            // Only one task is woken when the lock is let go: that one takes it all the same.
            if has_signal && state.is_taken {
                return Err(ERESTARTSYS);
            }
        }
        state.is_taken = true;
        Ok(Turn(self))
    }
}

/// The lock is held.
pub(crate) struct Turn<'a>(&'a Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();

        state.is_taken = false;
        if state.waiters > 0 {
            self.0.free.notify_one();
        }
    }
}
