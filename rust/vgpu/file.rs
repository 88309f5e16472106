// SPDX-License-Identifier: GPL-2.0

//! Clients, and the jobs that they submit.

use crate::{
    gem::Bo,
    ring::{
        Buffers,
        Command,
        Job,
        Ring, //
    },
    Vgpu, //
};
use dma_buf::{
    drm::{
        Ioctl,
        SyncObj,
        SyncObjSlot, //
    },
    job_queue::{
        Dependencies,
        JobQueue, //
    }, //
};
use kernel::{
    drm::{
        self,
        ioctl, //
    },
    error::to_result,
    prelude::*,
    time::Delta,
    uaccess::{
        UserPtr,
        UserSlice, //
    },
    uapi::DRM_COMMAND_BASE, //
};

/// A client.
pub(crate) struct File {
    rings: [JobQueue<Ring>; 2],
}

impl drm::file::DriverFile for File {
    type Driver = Vgpu;

    fn open(_dev: &drm::Device<Vgpu>) -> Result<Pin<KBox<Self>>> {
        let file = Self {
            rings: [Ring::new(c"fast", 8, 1)?, Ring::new(c"slow", 1, 4)?],
        };

        Ok(KBox::new(file, GFP_KERNEL)?.into())
    }
}

impl File {
    fn ring(&self, ring: u32) -> Result<&JobQueue<Ring>> {
        self.rings.get(ring as usize).ok_or(EINVAL)
    }
}

const MAX_COUNT: u32 = 1024;
const MAX_DELAY_NS: u64 = 60_000_000_000;

/// Reads an array of the client's.
fn array<T: FromBytes + IntoBytes>(at: u64, count: u32) -> Result<impl Iterator<Item = Result<T>>> {
    if count > MAX_COUNT {
        return Err(E2BIG);
    }
    let at = UserPtr::from_addr(at.try_into()?);
    let mut reader = UserSlice::new(at, count as usize * size_of::<T>()).reader();

    Ok((0..count).map(move |_| {
        let mut value = T::new_zeroed();

        reader.read_slice(value.as_mut_bytes()).map(|()| value)
    }))
}

/// A point of a syncobj of a job.
#[repr(C)]
#[derive(FromBytes, IntoBytes)]
struct Point {
    point: u64,
    handle: u32,
    flags: u32,
}

/// Waits until there is a fence in the syncobj.
const WAIT_FOR_SUBMIT: u32 = 1 << 0;

/// The job fails if a dependency does.
const PASS_ERRORS: u32 = 1 << 0;
/// The job hangs.
const HANG: u32 = 1 << 1;

#[repr(C)]
#[derive(FromBytes, IntoBytes)]
pub(crate) struct Submit {
    bos: u64,
    in_syncs: u64,
    out_syncs: u64,
    bo_count: u32,
    in_count: u32,
    out_count: u32,
    ring: u32,
    flags: u32,
    error: i32,
    delay_ns: u64,
    seqno: u64,
}

impl Submit {
    /// Returns the part of the job that the hardware is told.
    fn command(&self) -> Result<Command> {
        let delay = Delta::from_nanos(self.delay_ns.min(MAX_DELAY_NS) as i64);

        if self.flags & !(PASS_ERRORS | HANG) != 0
            || self.delay_ns > MAX_DELAY_NS
            || !(-4095..=0).contains(&self.error)
        {
            return Err(EINVAL);
        }
        Ok(Command {
            delay: (self.flags & HANG == 0).then_some(delay),
            result: to_result(self.error),
        })
    }

    /// Collects the in-syncs. This may wait for user space, so no lock is held, and all that can be
    /// refused comes before.
    fn dependencies(&self, file: &drm::File<File>) -> Result<Dependencies> {
        let mut dependencies = if self.flags & PASS_ERRORS != 0 {
            Dependencies::passing_errors()
        } else {
            Dependencies::new()
        };
        let mut waits = KVec::new();

        for sync in array::<Point>(self.in_syncs, self.in_count)? {
            let sync = sync?;

            match sync.flags {
                0 => dependencies.add_syncobj(file, sync.handle, sync.point)?,
                WAIT_FOR_SUBMIT => {
                    SyncObj::lookup_handle(file, sync.handle)?;
                    waits.push(sync, GFP_KERNEL)?;
                }
                _ => return Err(EINVAL),
            }
        }
        for sync in &waits {
            dependencies.add_syncobj_wait(file, sync.handle, sync.point)?;
        }
        Ok(dependencies)
    }

    /// Prepares the out-syncs.
    fn outputs(&self, file: &drm::File<File>) -> Result<KVec<SyncObjSlot>> {
        let mut outputs = KVec::new();

        for sync in array::<Point>(self.out_syncs, self.out_count)? {
            let sync = sync?;

            if sync.flags != 0 {
                return Err(EINVAL);
            }
            outputs.push(SyncObjSlot::new(file, sync.handle, sync.point)?, GFP_KERNEL)?;
        }
        Ok(outputs)
    }

    /// Looks up the buffers.
    fn buffers(&self, file: &drm::File<File>) -> Result<Buffers> {
        let mut buffers = Buffers::with_capacity(self.bo_count as usize)?;

        for bo in array::<Bo>(self.bos, self.bo_count)? {
            let bo = bo?;

            buffers.push((bo.object(file)?, bo.usages()?))?;
        }
        Ok(buffers)
    }
}

impl Ioctl for Submit {
    type Driver = Vgpu;

    const NUMBER: u32 = ioctl::IOWR::<Self>(DRM_COMMAND_BASE + 2);
    const NAME: &'static CStr = c"VGPU_SUBMIT";

    fn call(&mut self, _: &drm::Device<Vgpu, drm::Ioctl>, file: &drm::File<File>) -> Result {
        let queue = Pin::get_ref(file.inner()).ring(self.ring)?;
        let job = Job {
            command: self.command()?,
            buffers: None,
        };
        let buffers = self.buffers(file)?;
        let outputs = self.outputs(file)?;
        let mut dependencies = self.dependencies(file)?;
        let locked = buffers.lock_interruptible()?;

        for ((_, (waits_for, _)), resv) in locked.iter() {
            dependencies.add_resv(resv, *waits_for)?;
        }
        let prepared = queue.prepare(job, dependencies)?;
        let mut slots = locked.reserve()?;

        // Nothing fails from here on.
        let job = queue.publish(prepared);

        self.seqno = job.seqno();
        for ((_, (_, usage)), slot) in slots.drain() {
            slot.add(job.as_leaf(), *usage);
        }
        let buffers = slots.unlock();
        for output in outputs {
            output.add(job.as_leaf());
        }
        job.push_with(|job| job.buffers = Some(buffers));
        Ok(())
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes)]
pub(crate) struct Reset {
    ring: u32,
    pad: u32,
}

impl Ioctl for Reset {
    type Driver = Vgpu;

    const NUMBER: u32 = ioctl::IOW::<Self>(DRM_COMMAND_BASE + 4);
    const NAME: &'static CStr = c"VGPU_RESET";

    fn call(&mut self, _: &drm::Device<Vgpu, drm::Ioctl>, file: &drm::File<File>) -> Result {
        if self.pad != 0 {
            return Err(EINVAL);
        }
        file.inner().ring(self.ring)?.reset(EIO);
        Ok(())
    }
}
