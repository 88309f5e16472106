// SPDX-License-Identifier: GPL-2.0

//! `vfence`: a virtual device whose jobs take time and signal fences.
//!
//! An ordinary driver on the `dma_buf` crate, with a timer for hardware: when a job is
//! done the timer raises an interrupt, which is an irq_work, and that signals the job's
//! fence. What it does is in `include/uapi/linux/vfence.h`.
//!
//! ```text
//!   ioctl ----------+            +--> irq_work --> signals, in order
//!   in-fences ------+--> state --+        ^
//!   user's signal --+            +--> timer
//! ```

mod argument;
mod attach;
mod combine;
mod complete;
mod debugfs;
mod descriptors;
mod device;
mod fences;
mod file;
mod in_fences;
mod interrupt;
mod ioctl;
mod job;
mod limits;
#[cfg(vfence_misbehave)]
mod misbehave;
mod points;
mod query;
mod ring;
mod stats;
mod submit;
mod throttle;
mod timeline;
mod turns;
mod uapi;

use debugfs::Debugfs;
use device::Instance;
use file::OpenFile;
use kernel::{
    fs::File,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    prelude::*, //
};

module! {
    type: VfenceModule,
    name: "vfence",
    authors: ["The dma_buf_rs authors"],
    description: "Virtual fence-producing device",
    license: "GPL",
    params: {
        bound_ms: u32 {
            default: 10000,
            description: "How long a fence may be pending, in ms; it then fails with ETIME",
        },
        max_fences: u32 {
            default: 131072,
            description: "How many fences may be pending on an open file",
        },
        max_contexts: u32 {
            default: 49152,
            description: "How many contexts may have pending fences on all open files together",
        },
        sw_sync: bool {
            default: false,
            description: "Whether there is a /dev/sw_sync, too, which is the same",
        },
    },
}

#[pin_data]
struct VfenceModule {
    _debugfs: Debugfs,
    #[pin]
    _device: MiscDeviceRegistration<Timeline>,
    _sw_sync: Option<Pin<KBox<MiscDeviceRegistration<Timeline>>>>,
    /// Goes last.
    _instance: Instance,
}

impl kernel::InPlaceModule for VfenceModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(move || {
            let instance = Instance::new()?;
            let device = instance.0.clone();

            pr_info!("for tests only: who may open it can keep others waiting for a while\n");
            Ok(try_pin_init!(Self {
                _device <- MiscDeviceRegistration::register(MiscDeviceOptions { name: c"vfence" }),
                // Nothing fails once a node is visible: a failed init frees the module, also
                // while a task is inside an open.
                _sw_sync: or_none(sw_sync()),
                _debugfs: Debugfs::new(device),
                _instance: instance,
            }? Error))
        })
    }
}

/// The device under the other name, if it is wanted.
fn sw_sync() -> Result<Option<Pin<KBox<MiscDeviceRegistration<Timeline>>>>> {
    if !*module_parameters::sw_sync.value_ref() {
        return Ok(None);
    }
    let options = MiscDeviceOptions { name: c"sw_sync" };

    KBox::pin_init(MiscDeviceRegistration::register(options), GFP_KERNEL).map(Some)
}

/// Goes on without the second node if it cannot be had.
fn or_none<T>(node: Result<Option<T>>) -> Option<T> {
    node.unwrap_or_else(|error| {
        pr_err!("there is no /dev/sw_sync: {error:?}\n");
        None
    })
}

/// An open file.
struct Timeline(Pin<KBox<OpenFile>>);

#[vtable]
impl MiscDevice for Timeline {
    type Ptr = KBox<Self>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        Ok(KBox::new(Timeline(OpenFile::new()?), GFP_KERNEL)?)
    }

    fn ioctl(this: &Self, _file: &File, number: u32, address: usize) -> Result<isize> {
        ioctl::dispatch(&this.0, number, address).map(|()| 0)
    }
}
