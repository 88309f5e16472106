// SPDX-License-Identifier: GPL-2.0

//! What `/sys/kernel/debug/vfence` shows.
//!
//! - `timelines`: a line for each, and one for each of its first pending fences,
//!   indented: number, state, and age in us;
//! - `counters`: what the device has done since it was loaded, and what counts against
//!   its limit now;
//! - `latency`: how many fences have signalled in less than so many ns from when the
//!   irq_work was queued that signalled them.

use crate::{
    device::{
        Device,
        Listed, //
    },
    fences::{
        now,
        Fences, //
    },
    ring::Kind, //
};
use kernel::{
    debugfs::{
        Dir,
        File, //
    },
    fmt,
    prelude::*,
    sync::{
        rcu,
        Arc, //
    }, //
};

/// How many fences of a timeline are shown.
const SHOWN: usize = 256;

#[pin_data]
pub(crate) struct Debugfs {
    #[pin]
    timelines: File<Arc<Device>>,
    #[pin]
    counters: File<Arc<Device>>,
    #[pin]
    latency: File<Arc<Device>>,
    #[cfg(vfence_misbehave)]
    #[pin]
    misbehave: File<()>,
    /// Goes last.
    dir: Dir,
}

impl Debugfs {
    pub(crate) fn new(device: &Arc<Device>) -> impl PinInit<Self, Error> + use<'_> {
        let dir = Dir::new(c"vfence");

        try_pin_init!(Self {
            timelines <- dir.read_callback_file(c"timelines", device.clone(), &timelines),
            counters <- dir.read_callback_file(c"counters", device.clone(), &counters),
            latency <- dir.read_callback_file(c"latency", device.clone(), &latency),
            #[cfg(vfence_misbehave)]
            misbehave <- dir.write_callback_file(c"misbehave", (), &crate::misbehave::write),
            dir,
        }? Error)
    }
}

fn counters(device: &Arc<Device>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    device.stats.write_counters(f)?;
    writeln!(f, "pending {}", device.fences.get())?;
    writeln!(f, "contained {}", device.containers.fences.get())
}

fn latency(device: &Arc<Device>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    device.stats.write_latency(f)
}

fn timelines(device: &Arc<Device>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Ok(mut fences) = KVec::with_capacity(SHOWN, GFP_KERNEL) else {
        return Err(fmt::Error);
    };

    for listed in device.timelines.lock().iter() {
        fences.clear();
        write_timeline(listed, &mut fences, f)?;
    }
    Ok(())
}

/// Number, state, and when it was made.
type Shown = (u64, &'static str, i64);

fn write_timeline(
    listed: &Listed,
    fences: &mut KVec<Shown>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let timeline = &listed.timeline;
    let (value, last, pending, hangs) = collect(listed, fences);
    let kind = match timeline.kind {
        Kind::Ordered => "ordered",
        Kind::Unordered => "unordered",
        Kind::Points => "points",
    };

    writeln!(
        f,
        "{:?} {kind} context {} value {value} last {last} pending {pending}{}",
        &*timeline.name,
        listed.fences.as_ref().map_or(0, |fences| fences.context()),
        if hangs { " hanging" } else { "" },
    )?;
    for (number, state, since) in fences.iter() {
        writeln!(f, "  {number} {state} {} us", (now() - since) / 1000)?;
    }
    if pending > fences.len() as u64 {
        writeln!(f, "  and {} more", pending - fences.len() as u64)?;
    }
    Ok(())
}

/// Value, last number, number of pending fences, and whether it hangs.
fn collect(listed: &Listed, fences: &mut KVec<Shown>) -> (u64, u64, u64, bool) {
    let timeline = &listed.timeline;

    if timeline.kind == Kind::Points {
        collect_points(listed, fences);
        let state = timeline.state.lock();

        return (
            state.value,
            state.last,
            timeline.pending.get().max(0) as u64,
            false,
        );
    }
    let state = timeline.state.lock();
    for (number, job) in state.jobs.iter() {
        if fences
            .push_within_capacity((*number, job.state(), job.since))
            .is_err()
        {
            break;
        }
    }
    (
        state.front().map_or(state.last, |front| front - 1),
        state.last,
        state.job_count,
        state.hangs,
    )
}

fn collect_points(listed: &Listed, fences: &mut KVec<Shown>) {
    let Ok(mut pending) = KVec::with_capacity(SHOWN, GFP_KERNEL) else {
        return;
    };

    if let Some(context) = &listed.fences {
        context.first_pending(&mut pending);
    }
    for fence in &pending {
        let rcu = rcu::read_lock();
        let made = fence.downcast::<Fences>(&rcu).map(|(_, made)| made.0);

        if let Some(made) = made {
            let _ = fences.push_within_capacity((fence.seqno(), "point", made));
        }
    }
}
