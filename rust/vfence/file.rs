// SPDX-License-Identifier: GPL-2.0

//! An open file: a timeline, once it is known of what kind.

use crate::{
    argument::Argument,
    device::Device,
    ring::{
        Kind,
        Ring, //
    },
    uapi::*, //
};
use kernel::{
    new_mutex,
    prelude::*,
    str::{
        CStr,
        CString, //
    },
    sync::{
        Arc,
        Mutex,
        SetOnce, //
    },
    task::Task, //
};

/// Counts an open file.
struct Open(Arc<Device>);

impl Open {
    fn new(device: Arc<Device>) -> Result<Self> {
        if !device.files.add(1) {
            return Err(EMFILE);
        }
        Ok(Self(device))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.files.sub(1);
    }
}

#[pin_data]
pub(crate) struct OpenFile {
    pub(crate) device: Arc<Device>,
    ring: SetOnce<Pin<KBox<Ring>>>,
    /// Held by who makes that.
    #[pin]
    making: Mutex<()>,
    /// What a timeline is called that is not set up.
    name: CString,
    _open: Open,
}

impl OpenFile {
    pub(crate) fn new() -> Result<Pin<KBox<Self>>> {
        let device = Device::get()?;
        let open = Open::new(device.clone())?;
        let name = task_name()?;

        KBox::pin_init(
            pin_init!(Self {
                device,
                ring: SetOnce::new(),
                making <- new_mutex!(()),
                name,
                _open: open,
            }),
            GFP_KERNEL,
        )
    }

    /// The timeline, if it is used.
    pub(crate) fn used(&self) -> Option<&Ring> {
        self.ring.as_ref().map(|ring| &**ring)
    }

    /// The timeline, which is of this kind then if it was of none.
    pub(crate) fn ring(&self, kind: Kind) -> Result<&Ring> {
        let ring = self.make(kind)?;

        if ring.timeline.kind != kind {
            return Err(EINVAL);
        }
        Ok(ring)
    }

    /// The timeline, if it may have jobs.
    pub(crate) fn jobs(&self) -> Result<&Ring> {
        let ring = self.make(Kind::Ordered)?;

        if ring.timeline.kind == Kind::Points {
            return Err(EINVAL);
        }
        Ok(ring)
    }

    /// The timeline, which is of this kind if it was not used.
    fn make(&self, kind: Kind) -> Result<&Ring> {
        if let Some(ring) = self.used() {
            return Ok(ring);
        }
        let _making = self.making.lock();

        if self.used().is_none() {
            let name = CString::try_from(&*self.name)?;

            self.ring.populate(Ring::new(&self.device, name, kind)?);
        }
        self.used().ok_or(ENOMEM)
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
        let _making = self.making.lock();

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
