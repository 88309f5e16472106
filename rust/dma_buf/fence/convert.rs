// SPDX-License-Identifier: GPL-2.0

//! Between the numbers of C and the types of the kernel crate.

use kernel::{
    prelude::*,
    time::{
        hrtimer::HrTimerExpires,
        Delta,
        Instant,
        Monotonic, //
    }, //
};

/// A point in time from ns of CLOCK_MONOTONIC; what lies before its start is its
/// start.
///
/// The kernel crate lets nobody else make an `Instant`, except from another.
pub(crate) fn instant(ns: i64) -> Instant<Monotonic> {
    let now = Instant::now();

    now + Delta::from_nanos(ns.max(0) - now.as_nanos())
}

/// The error code of a result, or 0.
#[inline]
pub(crate) fn errno(result: Result) -> i32 {
    match result {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}
