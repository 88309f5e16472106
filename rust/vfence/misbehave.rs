// SPDX-License-Identifier: GPL-2.0

//! Misbehaviour on request: only in `vfence_misuse.ko`, for the suite `lockdep`.
//!
//! A word written to `/sys/kernel/debug/vfence_misuse/misbehave` has the next interrupt do what
//! none may do before it completes jobs.

use dma_buf::{
    resv::Resv,
    Fence, //
};
use kernel::{
    debugfs::{
        Dir,
        File, //
    },
    new_mutex,
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Mutex,
        SpinLock, //
    },
    uaccess::UserSliceReader, //
};

type Misdeed = (&'static [u8], fn());

const MISDEEDS: [Misdeed; 5] = [
    (b"gfp_kernel", gfp_kernel),
    (b"lock", lock),
    (b"mutex", mutex),
    (b"resv", resv),
    (b"wait", wait),
];

/// What is to be done next, counted from 1; 0 is nothing.
static NEXT: Atomic<usize> = Atomic::new(0);

pub(crate) struct Debugfs {
    _file: Option<Pin<KBox<File<()>>>>,
}

impl Debugfs {
    pub(crate) fn new() -> Self {
        let dir = Dir::new(c"vfence_misuse");

        Self {
            _file: KBox::pin_init(
                dir.write_callback_file(c"misbehave", (), &write),
                GFP_KERNEL,
            )
            .ok(),
        }
    }
}

/// What is written to the file.
fn write(_: &(), reader: &mut UserSliceReader) -> Result {
    let mut word = [0; 16];
    let length = reader.len();

    reader.read_slice(word.get_mut(..length).ok_or(EINVAL)?)?;
    let word = word[..length].trim_ascii();
    let index = MISDEEDS
        .iter()
        .position(|(name, _)| *name == word)
        .ok_or(EINVAL)?;

    // As others take it: with interrupts on.
    lock();
    NEXT.store(index + 1, Relaxed);
    Ok(())
}

/// What an interrupt does first.
pub(crate) fn run() {
    let next = NEXT.xchg(0, Relaxed);

    if let Some((_, misdeed)) = next.checked_sub(1).and_then(|index| MISDEEDS.get(index)) {
        misdeed();
    }
}

fn gfp_kernel() {
    let _ = KBox::new(0u8, GFP_KERNEL);
}

/// Of one class, wherever it is taken. It is not irq-safe.
fn lock() {
    pin_init::stack_pin_init!(let lock: SpinLock<()> = new_spinlock!((), "vfence_lock"));

    drop(lock.lock());
}

/// Nobody holds it, so it does not sleep. Nor do those below.
fn mutex() {
    pin_init::stack_pin_init!(let lock: Mutex<()> = new_mutex!((), "vfence_mutex"));

    drop(lock.lock());
}

fn resv() {
    pin_init::stack_pin_init!(let resv: Resv = Resv::new());

    resv.with_lock(|_| ());
}

fn wait() {
    let _ = Fence::stub().wait();
}
