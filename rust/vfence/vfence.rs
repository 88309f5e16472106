// SPDX-License-Identifier: GPL-2.0

//! `vfence`: a virtual device whose jobs take time and signal fences.
//!
//! A driver on the `dma_buf` crate, with a timer in place of hardware. The uAPI header,
//! `include/uapi/linux/vfence.h`, describes what it does.
//!
//! | A job's way | In |
//! |---|---|
//! | SUBMIT: everything that can fail, then the fence is published | `ioctl.rs`, `ioctl/submit.rs` |
//! | it waits for its in-fences, runs, is done | `timeline.rs`, `timeline/in_fences.rs`, `timeline/state.rs` |
//! | its timeline raises the interrupt, an irq_work | `interrupt.rs` |
//! | the interrupt completes it | `timeline/serve.rs` |

mod clock;
mod debugfs;
mod device;
mod file;
mod interrupt;
mod ioctl;
mod limit;
mod stats;
mod timeline;
mod turns;
mod uapi;

use debugfs::Debugfs;
use device::DeviceOwner;
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
            description: "How many fences an open file, and in-fences all jobs, may have",
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
    _device: MiscDeviceRegistration<OpenFile>,
    _sw_sync: Option<Pin<KBox<MiscDeviceRegistration<OpenFile>>>>,
    /// Goes last.
    _owner: DeviceOwner,
}

impl kernel::InPlaceModule for VfenceModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(move || {
            let owner = DeviceOwner::new()?;
            let device = owner.0.clone();

            pr_info!("for tests only: who may open it can keep others waiting for a while\n");
            Ok(try_pin_init!(Self {
                _device <- MiscDeviceRegistration::register(MiscDeviceOptions { name: c"vfence" }),
                // Nothing fails once a node is visible: a failed init frees the module, also
                // while a task is inside an open.
                _sw_sync: or_none(sw_sync()),
                _debugfs: Debugfs::new(device),
                _owner: owner,
            }? Error))
        })
    }
}

/// The device under the other name, if it is wanted.
fn sw_sync() -> Result<Option<Pin<KBox<MiscDeviceRegistration<OpenFile>>>>> {
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

#[vtable]
impl MiscDevice for OpenFile {
    type Ptr = Pin<KBox<Self>>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        OpenFile::new()
    }

    fn ioctl(this: Pin<&Self>, _file: &File, number: u32, address: usize) -> Result<isize> {
        ioctl::dispatch(&this, number, address).map(|()| 0)
    }
}
