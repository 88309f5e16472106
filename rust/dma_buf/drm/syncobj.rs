// SPDX-License-Identifier: GPL-2.0

//! Syncobjs: places for fences that user space names by handles.
//!
//! C header: [`include/drm/drm_syncobj.h`](srctree/include/drm/drm_syncobj.h)

use crate::{
    bindings,
    chain::FenceChainAllocation,
    fence::{
        acquire_signaled,
        owned_or_null,
        Fence,
        Leaf, //
    },
    unwrap::UnwrappedFence, //
};
use core::ptr::{
    self,
    null_mut,
    NonNull, //
};
use kernel::{
    drm::{
        self,
        file::DriverFile, //
    },
    error::to_result,
    prelude::*,
    sync::aref::{
        ARef,
        AlwaysRefCounted, //
    },
    types::Opaque, //
};

/// A place for a fence, or for a timeline of fences, that user space names by a handle.
///
/// A *binary* syncobj has one fence at a time, or none. A *timeline* syncobj has a
/// [chain](crate::chain) of fences at points that user space picks. Any syncobj may be used as
/// both.
///
/// Context of the drop: process; no fence lock held.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # #[cfg(CONFIG_DRM = "y")]
/// # mod example {
/// use dma_buf::{chain::FenceChainAllocation, drm::SyncObj, Leaf};
/// use kernel::prelude::*;
///
/// # pub(super) fn run() -> Result {
/// let syncobj = SyncObj::new()?;
/// assert!(syncobj.fence().is_none());
///
/// let link = FenceChainAllocation::new()?;
/// // Nothing fails from here on.
/// syncobj.add_point(link, Leaf::stub(), 3);
/// assert!(syncobj.find_fence(3).is_some());
/// assert!(syncobj.find_fence(4).is_none());
/// # Ok(())
/// # }
/// # }
/// # #[cfg(CONFIG_DRM = "y")]
/// # example::run()?;
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// It is a `drm_syncobj`, to which there is a reference as long as it is borrowed.
#[repr(transparent)]
pub struct SyncObj {
    inner: Opaque<bindings::drm_syncobj>,
}

// SAFETY: A syncobj may be used, and its last reference dropped, on any CPU.
unsafe impl Send for SyncObj {}
// SAFETY: The C functions do their own locking.
unsafe impl Sync for SyncObj {}

// SAFETY: By the type invariant it is reference counted.
unsafe impl AlwaysRefCounted for SyncObj {
    fn inc_ref(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::dma_buf_rs_drm_syncobj_get(self.inner.get()) };
    }

    unsafe fn dec_ref(syncobj: NonNull<Self>) {
        // SAFETY: By the function's contract the caller gives up a reference.
        unsafe { bindings::dma_buf_rs_drm_syncobj_put(syncobj.as_ptr().cast()) };
    }
}

impl SyncObj {
    /// Creates a syncobj without a fence. Fails with `ENOMEM`.
    ///
    /// Context: process; may sleep.
    ///
    /// C function: `drm_syncobj_create()`
    pub fn new() -> Result<ARef<Self>> {
        let mut syncobj = null_mut();

        // SAFETY: The pointer is valid for writes.
        to_result(unsafe { bindings::drm_syncobj_create(&mut syncobj, 0, null_mut()) })?;
        // SAFETY: After success it is a syncobj, with a reference for the caller.
        unsafe { Self::from_owned(syncobj) }.ok_or(ENOMEM)
    }

    /// # Safety
    ///
    /// `syncobj` is null or a syncobj, with a reference that the caller gives up.
    unsafe fn from_owned(syncobj: *mut bindings::drm_syncobj) -> Option<ARef<Self>> {
        // SAFETY: By the function's contract.
        NonNull::new(syncobj).map(|syncobj| unsafe { ARef::from_raw(syncobj.cast()) })
    }

    /// Returns the syncobj that a handle of a client stands for. Fails with `ENOENT` if there is
    /// none, and with `EOPNOTSUPP` if the device has no syncobjs: see
    /// [`enable_syncobjs`](super::enable_syncobjs).
    ///
    /// Context: process.
    ///
    /// C function: `drm_syncobj_find()`
    pub fn lookup_handle<F: DriverFile>(file: &drm::File<F>, handle: u32) -> Result<ARef<Self>> {
        let file = syncobj_file(file)?;

        // SAFETY: The file is open and has syncobjs. The function takes a reference for the caller.
        unsafe { Self::from_owned(bindings::drm_syncobj_find(file, handle)) }.ok_or(ENOENT)
    }

    /// Waits until a fence is submitted to a syncobj, at a point of its timeline; point 0 stands
    /// for any fence. Returns the fence, which may be pending.
    ///
    /// Fails with `ENOENT` if the client has no syncobj with this handle, `EOPNOTSUPP` if the
    /// device has no syncobjs, `ETIME` after five seconds, and `ERESTARTSYS` if a signal arrives,
    /// which an ioctl that has changed nothing may return as it is.
    ///
    /// User space may never submit the fence, so the caller must hold nothing that others wait for.
    /// The kernel warns of any lock, also of that of `RegistrationGuard`.
    ///
    /// Context: process; may sleep. No lock held, neither a reservation object nor any other.
    ///
    /// C function: `drm_syncobj_find_fence()` with `DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT`
    pub fn wait_for_submit<F: DriverFile>(
        file: &drm::File<F>,
        handle: u32,
        point: u64,
    ) -> Result<ARef<Fence>> {
        let mut fence = null_mut();
        let flags = bindings::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT;
        let file = syncobj_file(file)?;

        // SAFETY: The file is open and has syncobjs, and the pointer is valid for writes.
        to_result(unsafe {
            bindings::drm_syncobj_find_fence(file, handle, point, flags.into(), &mut fence)
        })?;
        acquire_signaled();
        // SAFETY: After success it is a fence, with a reference for the caller.
        unsafe { owned_or_null(fence) }.ok_or(EINVAL)
    }

