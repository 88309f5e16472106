// SPDX-License-Identifier: GPL-2.0

//! An open file: a timeline, once it is known of what kind.

use crate::{
    device::Device,
    timeline::{
        Kind,
        Timeline, //
    },
    turns::Turns, //
};
use kernel::{
    prelude::*,
    str::{
        CStr,
        CString, //
    },
    sync::{
        Arc,
        SetOnce, //
    },
    task::Task, //
};

/// Timelines of jobs.
pub(crate) const JOBS: &[Kind] = &[Kind::Ordered, Kind::Unordered];

/// Timelines of points.
pub(crate) const POINTS: &[Kind] = &[Kind::Points];

#[pin_data(PinnedDrop)]
pub(crate) struct OpenFile {
    pub(crate) device: Arc<Device>,
    timeline: SetOnce<Arc<Timeline>>,
    /// Taken by ioctls that submit, or make the timeline.
    #[pin]
    turns: Turns,
    /// The name of a timeline that is not set up.
    name: CString,
}

impl OpenFile {
    pub(crate) fn new() -> Result<Pin<KBox<Self>>> {
        let device = Device::get()?;
        let name = task_name()?;

        KBox::pin_init(
            pin_init!(Self {
                device,
                timeline: SetOnce::new(),
                turns <- Turns::new(),
                name,
            }),
            GFP_KERNEL,
        )
    }

    /// Returns the timeline, if it is used.
    pub(crate) fn timeline(&self) -> Option<&Arc<Timeline>> {
        self.timeline.as_ref()
    }

    /// Returns the timeline, if it is used, and fails with `EINVAL` if it is of none of these
    /// kinds.
    fn timeline_of(&self, kinds: &[Kind]) -> Result<Option<&Arc<Timeline>>> {
        match self.timeline() {
            Some(timeline) if !kinds.contains(&timeline.kind) => Err(EINVAL),
            timeline => Ok(timeline),
        }
    }

    /// Runs an ioctl that is for a timeline of one of these kinds, while no other one runs. If the
    /// timeline is unused, it is of the first kind from then on, if the ioctl succeeds.
    pub(crate) fn exclusively(
        &self,
        kinds: &[Kind],
        run: impl FnOnce(&Arc<Timeline>) -> Result,
    ) -> Result {
        let _turn = self.turns.take()?;

        if let Some(timeline) = self.timeline_of(kinds)? {
            return run(timeline);
        }
        let name = CString::try_from(&*self.name)?;
        let timeline = self.device.new_timeline(kinds[0], name)?;

        run(&timeline).inspect_err(|_| self.device.close(&timeline))?;
        self.timeline.populate(timeline);
        Ok(())
    }

    /// Runs an ioctl as [`Self::exclusively`] does, but beside others once the timeline is used.
    pub(crate) fn beside_others(
        &self,
        kinds: &[Kind],
        run: impl FnOnce(&Arc<Timeline>) -> Result,
    ) -> Result {
        match self.timeline_of(kinds)? {
            Some(timeline) => run(timeline),
            None => self.exclusively(kinds, run),
        }
    }

    /// Makes the timeline, with a name of its own unless that is empty. Fails with `EBUSY` if it
    /// is used.
    pub(crate) fn set_up(&self, kind: Kind, name: &CStr) -> Result {
        let name = CString::try_from(if name.is_empty() { &*self.name } else { name })?;
        let _turn = self.turns.take()?;

        if self.timeline().is_some() {
            return Err(EBUSY);
        }
        self.timeline
            .populate(self.device.new_timeline(kind, name)?);
        Ok(())
    }
}

#[pinned_drop]
impl PinnedDrop for OpenFile {
    fn drop(self: Pin<&mut Self>) {
        if let Some(timeline) = self.timeline() {
            self.device.close(timeline);
        }
    }
}

/// Whether a timeline's name may have this byte in it.
pub(crate) fn is_printable(byte: &u8) -> bool {
    (b' '..=b'~').contains(byte)
}

/// Returns the name of the current task, with a `?` for each byte that is not printable.
fn task_name() -> Result<CString> {
    // SAFETY: The current task is there. Others may change its name meanwhile, which is
    // bytes that are read one by one, and ends in a NUL all the time.
    let comm = unsafe { (&raw const (*Task::current_raw()).comm).cast::<[u8; 16]>() };
    let mut name = [0; 17];

    for (at, byte) in name[..16].iter_mut().enumerate() {
        // SAFETY: As above; `at` is within the array.
        *byte = match unsafe { comm.cast::<u8>().add(at).read_volatile() } {
            0 => break,
            other if is_printable(&other) => other,
            _ => b'?',
        };
    }
    let name = CStr::from_bytes_until_nul(&name).map_err(|_| EINVAL)?;

    Ok(CString::try_from(name)?)
}
