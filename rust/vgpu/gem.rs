// SPDX-License-Identifier: GPL-2.0

//! Buffers.

use crate::{
    file::File,
    Vgpu, //
};
use dma_buf::{
    drm::Ioctl,
    resv::{
        HasResv,
        ResvUsage, //
    },
    FenceWait, //
};
use kernel::{
    drm::{
        self,
        gem::{
            shmem,
            BaseObject,
            DriverObject, //
        },
        ioctl, //
    },
    page::page_align,
    prelude::*,
    sync::aref::ARef,
    time::{
        hrtimer::HrTimerExpires,
        Delta,
        Instant,
        Monotonic, //
    },
    uapi::DRM_COMMAND_BASE, //
};

/// The driver's part of a buffer, of which this one needs none.
#[pin_data]
pub(crate) struct Data {}

impl DriverObject for Data {
    type Driver = Vgpu;
    type Args = ();

    fn new(_dev: &drm::Device<Vgpu>, _size: usize, _args: ()) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {})
    }
}

/// A buffer.
pub(crate) type Object = shmem::Object<Data>;

/// The job writes to the buffer, or waits before a write.
const WRITE: u32 = 1 << 0;
/// The job is synchronised explicitly.
const EXPLICIT: u32 = 1 << 1;

/// A buffer of a job, and how the job uses it.
#[repr(C)]
#[derive(FromBytes, IntoBytes)]
pub(crate) struct Bo {
    handle: u32,
    flags: u32,
}

impl Bo {
    /// Looks the buffer up.
    pub(crate) fn object(&self, file: &drm::File<File>) -> Result<ARef<Object>> {
        Object::lookup_handle(file, self.handle)
    }

    /// Returns the usage that the job waits for, and that with which its fence is added.
    pub(crate) fn usages(&self) -> Result<(ResvUsage, ResvUsage)> {
        match (self.flags & !WRITE, self.flags & WRITE) {
            (0, WRITE) => Ok((ResvUsage::for_access(true), ResvUsage::Write)),
            (0, _) => Ok((ResvUsage::for_access(false), ResvUsage::Read)),
            (EXPLICIT, _) => Ok((ResvUsage::Kernel, ResvUsage::Bookkeep)),
            _ => Err(EINVAL),
        }
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes)]
pub(crate) struct Create {
    size: u64,
    handle: u32,
    pad: u32,
}

impl Ioctl for Create {
    type Driver = Vgpu;

    const NUMBER: u32 = ioctl::IOWR::<Self>(DRM_COMMAND_BASE);
    const NAME: &'static CStr = c"VGPU_GEM_CREATE";

    fn call(&mut self, dev: &drm::Device<Vgpu, drm::Ioctl>, file: &drm::File<File>) -> Result {
        let size = page_align(self.size.try_into()?).ok_or(EINVAL)?;

        if size == 0 || self.pad != 0 {
            return Err(EINVAL);
        }
        let object = Object::new(dev, size, shmem::ObjectConfig::default(), ())?;
        self.handle = object.create_handle(file)?;
        Ok(())
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes)]
pub(crate) struct Mmap {
    offset: u64,
    handle: u32,
    pad: u32,
}

impl Ioctl for Mmap {
    type Driver = Vgpu;

    const NUMBER: u32 = ioctl::IOWR::<Self>(DRM_COMMAND_BASE + 1);
    const NAME: &'static CStr = c"VGPU_GEM_MMAP";

    fn call(&mut self, _: &drm::Device<Vgpu, drm::Ioctl>, file: &drm::File<File>) -> Result {
        if self.pad != 0 {
            return Err(EINVAL);
        }
        self.offset = Object::lookup_handle(file, self.handle)?.create_mmap_offset()?;
        Ok(())
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes)]
pub(crate) struct Wait {
    deadline_ns: i64,
    handle: u32,
    flags: u32,
}

impl Ioctl for Wait {
    type Driver = Vgpu;

    const NUMBER: u32 = ioctl::IOW::<Self>(DRM_COMMAND_BASE + 3);
    const NAME: &'static CStr = c"VGPU_GEM_WAIT";

    fn call(&mut self, _: &drm::Device<Vgpu, drm::Ioctl>, file: &drm::File<File>) -> Result {
        if self.flags & !WRITE != 0 {
            return Err(EINVAL);
        }
        let object = Object::lookup_handle(file, self.handle)?;
        let usage = ResvUsage::for_access(self.flags & WRITE != 0);
        let mut wait = FenceWait::new().interruptible();

        if self.deadline_ns >= 0 {
            let now = Instant::<Monotonic>::now().as_nanos();

            wait = wait.timeout(Delta::from_nanos(self.deadline_ns - now));
        }
        wait.wait_resv(object.resv(), usage)?;
        Ok(())
    }
}
