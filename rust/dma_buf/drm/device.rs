// SPDX-License-Identifier: GPL-2.0

//! Features of a device that `kernel::drm` does not have.
//!
//! In 7.3 the kernel crate makes a driver's `drm_driver` as a constant, without these features. The
//! functions here give a device a changed copy before it is registered.
//!
//! C headers: [`include/drm/drm_drv.h`](srctree/include/drm/drm_drv.h),
//! [`include/drm/drm_managed.h`](srctree/include/drm/drm_managed.h)

use crate::bindings;
use core::{
    mem::replace,
    ptr::{
        self,
        null_mut,
        NonNull, //
    }, //
};
use kernel::{
    drm::{
        self,
        gem::{
            shmem,
            DriverObject,
            IntoGEMObject, //
        }, //
    },
    error::{
        from_err_ptr,
        to_result, //
    },
    ffi::c_void,
    page::page_align,
    prelude::*,
    str::CStrExt,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Release, //
        }, //
    }, //
};

/// A changed `drm_driver`, and the one that it replaces.
struct DriverTable {
    driver: bindings::drm_driver,
    original: *const bindings::drm_driver,
}

/// Undoes [`change_driver`].
///
/// # Safety
///
/// The device is being released, and its driver is that of `table`, which came from
/// `KBox::into_raw()` and is given up.
unsafe extern "C" fn restore(device: *mut bindings::drm_device, table: *mut c_void) {
    // SAFETY: By the function's contract.
    let table: KBox<DriverTable> = unsafe { KBox::from_raw(table.cast()) };

    // SAFETY: By the function's contract nothing else uses the device.
    unsafe { (*device).driver = table.original };
}

/// Gives a device a `drm_driver` of its own, which `f` changes.
///
/// Context: process; may sleep.
fn change_driver<T: drm::Driver>(
    device: &drm::UnregisteredDevice<T>,
    f: impl FnOnce(&mut bindings::drm_driver),
) -> Result {
    let device: &drm::Device<T> = device;
    // `drm::Device` is `repr(C)` and starts with the C structure, which is opaque.
    let raw: *mut bindings::drm_device = ptr::from_ref(device).cast_mut().cast();
    // SAFETY: The device is not registered, so nothing changes its driver, which is initialised.
    let original = unsafe { (*raw).driver };
    let mut table = KBox::new(
        DriverTable {
            // SAFETY: As above.
            driver: unsafe { original.read() },
            original,
        },
        GFP_KERNEL,
    )?;

    f(&mut table.driver);
    let table = KBox::into_raw(table);

    // SAFETY: The device is valid. When it is released, after the driver's own callback for that,
    // actions are called once, the last one first. So its driver is that of `table` when `restore`
    // is called.
    let result = to_result(unsafe {
        bindings::__drmm_add_action(
            raw,
            Some(restore),
            table.cast(),
            c"dma_buf::drm::restore".as_char_ptr(),
        )
    });
    if result.is_err() {
        // SAFETY: The action was not added, so this is the only owner.
        drop(unsafe { KBox::from_raw(table) });
        return result;
    }
    // SAFETY: The device is not registered, and this thread is the only one that prepares it.
    // Another thread with a reference to the device reads one of the two tables, and both are
    // valid. `restore` frees the new one when the device's driver is not used any more.
    unsafe {
        let driver: *mut *mut bindings::drm_driver = (&raw mut (*raw).driver).cast();

        Atomic::from_ptr(driver).store(&raw mut (*table).driver, Release);
    }
    Ok(())
}

/// Gives a device the features `DRIVER_SYNCOBJ` and `DRIVER_SYNCOBJ_TIMELINE`: user space may
/// create syncobjs, and wait for them.
///
/// Fails with `ENOMEM`.
///
/// Context: process; may sleep.
///
/// # Examples
///
/// ```ignore
/// let device = drm::UnregisteredDevice::<MyGpu>::new(parent, Ok(()))?;
///
/// dma_buf::drm::enable_syncobjs(&device)?;
/// ```
pub fn enable_syncobjs<T: drm::Driver>(device: &drm::UnregisteredDevice<T>) -> Result {
    change_driver(device, |driver| {
        driver.driver_features |= bindings::drm_driver_feature_DRIVER_SYNCOBJ
            | bindings::drm_driver_feature_DRIVER_SYNCOBJ_TIMELINE;
    })
}

