// SPDX-License-Identifier: GPL-2.0

//! An open file: a timeline, once it is known of what kind.

use crate::{
    argument::Argument,
    device::Device,
    ring::{
        Kind,
        Ring, //
    },
    turns::Turns,
    uapi::*, //
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

#[pin_data]
pub(crate) struct OpenFile {
    pub(crate) device: Arc<Device>,
    ring: SetOnce<Ring>,
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
                ring: SetOnce::new(),
                turns <- Turns::new(),
                name,
            }),
            GFP_KERNEL,
        )
    }

    /// The timeline, if it is used.
    pub(crate) fn used(&self) -> Option<&Ring> {
        self.ring.as_ref()
    }

    /// Runs an ioctl that is for a timeline of one of these kinds, and the only one of its
    /// kind at that time. If the timeline is unused, it is of the first kind if the ioctl
    /// succeeds.
    pub(crate) fn exclusively(&self, kinds: &[Kind], run: impl FnOnce(&Ring) -> Result) -> Result {
        let _turn = self.turns.take()?;

        if let Some(ring) = self.used() {
            return run(ring.of_kind(kinds)?);
        }
        let name = CString::try_from(&*self.name)?;
        let ring = Ring::new(&self.device, name, kinds[0])?;

        run(&ring)?;
        self.ring.populate(ring);
        Ok(())
    }

    /// [`Self::exclusively`], but beside others once the timeline is used.
    pub(crate) fn beside_others(
        &self,
        kinds: &[Kind],
        run: impl FnOnce(&Ring) -> Result,
    ) -> Result {
        match self.used() {
            Some(ring) => run(ring.of_kind(kinds)?),
            None => self.exclusively(kinds, run),
        }
    }

    /// `VFENCE_IOC_SETUP`.
    pub(crate) fn setup(&self, argument: Argument) -> Result {
        let args: vfence_setup = argument.read()?;

        if args.flags != 0 {
            return Err(EINVAL);
        }
        let kind = match args.kind {
            VFENCE_KIND_ORDERED => Kind::Ordered,
            VFENCE_KIND_UNORDERED => Kind::Unordered,
            VFENCE_KIND_POINTS => Kind::Points,
            _ => return Err(EINVAL),
        };
        let name = CStr::from_bytes_until_nul(&args.name).map_err(|_| EINVAL)?;
        let (text, rest) = args.name.split_at(name.to_bytes().len());

        if !text.iter().all(is_printable) || rest.iter().any(|byte| *byte != 0) {
            return Err(EINVAL);
        }
        let name = CString::try_from(if text.is_empty() { &*self.name } else { name })?;
        let _turn = self.turns.take()?;

        if self.used().is_some() {
            return Err(EBUSY);
        }
        self.ring.populate(Ring::new(&self.device, name, kind)?);
        Ok(())
    }
}

fn is_printable(byte: &u8) -> bool {
    (b' '..=b'~').contains(byte)
}

/// The name of the current task; what is not printable in it is replaced.
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
