// SPDX-License-Identifier: GPL-2.0

//! What `/sys/kernel/debug/vfence` shows.
//!
//! - `timelines`: a line for each, and an indented one for each of its first pending fences:
//!   number, state, and age in us;
//! - `counters`: what the device has done since it was loaded, and how many fences are pending.

use crate::{
    clock::now,
    device::Device,
    timeline::{
        Kind,
        Row,
        Timeline, //
    },
    LocalModule, //
};
use core::marker::PhantomData;
use kernel::{
    bindings,
    ffi::{
        c_int,
        c_void, //
    },
    fmt,
    module::this_module,
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    str::CStrExt,
    sync::Arc, //
};

/// How many fences of a timeline are shown.
const SHOWN: usize = 256;

/// How many fences are shown in all: the timelines are locked meanwhile.
const SHOWN_IN_ALL: usize = 16 * SHOWN;

/// The directory. Without memory it is not there, or not all of it.
///
/// Not `kernel::debugfs`: the files of that have no owner, so a module can be unloaded while
/// one is open, and closing it then reads the module's memory.
///
/// # Invariants
///
/// `dir` is from `debugfs_create_dir()`, and the files in it have `device` as their data.
pub(crate) struct Debugfs {
    dir: *mut bindings::dentry,
    device: Arc<Device>,
}

// SAFETY: The directory may be removed from any thread, and is not used otherwise.
unsafe impl Send for Debugfs {}
// SAFETY: As above.
unsafe impl Sync for Debugfs {}

impl Debugfs {
    pub(crate) fn new(device: Arc<Device>) -> Self {
        // SAFETY: The name is a string.
        let dir =
            unsafe { bindings::debugfs_create_dir(c"vfence".as_char_ptr(), core::ptr::null_mut()) };
        // INVARIANT: `dir` is just made, and the files get this device.
        let this = Self { dir, device };

        this.create::<Timelines>(c"timelines");
        this.create::<Counters>(c"counters");
        this
    }

    fn create<C: Contents>(&self, name: &CStr) {
        let device: *const Device = &raw const *self.device;

        // SAFETY: By the type invariant; an error in place of the directory will do. The file
        // goes before the device, which is what its operations expect as data.
        unsafe {
            bindings::debugfs_create_file_full(
                name.as_char_ptr(),
                0o400,
                self.dir,
                device.cast_mut().cast(),
                core::ptr::null(),
                &FileOf::<C>::OPS,
            )
        };
    }
}

impl Drop for Debugfs {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. It waits for the readers, and the files are gone then.
        unsafe { bindings::debugfs_remove(self.dir) };
    }
}

/// What a file shows.
trait Contents {
    fn write(device: &Device, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

struct Shown<'a, C>(&'a Device, PhantomData<C>);

impl<C: Contents> fmt::Display for Shown<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        C::write(self.0, f)
    }
}

struct FileOf<C>(PhantomData<C>);

impl<C: Contents> FileOf<C> {
    const OPS: bindings::file_operations = bindings::file_operations {
        open: Some(Self::open),
        read: Some(bindings::seq_read),
        llseek: Some(bindings::seq_lseek),
        release: Some(bindings::single_release),
        owner: this_module::<LocalModule>().as_ptr(),
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// Called by debugfs, to open a file whose data is the device.
    unsafe extern "C" fn open(inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: By the function's contract.
        unsafe { bindings::single_open(file, Some(Self::show), (*inode).i_private) }
    }

    /// # Safety
    ///
    /// Called by seq_file, for a file that `open` has opened, and that is not removed
    /// meanwhile.
    unsafe extern "C" fn show(seq: *mut bindings::seq_file, _: *mut c_void) -> c_int {
        // SAFETY: By the function's contract: the device goes after the file.
        let (device, seq) = unsafe { (&*(*seq).private.cast::<Device>(), SeqFile::from_raw(seq)) };

        seq_print!(seq, "{}", Shown::<C>(device, PhantomData));
        0
    }
}

struct Counters;

impl Contents for Counters {
    fn write(device: &Device, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timelines = device.timelines.lock();
        let pending: u64 = timelines.values().map(|it| it.summary().pending).sum();

        device.stats.write(pending as i64, f)
    }
}

struct Timelines;

impl Contents for Timelines {
    fn write(device: &Device, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = KVec::with_capacity(SHOWN, GFP_KERNEL).map_err(|_| fmt::Error)?;
        let mut left = SHOWN_IN_ALL;

        for timeline in device.timelines.lock().values() {
            rows.clear();
            if left != 0 {
                timeline.show(&mut rows, &device.numbers);
            }
            rows.truncate(left);
            left -= rows.len();
            write_timeline(timeline, &rows, f)?;
        }
        Ok(())
    }
}

fn write_timeline(timeline: &Timeline, rows: &[Row], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let summary = timeline.summary();
    let kind = match timeline.kind {
        Kind::Ordered => "ordered",
        Kind::Unordered => "unordered",
        Kind::Points => "points",
    };

    writeln!(
        f,
        "{:?} {kind} context {} value {} last {} pending {}{}",
        &*timeline.name,
        summary.context,
        summary.value,
        summary.last,
        summary.pending,
        if summary.hangs { " hanging" } else { "" },
    )?;
    for (number, state, made) in rows {
        writeln!(f, "  {number} {state} {} us", (now() - made) / 1000)?;
    }
    match summary.pending.saturating_sub(rows.len() as u64) {
        0 => Ok(()),
        more => writeln!(f, "  and {more} more"),
    }
}
