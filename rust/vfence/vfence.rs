// SPDX-License-Identifier: GPL-2.0

//! `vfence`: a virtual device whose jobs take time and signal fences.
//!
//! An ordinary driver on the `dma_buf` crate, with a timer for hardware: a job's
//! timer expires, as a device would raise an interrupt, and an irq_work signals
//! the job's fence.

mod attach;
mod job;
mod ring;
mod uapi;

use kernel::{
    fs::File,
    ioctl::{
        _IOW,
        _IOWR, //
    },
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};
use ring::Ring;

module! {
    type: VfenceModule,
    name: "vfence",
    authors: ["The dma_buf_rs authors"],
    description: "Virtual fence-producing device",
    license: "GPL",
}

#[pin_data]
struct VfenceModule {
    #[pin]
    _device: MiscDeviceRegistration<Timeline>,
}

impl kernel::InPlaceModule for VfenceModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _device <- MiscDeviceRegistration::register(MiscDeviceOptions { name: c"vfence" }),
        })
    }
}

/// An open file.
struct Timeline(Pin<KBox<Ring>>);

const IOC_SUBMIT: u32 = _IOWR::<uapi::vfence_submit>(uapi::VFENCE_IOC_MAGIC, 0x00);
const IOC_SIGNAL: u32 = _IOW::<uapi::vfence_signal>(uapi::VFENCE_IOC_MAGIC, 0x01);

#[vtable]
impl MiscDevice for Timeline {
    type Ptr = KBox<Self>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        let ring = KBox::try_pin_init(Ring::new(), GFP_KERNEL)?;

        Ok(KBox::new(Timeline(ring), GFP_KERNEL)?)
    }

    fn ioctl(this: &Self, _file: &File, cmd: u32, arg: usize) -> Result<isize> {
        let arg = UserPtr::from_addr(arg);

        match cmd {
            IOC_SUBMIT => {
                let (mut reader, writer) =
                    UserSlice::new(arg, size_of::<uapi::vfence_submit>()).reader_writer();

                this.0.submit(reader.read()?, writer)?;
            }
            IOC_SIGNAL => {
                let mut reader = UserSlice::new(arg, size_of::<uapi::vfence_signal>()).reader();

                this.0.signal(reader.read()?)?;
            }
            attach::IOC_ATTACH => attach::attach(arg)?,
            attach::IOC_RESV => attach::resv(arg)?,
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }
}
