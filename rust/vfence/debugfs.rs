// SPDX-License-Identifier: GPL-2.0

//! What `/sys/kernel/debug/vfence` shows.
//!
//! - `timelines`: a line for each, and one for each of its first pending fences,
//!   indented: number, state, and age in us;
//! - `counters`: what the device has done since it was loaded, and how many fences count
//!   against the limits of the timelines now;
//! - `latency`: how many fences have signalled in less than so many ns from when the
//!   irq_work was queued that signalled them.

use crate::{
    device::{
        Device,
        Listed, //
    },
    fences::now,
    ring::Kind,
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
    #[cfg(vfence_misbehave)]
    _misbehave: crate::misbehave::Debugfs,
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
        let this = Self {
            dir,
            device,
            #[cfg(vfence_misbehave)]
            _misbehave: crate::misbehave::Debugfs::new(),
        };

        this.create::<Timelines>(c"timelines");
        this.create::<Counters>(c"counters");
        this.create::<Latency>(c"latency");
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
        device.stats.write_counters(f)
    }
}

struct Latency;

impl Contents for Latency {
    fn write(device: &Device, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        device.stats.write_latency(f)
    }
}

struct Timelines;

impl Contents for Timelines {
    fn write(device: &Device, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(mut fences) = KVec::with_capacity(SHOWN, GFP_KERNEL) else {
            return Err(fmt::Error);
        };

        for listed in device.timelines.lock().iter() {
            fences.clear();
            write_timeline(listed, &mut fences, f)?;
        }
        Ok(())
    }
}

/// Number, state, and when it was made.
type Row = (u64, &'static str, i64);

fn write_timeline(
    listed: &Listed,
    fences: &mut KVec<Row>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let timeline = &listed.timeline;
    let (value, last, pending, hangs) = collect(listed, fences);
    let kind = match timeline.kind {
        Kind::Ordered => "ordered",
        Kind::Unordered => "unordered",
        Kind::Points => "points",
    };

    writeln!(
        f,
        "{:?} {kind} context {} value {value} last {last} pending {pending}{}",
        &*timeline.name,
        listed.fences.as_ref().map_or(0, |fences| fences.context()),
        if hangs { " hanging" } else { "" },
    )?;
    for (number, state, since) in fences.iter() {
        writeln!(f, "  {number} {state} {} us", (now() - since) / 1000)?;
    }
    if pending > fences.len() as u64 {
        writeln!(f, "  and {} more", pending - fences.len() as u64)?;
    }
    Ok(())
}

/// Value, last number, number of pending fences, and whether it hangs.
fn collect(listed: &Listed, fences: &mut KVec<Row>) -> (u64, u64, u64, bool) {
    let timeline = &listed.timeline;

    if timeline.kind == Kind::Points {
        collect_points(listed, fences);
        let state = timeline.state.lock();

        return (
            state.value,
            state.last,
            timeline.pending.get().max(0) as u64,
            false,
        );
    }
    let state = timeline.state.lock();
    for (number, job) in state.jobs.iter() {
        if fences
            .push_within_capacity((*number, job.state(), job.since))
            .is_err()
        {
            break;
        }
    }
    (
        state.front().map_or(state.last, |front| front - 1),
        state.last,
        state.job_count,
        state.hangs,
    )
}

fn collect_points(listed: &Listed, fences: &mut KVec<Row>) {
    let Ok(mut pending) = KVec::with_capacity(SHOWN, GFP_KERNEL) else {
        return;
    };

    let timeline = &listed.timeline;

    if let Some(context) = &listed.fences {
        context.pending(&mut pending);
    }
    for fence in &pending {
        if let Some(data) = timeline.device.numbers.data(fence) {
            let _ = fences.push_within_capacity((fence.seqno(), "point", data.made));
        }
    }
}
