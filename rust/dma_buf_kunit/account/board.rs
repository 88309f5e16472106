// SPDX-License-Identifier: GPL-2.0

//! Places at which threads and interrupts hand things to each other.

use crate::prelude::*;
use pin_init::pin_init_array_from_fn;

/// The number of places on a board.
pub(crate) const PLACES: usize = 64;

/// A board of places. What comes to a place drives out what was there.
#[pin_data]
pub(crate) struct Board<T> {
    #[pin]
    places: [SpinLockIrq<Option<T>>; PLACES],
}

impl<T: Unpin> Board<T> {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            places <- pin_init_array_from_fn(|_| new_spinlock_irq!(None)),
        })
    }

    /// Puts something in a place, or nothing. Returns what was there.
    pub(crate) fn exchange(&self, place: usize, item: Option<T>) -> Option<T> {
        core::mem::replace(&mut *self.places[place % PLACES].lock(), item)
    }

    /// Calls `f` with what is in a place, which stays there. Interrupts are off.
    pub(crate) fn look_at<R>(&self, place: usize, f: impl FnOnce(&mut Option<T>) -> R) -> R {
        f(&mut *self.places[place % PLACES].lock())
    }

    /// Takes all.
    pub(crate) fn clear(&self, mut f: impl FnMut(T)) {
        for place in 0..PLACES {
            if let Some(item) = self.exchange(place, None) {
                f(item);
            }
        }
    }
}

impl<T: Clone + Unpin> Board<T> {
    pub(crate) fn get(&self, place: usize) -> Option<T> {
        self.look_at(place, |item| item.clone())
    }
}