    /// Returns the current fence, if there is one.
    ///
    /// Context: any.
    ///
    /// C function: `drm_syncobj_fence_get()`
    pub fn fence(&self) -> Option<ARef<Fence>> {
        // SAFETY: By the type invariant. The function takes a reference for the caller.
        unsafe { owned_or_null(bindings::dma_buf_rs_drm_syncobj_fence_get(self.inner.get())) }
    }

    /// Returns the fence for a point of the timeline; point 0 stands for the current fence. Returns
    /// `None` if no fence has been submitted for the point yet. A point that has passed has a fence
    /// that has signalled.
    ///
    /// Context: any; no fence lock held.
    ///
    /// C function: `dma_fence_chain_find_seqno()`
    pub fn find_fence(&self, point: u64) -> Option<ARef<Fence>> {
        let fence = self.fence()?.find_seqno(point).ok()?;

        Some(fence.unwrap_or_else(Fence::stub))
    }

    /// Replaces or removes the current fence.
    ///
    /// Context: process, also in a signalling section; no fence lock held.
    ///
    /// C function: `drm_syncobj_replace_fence()`
    pub fn replace_fence(&self, fence: Option<&Fence>) {
        let fence = fence.map_or(null_mut(), Fence::as_raw);

        // SAFETY: By the type invariant. The fence is null or valid, and the function takes a
        // reference of its own.
        unsafe { bindings::drm_syncobj_replace_fence(self.inner.get(), fence) };
    }

    /// Adds a fence at a point of the timeline. If the point is not above the last one, the
    /// timeline continues from that.
    ///
    /// Context: process, also in a signalling section; no fence lock held.
    ///
    /// C function: `drm_syncobj_add_point()`
    pub fn add_point(
        &self,
        link: FenceChainAllocation,
        fence: impl Into<UnwrappedFence>,
        point: u64,
    ) {
        let fence = fence.into();

        // SAFETY: By the type invariant. The function takes the memory over, which is that of a
        // link and not in use, and takes a reference of its own to the fence, which is not a link.
        unsafe {
            bindings::drm_syncobj_add_point(
                self.inner.get(),
                link.into_raw(),
                fence.as_raw(),
                point,
            )
        };
    }
}

/// Returns the C structure of an open file, if the device has syncobjs. DRM sets up a file's table
/// of syncobjs only then.
fn syncobj_file<F: DriverFile>(file: &drm::File<F>) -> Result<*mut bindings::drm_file> {
    // `drm::File` is transparent.
    let file: *mut bindings::drm_file = ptr::from_ref(file).cast_mut().cast();

    // SAFETY: The file is open, so it has a device. The features of a device do not change once it
    // has open files.
    if unsafe { bindings::dma_buf_rs_drm_file_has_syncobjs(file) } {
        Ok(file)
    } else {
        Err(EOPNOTSUPP)
    }
}

/// The right to add a fence to a syncobj, which cannot fail.
///
/// # Examples
///
/// See [`drm`](super).
#[must_use = "a slot that is not used changes nothing"]
pub struct SyncObjSlot {
    syncobj: ARef<SyncObj>,
    /// `None` if the syncobj is used as a binary one.
    point: Option<(FenceChainAllocation, u64)>,
}

impl SyncObjSlot {
    /// Looks up a syncobj of a client, and allocates the memory for adding a fence. If `point` is
    /// 0, the fence replaces the current one. Otherwise it is added at that point of the timeline.
    ///
    /// Fails as [`SyncObj::lookup_handle`] does, and with `ENOMEM`.
    ///
    /// Context: process; may sleep.
    pub fn new<F: DriverFile>(file: &drm::File<F>, handle: u32, point: u64) -> Result<Self> {
        Self::for_syncobj(SyncObj::lookup_handle(file, handle)?, point)
    }

    /// Like [`Self::new`], for a syncobj that the driver has.
    pub fn for_syncobj(syncobj: ARef<SyncObj>, point: u64) -> Result<Self> {
        Ok(Self {
            syncobj,
            point: match point {
                0 => None,
                _ => Some((FenceChainAllocation::new()?, point)),
            },
        })
    }

    /// Adds a fence.
    ///
    /// Context: process, also in a signalling section; no fence lock held.
    ///
    /// C functions: `drm_syncobj_add_point()`, `drm_syncobj_replace_fence()`
    pub fn add(self, fence: &Leaf) {
        match self.point {
            Some((link, point)) => self
                .syncobj
                .add_point(link, ARef::<Leaf>::from(fence), point),
            None => self.syncobj.replace_fence(Some(fence)),
        }
    }
}
