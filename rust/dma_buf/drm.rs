// SPDX-License-Identifier: GPL-2.0

//! Additions to `kernel::drm` that DRM drivers need.
//!
//! - Every GEM object has a reservation object: see [`HasResv`]. So a [`ResvSet`] takes references
//!   to GEM objects.
//! - [`SyncObj`] is a place for fences that user space names by a handle. A [`SyncObjSlot`] is the
//!   right to add a job's fence to one, which cannot fail.
//! - [`Dependencies::add_syncobj`] adds a fence of a syncobj to the dependencies of a job.
//! - [`enable_syncobjs`] and [`enable_prime_import`] give a device features that `kernel::drm` does
//!   not have.
//! - [`drm_ioctls!`](crate::drm_ioctls) makes a table of ioctls with arguments of the driver's own.
//!
//! The module exists on kernels with `CONFIG_DRM=y`, as `kernel::drm` does.
//!
//! # Where a queue belongs
//!
//! The queue of a client's ring belongs in its [`DriverFile`]. Closing the file drops it, as in
//! `vgpu`. The queue of a device's ring belongs in the driver's
//! [`RegistrationData`](drm::Driver::RegistrationData), with the registration of its interrupt
//! after it. Unregistering the device drops both, while the parent device is still there. An ioctl
//! gets at them like this:
//!
//! ```ignore
//! // `add_syncobj_wait()` comes before the guard, as it must not be called with a lock held.
//! let guard = device.registration_guard().ok_or(ENODEV)?;
//!
//! guard.registration_data_with(|data| submit(&data.queue, dependencies, slot))
//! ```
//!
//! Clients that share one engine have a queue each, too: if they shared the queue, the jobs of one
//! would wait for the dependencies of another's. The runner adds its job to a list of the driver's,
//! with a [`Completer`](crate::job_queue::Completer), and `stop` takes the job out again. The
//! timeout of a queue counts from there, so it includes the time that the job is in the list.
//!
//! # Drivers without buffers
//!
//! `kernel::drm` wants a type of GEM objects also of a driver that has no ioctl for them. An empty
//! one will do, with [`enable_prime_import`], as user space may still import dma-bufs: see `gem.rs`
//! of `vgpu`.
//!
//! # Beside a driver in C
//!
//! `vgpu` exists in C, too, as `selftests/bench/c/cgpu.c`. The same tests pass on both.
//!
//! | | `vgpu` | `cgpu.c` |
//! |---|---|---|
//! | Lines that are neither blank nor comments | about 500, of which 100 are imports | about 700 |
//! | `unsafe` | 2 blocks, for the registration of `kernel::drm` | |
//! | A job's fences when the module is unloaded | are cancelled if they are pending, and stay valid for their holders | the same, as they have no `.release` |
//! | Fences with a `.release` of the driver's | cannot be written | the kernel oopses when one is released after the unload |
//!
//! # Examples
//!
//! A submission, with a driver's arguments taken apart:
//!
//! ```
//! # use kernel::prelude::*;
//! # #[cfg(CONFIG_DRM = "y")]
//! # mod example {
//! use dma_buf::{
//!     drm::SyncObjSlot,
//!     job_queue::{Dependencies, JobQueue, JobRunner},
//!     resv::{HasResv, ResvSet, ResvUsage},
//! };
//! use kernel::{drm, prelude::*, sync::aref::{ARef, AlwaysRefCounted}};
//!
//! fn submit<F, B, R>(
//!     file: &drm::File<F>,
//!     queue: &JobQueue<R>,
//!     buffer: ARef<B>,
//!     wait_for: (u32, u64),
//!     signal: (u32, u64),
//! ) -> Result
//! where
//!     F: drm::file::DriverFile,
//!     B: drm::gem::IntoGEMObject + AlwaysRefCounted + Send + Sync + 'static,
//!     R: JobRunner<Job = Option<ResvSet<ARef<B>>>>,
//! {
//!     let mut set = ResvSet::new();
//!     let mut dependencies = Dependencies::new();
//!
//!     set.push(buffer)?;
//!     dependencies.add_syncobj(file, wait_for.0, wait_for.1)?;
//!     let slot = SyncObjSlot::new(file, signal.0, signal.1)?;
//!     let locked = set.lock_interruptible()?;
//!     for (_, buffer) in locked.iter() {
//!         dependencies.add_resv(buffer, ResvUsage::for_access(true))?;
//!     }
//!     let prepared = queue.prepare(None, dependencies)?;
//!     let mut slots = locked.reserve()?;
//!
//!     // Nothing fails from here on.
//!     let job = queue.publish(prepared);
//!     for (_, slot) in slots.drain() {
//!         slot.add(job.as_leaf(), ResvUsage::Write);
//!     }
//!     let set = slots.unlock();
//!     slot.add(job.as_leaf());
//!     job.push_with(|job| *job = Some(set));
//!     Ok(())
//! }
//! # }
//! # Ok::<(), Error>(())
//! ```
//!
//! [`ResvSet`]: crate::resv::ResvSet

mod device;
mod ioctl;
mod syncobj;

pub use device::{
    enable_prime_import,
    enable_syncobjs, //
};
pub use ioctl::{
    descriptor,
    is_ordered,
    Ioctl, //
};
pub use syncobj::{
    SyncObj,
    SyncObjSlot, //
};

use crate::{
    job_queue::Dependencies,
    resv::{
        HasResv,
        Resv, //
    }, //
};
use kernel::{
    drm::{
        self,
        file::DriverFile,
        gem::IntoGEMObject, //
    },
    prelude::*, //
};

/// A GEM object has a reservation object of its own, or shares that of another object or of the
/// dma-buf that it was imported from.
impl<T: IntoGEMObject> HasResv for T {
    #[inline]
    fn resv(&self) -> &Resv {
        // SAFETY: A GEM object has a reservation object before there are references to it. It keeps
        // the object that the reservation object belongs to.
        unsafe { Resv::from_raw((*self.as_raw()).resv) }
    }
}

/// # Syncobjs
impl Dependencies {
    /// Adds the fence of a syncobj at a point of its timeline; point 0 stands for the current
    /// fence.
    ///
    /// Fails as [`SyncObj::lookup_handle`] does, with `EINVAL` if the fence is not there yet, and
    /// as [`Self::add`] does. The driver tells `EINVAL` apart by [`SyncObj::find_fence`].
    ///
    /// Context: process; may sleep.
    pub fn add_syncobj<F: DriverFile>(
        &mut self,
        file: &drm::File<F>,
        handle: u32,
        point: u64,
    ) -> Result {
        let syncobj = SyncObj::lookup_handle(file, handle)?;

        self.add(&*syncobj.find_fence(point).ok_or(EINVAL)?)
    }

    /// Adds the fence of a syncobj as [`Self::add_syncobj`] does, and waits until it is there.
    ///
    /// Fails as [`SyncObj::wait_for_submit`] does, and as [`Self::add`].
    ///
    /// Context: process; may sleep. No lock held, neither a reservation object nor any other.
    pub fn add_syncobj_wait<F: DriverFile>(
        &mut self,
        file: &drm::File<F>,
        handle: u32,
        point: u64,
    ) -> Result {
        self.add(&*SyncObj::wait_for_submit(file, handle, point)?)
    }
}
