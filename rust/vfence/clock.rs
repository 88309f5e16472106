// SPDX-License-Identifier: GPL-2.0

//! The device's clock.

use kernel::time::{
    hrtimer::HrTimerExpires,
    Instant,
    Monotonic, //
};

/// Returns the time, in ns of CLOCK_MONOTONIC.
pub(crate) fn now() -> i64 {
    Instant::<Monotonic>::now().as_nanos()
}
