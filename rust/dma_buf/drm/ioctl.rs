// SPDX-License-Identifier: GPL-2.0

//! Tables of ioctls.
//!
//! The kernel crate's `declare_drm_ioctls!` takes only arguments whose types are in `kernel::uapi`.
//! It also holds a lock while an ioctl runs, so that the ioctl must not wait for user space.
//!
//! C header: [`include/drm/drm_ioctl.h`](srctree/include/drm/drm_ioctl.h)

use crate::bindings;
use kernel::{
    drm::{
        self,
        ioctl::{
            DrmIoctlDescriptor,
            RENDER_ALLOW, //
        }, //
    },
    ffi::{
        c_int,
        c_void, //
    },
    ioctl::{
        _IOC_NR,
        _IOC_SIZE, //
    },
    prelude::*,
    str::as_char_ptr_in_const_context, //
};

/// The argument of an ioctl of a DRM driver, with the code of the ioctl.
///
/// # Examples
///
/// See [`drm_ioctls!`](crate::drm_ioctls).
pub trait Ioctl: FromBytes + IntoBytes + Sized {
    /// The driver that has the ioctl.
    type Driver: drm::Driver;

    /// The number of the ioctl, with its direction and the size of `Self`:
    /// `ioctl::IOWR::<Self>(DRM_COMMAND_BASE + n)`, or `IOW` if it only reads the argument.
    const NUMBER: u32;

    /// The name of the ioctl, for the log.
    const NAME: &'static CStr;

    /// The permissions that the caller needs: constants of [`kernel::drm::ioctl`].
    const FLAGS: u32 = RENDER_ALLOW;

    /// Runs the ioctl.
    ///
    /// If this succeeds, the ioctl returns 0, and the argument goes back to user space, unless the
    /// ioctl only reads it. If this fails, user space sees no change of the argument.
    ///
    /// The device may be unregistered meanwhile. Code that needs its parent takes a
    /// [`registration_guard`](drm::Device::registration_guard).
    ///
    /// Context: process; may sleep; no lock held.
    fn call(
        &mut self,
        device: &drm::Device<Self::Driver, drm::Ioctl>,
        file: &drm::File<<Self::Driver as drm::Driver>::File>,
    ) -> Result;
}

/// The function that DRM calls for an ioctl.
///
/// # Safety
///
/// `device` is a device of the driver `A::Driver`, which has been registered. `file` is an open
/// file of it. `argument` points to the argument, with room for `A`.
unsafe extern "C" fn call<A: Ioctl>(
    device: *mut bindings::drm_device,
    argument: *mut c_void,
    file: *mut bindings::drm_file,
) -> c_int {
    // SAFETY: By the function's contract.
    let (device, file) = unsafe {
        (
            drm::Device::<A::Driver, drm::Ioctl>::from_raw(device),
            drm::File::from_raw(file),
        )
    };
    let argument = argument.cast::<A>();
    // SAFETY: By the function's contract, and any bytes are a value of the type. The memory is that
    // of an array of bytes.
    let mut value = unsafe { argument.read_unaligned() };

    match value.call(device, file) {
        Ok(()) => {
            // SAFETY: As above.
            unsafe { argument.write_unaligned(value) };
            0
        }
        Err(error) => error.to_errno(),
    }
}

/// Describes an ioctl, for [`drm_ioctls!`](crate::drm_ioctls).
///
/// # Safety
///
/// The descriptor goes into the table of the driver `D`.
#[doc(hidden)]
pub const unsafe fn descriptor<D, A>() -> DrmIoctlDescriptor
where
    D: drm::Driver,
    A: Ioctl<Driver = D>,
{
    assert!(
        _IOC_SIZE(A::NUMBER) == size_of::<A>(),
        "the number of an ioctl has another size than its argument"
    );
    DrmIoctlDescriptor {
        cmd: A::NUMBER,
        flags: A::FLAGS,
        func: Some(call::<A>),
        name: as_char_ptr_in_const_context(A::NAME),
    }
}

/// Returns `true` if the ioctls of a table are where DRM looks for them.
#[doc(hidden)]
pub const fn is_ordered(table: &[DrmIoctlDescriptor]) -> bool {
    let mut index = 0;

    while index < table.len() {
        if _IOC_NR(table[index].cmd) as usize != kernel::uapi::DRM_COMMAND_BASE as usize + index {
            return false;
        }
        index += 1;
    }
    true
}

/// Defines the `IOCTLS` of a driver, in its implementation of [`kernel::drm::Driver`]: the types of
/// the arguments, in the order of the ioctls' numbers and without gaps. Each type implements
/// [`Ioctl`](crate::drm::Ioctl).
///
/// # Examples
///
/// ```ignore
/// #[repr(C)]
/// #[derive(FromBytes, IntoBytes)]
/// struct Create {
///     size: u64,
///     handle: u32,
///     flags: u32,
/// }
///
/// impl Ioctl for Create {
///     type Driver = MyGpu;
///
///     const NUMBER: u32 = ioctl::IOWR::<Self>(DRM_COMMAND_BASE);
///     const NAME: &'static CStr = c"MYGPU_CREATE";
///
///     fn call(
///         &mut self,
///         device: &drm::Device<MyGpu, drm::Ioctl>,
///         file: &drm::File<File>,
///     ) -> Result {
///         self.handle = create(device, self.size)?.create_handle(file)?;
///         Ok(())
///     }
/// }
///
/// #[vtable]
/// impl drm::Driver for MyGpu {
///     dma_buf::drm_ioctls!(Create, Submit);
///     // ...
/// }
/// ```
#[macro_export]
macro_rules! drm_ioctls {
    ($($argument:ty),* $(,)?) => {
        const IOCTLS: &'static [::kernel::drm::ioctl::DrmIoctlDescriptor] = {
            let table = &[$(
                // SAFETY: It goes into the table of this driver.
                unsafe { $crate::drm::descriptor::<Self, $argument>() },
            )*];

            assert!(
                $crate::drm::is_ordered(table),
                "the ioctls are not in the order of their numbers, from DRM_COMMAND_BASE on"
            );
            table
        };
    };
}