/// Makes an object of the driver's type, for [`import`].
///
/// # Safety
///
/// `device` is a device of the driver of `T`.
unsafe fn create<T>(
    device: *mut bindings::drm_device,
    size: usize,
) -> Result<NonNull<bindings::drm_gem_object>>
where
    T: DriverObject<Args: Default>,
{
    // SAFETY: By the function's contract.
    let device = unsafe { drm::Device::<T::Driver>::from_raw(device) };
    let config = shmem::ObjectConfig::<T>::default();
    let object = shmem::Object::new(device, size, config, Default::default())?;

    // SAFETY: The pointer to a GEM object is not null. The caller gets the reference.
    Ok(unsafe { NonNull::new_unchecked(ARef::into_raw(object).as_ref().as_raw()) })
}

/// Returns an object for a dma-buf: that of the device which the dma-buf was exported from, or a
/// new one without memory of its own.
///
/// Does what `drm_gem_shmem_prime_import_no_map()` does, but makes an object of the driver's type
/// instead of a bare `drm_gem_shmem_object`.
///
/// # Safety
///
/// `device` is a device, `dma_buf` a dma-buf, and `create` may be called for the device.
// Not inlined: this crate's module imports the namespace of the functions of dma-bufs.
#[inline(never)]
unsafe fn import(
    device: *mut bindings::drm_device,
    dma_buf: *mut bindings::dma_buf,
    create: unsafe fn(
        *mut bindings::drm_device,
        usize,
    ) -> Result<NonNull<bindings::drm_gem_object>>,
) -> Result<NonNull<bindings::drm_gem_object>> {
    // SAFETY: By the function's contract. An object that is exported is the private data of its
    // dma-buf. A new object is not shared yet. Without its file, which has no pages yet, it is what
    // C calls a private object. It takes over the attachment and the reference to the dma-buf. As
    // it is imported, freeing it drops both.
    unsafe {
        if bindings::drm_gem_is_prime_exported_dma_buf(device, dma_buf) {
            let object: *mut bindings::drm_gem_object = (*dma_buf).priv_.cast();

            bindings::drm_gem_object_get(object);
            return NonNull::new(object).ok_or(EINVAL);
        }
        let size = page_align((*dma_buf).size).ok_or(EOVERFLOW)?;
        let attachment = from_err_ptr(bindings::dma_buf_attach(dma_buf, (*device).dev))?;
        let object = create(device, size).inspect_err(|_| {
            bindings::dma_buf_detach(dma_buf, attachment);
        })?;
        let this = object.as_ptr();

        bindings::dma_buf_rs_get_dma_buf(dma_buf);
        bindings::fput(replace(&mut (*this).filp, null_mut()));
        (*this).import_attach = attachment;
        (*this).resv = (*dma_buf).resv;
        Ok(object)
    }
}

/// Imports a dma-buf: see [`import`].
///
/// # Safety
///
/// `device` is a device of the driver of `T`, and `dma_buf` a dma-buf.
unsafe extern "C" fn prime_import<T>(
    device: *mut bindings::drm_device,
    dma_buf: *mut bindings::dma_buf,
) -> *mut bindings::drm_gem_object
where
    T: DriverObject<Args: Default>,
{
    // SAFETY: By the function's contract.
    match unsafe { import(device, dma_buf, create::<T>) } {
        Ok(object) => object.as_ptr(),
        Err(error) => error.to_ptr(),
    }
}

/// Makes the dma-bufs that a device imports objects of the driver's type, without mapping their
/// memory for DMA.
///
/// In 7.3, `kernel::drm` leaves importing to C, which makes a `drm_gem_shmem_object` of its own.
/// The driver then finds it by its handle as if it were a [`shmem::Object`], which is larger. The
/// same goes for `DRM_IOCTL_MODE_CREATE_DUMB`, so the device does not have that ioctl any more. A
/// driver with objects of [`shmem`] should call this.
///
/// An imported object has no pages of its own. So the driver must not ask it for its
/// [`sg_table`](shmem::Object::sg_table) or map it by `vmap()`: the kernel warns then.
///
/// Fails with `ENOMEM`.
///
/// Context: process; may sleep.
///
/// # Examples
///
/// ```ignore
/// let device = drm::UnregisteredDevice::<MyGpu>::new(parent, Ok(()))?;
///
/// dma_buf::drm::enable_prime_import(&device)?;
/// ```
pub fn enable_prime_import<D, T>(device: &drm::UnregisteredDevice<D>) -> Result
where
    D: drm::Driver<Object = shmem::Object<T>>,
    T: DriverObject<Driver = D, Args: Default>,
{
    change_driver(device, |driver| {
        driver.gem_prime_import = Some(prime_import::<T>);
        driver.gem_prime_import_sg_table = None;
        driver.dumb_create = None;
    })
}
