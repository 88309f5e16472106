// SPDX-License-Identifier: GPL-2.0

//! `vgpu`: a GPU that is not there, for a driver's author to begin with.
//!
//! A DRM render driver on the `dma_buf` crate, with a timer in place of hardware. The uAPI header,
//! `include/uapi/drm/vgpu_drm.h`, describes what it does.
//!
//! | In | Is |
//! |---|---|
//! | `vgpu.rs` | the device, and its registration |
//! | `gem.rs` | buffers |
//! | `ring.rs` | rings, and the hardware |
//! | `file.rs` | clients, and submission |

mod file;
mod gem;
mod ring;

use kernel::{
    device,
    drm,
    faux,
    prelude::*, //
};

module! {
    type: Module,
    name: "vgpu",
    authors: ["The dma_buf_rs authors"],
    description: "A GPU that is not there",
    license: "GPL",
    params: {
        timeout_ms: u32 {
            default: 10000,
            description: "How long a job may run, in ms, before its ring is reset",
        },
    },
}

/// The driver.
struct Vgpu;

#[vtable]
impl drm::Driver for Vgpu {
    type Data = ();
    type RegistrationData<'a> = ();
    type Object = gem::Object;
    type File = file::File;
    type ParentDevice<Ctx: device::DeviceContext> = faux::Device<Ctx>;

    const INFO: drm::DriverInfo = drm::DriverInfo {
        major: 1,
        minor: 0,
        patchlevel: 0,
        name: c"vgpu",
        desc: c"A GPU that is not there",
    };

    const FEAT_RENDER: bool = true;

    dma_buf::drm_ioctls!(gem::Create, gem::Mmap, file::Submit, gem::Wait, file::Reset);
}

struct Module {
    /// Goes first, as it borrows the other.
    _drm: drm::Registration<'static, Vgpu>,
    _faux: faux::Registration,
}

impl kernel::Module for Module {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let faux = faux::Registration::new(c"vgpu", None)?;
        let parent: &faux::Device<device::Bound> = faux.as_ref();
        let device = drm::UnregisteredDevice::<Vgpu>::new(parent, Ok(()))?;

        dma_buf::drm::enable_syncobjs(&device)?;
        dma_buf::drm::enable_prime_import(&device)?;

        // SAFETY: The device stays until `faux` is dropped, which is after `drm`.
        let parent: &'static device::Device<device::Bound> =
            unsafe { &*core::ptr::from_ref(parent.as_ref()) };
        // SAFETY: The registration is in the module, which is dropped.
        let drm = unsafe { drm::Registration::new(parent, device, (), 0)? };

        Ok(Self {
            _drm: drm,
            _faux: faux,
        })
    }
}
