// SPDX-License-Identifier: GPL-2.0

//! Buffers of another driver, and the reservation objects in them.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_buffer)]
mod tests {
    use super::*;
    use dma_buf::DmaBuf;
    use kernel::fs::file::{
        flags,
        FileDescriptorReservation, //
    };

    static RELEASED: Atomic<i32> = Atomic::new(0);

    /// # Safety
    ///
    /// None: it does not use its arguments.
    unsafe extern "C" fn map(
        _: *mut bindings::dma_buf_attachment,
        _: bindings::dma_data_direction,
    ) -> *mut bindings::sg_table {
        core::ptr::null_mut()
    }

    /// # Safety
    ///
    /// As for [`map`].
    unsafe extern "C" fn unmap(
        _: *mut bindings::dma_buf_attachment,
        _: *mut bindings::sg_table,
        _: bindings::dma_data_direction,
    ) {
    }

    /// # Safety
    ///
    /// As for [`map`].
    unsafe extern "C" fn release(_: *mut bindings::dma_buf) {
        RELEASED.fetch_add(1, Full);
    }

    struct Ops(bindings::dma_buf_ops);

    // SAFETY: Never written.
    unsafe impl Sync for Ops {}

    static OPS: Ops = Ops(bindings::dma_buf_ops {
        map_dma_buf: Some(map),
        unmap_dma_buf: Some(unmap),
        release: Some(release),
        // SAFETY: No operation.
        ..unsafe { core::mem::zeroed() }
    });

    /// Exports a buffer of a foreign driver. [`RELEASED`] counts its release, which comes before
    /// this module is unloaded.
    fn export() -> Result<ARef<DmaBuf>> {
        let info = bindings::dma_buf_export_info {
            exp_name: c"foreign".as_char_ptr(),
            ops: &raw const OPS.0,
            size: 4096,
            flags: bindings::O_RDWR as i32,
            // Must not be null.
            priv_: (&raw const OPS).cast_mut().cast(),
            ..Default::default()
        };

        RELEASED.store(0, Relaxed);
        // SAFETY: All required fields are set.
        let buffer = from_err_ptr(unsafe { bindings::dma_buf_export(&info) })?;
        // SAFETY: The callee took a reference for us. The pointer is not null, as it is no error.
        Ok(unsafe { ARef::from_raw(core::ptr::NonNull::new_unchecked(buffer.cast())) })
    }

    fn has_gone() -> bool {
        eventually(|| RELEASED.load(Relaxed) == 1)
    }

    #[test]
    fn reservation_object_is_the_foreign_drivers() -> Result {
        let f = Fences::new(1)?;
        let before = references(f.fence(0));
        let buffer = export()?;
        // SAFETY: The buffer is valid as long as there is a reference.
        let same = unsafe { DmaBuf::from_raw(buffer.as_raw()) };

        // SAFETY: As above.
        assert!(buffer.resv().as_raw() == unsafe { (*buffer.as_raw()).resv });
        assert!(core::ptr::eq(same.resv(), buffer.resv()));
        let mut guard = ResvGuard::lock(buffer.clone());
        assert!(buffer.resv().is_locked());
        add(&mut guard, &f.leaf(0), ResvUsage::Write)?;
        assert!(holds(&guard, &[(f.fence(0), ResvUsage::Write)]));
        // The guard keeps the buffer.
        drop(buffer);
        assert_eq!(RELEASED.load(Relaxed), 0);
        let buffer = guard.unlock();
        assert!(!buffer.resv().test_signaled(ResvUsage::Read));
        f.signal(0);
        assert!(buffer.resv().test_signaled(ResvUsage::Bookkeep));
        drop(buffer);
        assert!(has_gone());
        assert!(references(f.fence(0)) <= before);
        Ok(())
    }

    #[test]
    fn set_keeps_the_buffers_in_it() -> Result {
        let mut set = ResvSet::new();
        let buffer = export()?;

        // Two handles, one buffer.
        set.push(buffer.clone())?;
        set.push(buffer)?;
        let locked = set.lock();
        assert!(locked.iter().all(|(buffer, _)| buffer.resv().is_locked()));
        let mut set = locked.unlock();
        assert_eq!(RELEASED.load(Relaxed), 0);
        set.clear();
        assert!(has_gone());
        Ok(())
    }

    #[test]
    fn descriptor_gives_the_buffer() -> Result {
        let buffer = export()?;
        // SAFETY: The buffer is valid; the reference goes to the descriptor.
        let fd = unsafe { bindings::dma_buf_fd(ARef::into_raw(buffer.clone()).cast().as_ptr(), 0) };
        assert!(fd >= 0);

        let again = DmaBuf::from_fd(fd);
        // SAFETY: It is ours.
        unsafe { bindings::close_fd(fd as u32) };
        assert!(again.is_ok_and(|again| core::ptr::eq(&*again, &*buffer)));
        assert_eq!(DmaBuf::from_fd(fd).map(|_| ()), Err(EBADF));
        drop(buffer);
        assert!(has_gone());
        Ok(())
    }

    #[test]
    fn descriptor_of_none_is_an_error() -> Result {
        for fd in [-1, i32::MIN, i32::MAX, 1_000_000] {
            assert_eq!(DmaBuf::from_fd(fd).map(|_| ()), Err(EBADF));
        }

        let reservation = FileDescriptorReservation::get_unused_fd_flags(flags::O_CLOEXEC)?;
        let fd = reservation.reserved_fd();
        SyncFile::new(&Fence::stub())?.install(reservation);
        let buffer = DmaBuf::from_fd(fd as i32).map(|_| ());
        // SAFETY: It is ours.
        unsafe { bindings::close_fd(fd) };
        assert_eq!(buffer, Err(EINVAL));
        Ok(())
    }
}
