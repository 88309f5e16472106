// SPDX-License-Identifier: GPL-2.0

//! Callbacks.

use crate::side::{
    fences,
    repeat,
    Operation,
    Plain,
    Side, //
};
use dma_buf::{
    callback::{
        FenceCallback,
        FenceCallbackRegistration, //
    },
    DriverFence,
    Fence,
    FenceContext, //
};
use kernel::{
    alloc::allocator::KVmalloc,
    alloc::kvec::IntoIter,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

static CALLED: Atomic<u32> = Atomic::new(0);

/// Counts; about the least that a callback can do.
struct Count;

// SAFETY: It takes no lock, and leaves fences alone. No registration is leaked.
unsafe impl FenceCallback for Count {
    fn called(&self, _fence: &Fence) {
        CALLED.store(CALLED.load(Relaxed) + 1, Relaxed);
    }
}

type Registration = Pin<KBox<FenceCallbackRegistration<Count>>>;

/// Fences, each with its callbacks.
struct Signal {
    fences: IntoIter<DriverFence<Plain>, KVmalloc>,
    _registrations: KVVec<Registration>,
    _context: FenceContext<Plain>,
}

impl Operation for Signal {
    fn prepare(n: u32, callbacks: u32) -> Result<Self> {
        let (context, fences) = fences(n)?;
        let mut registrations = KVVec::with_capacity((n * callbacks) as usize, GFP_KERNEL)?;

        for fence in &fences {
            for _ in 0..callbacks {
                let mut registration =
                    KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;

                registration.as_mut().register(fence.as_fence(), Count)?;
                registrations.push(registration, GFP_KERNEL)?;
            }
        }
        Ok(Self {
            fences: fences.into_iter(),
            _registrations: registrations,
            _context: context,
        })
    }

    fn run(&mut self, _n: u32) {
        for fence in &mut self.fences {
            fence.signal(Ok(()));
        }
    }
}

#[no_mangle]
static bench_rust_signal: Side = Side::new::<Signal>();

/// Adding a callback and removing it.
struct AddRemove {
    registration: Registration,
    fence: Option<DriverFence<Plain>>,
    _context: FenceContext<Plain>,
}

impl Operation for AddRemove {
    fn prepare(_n: u32, _arg: u32) -> Result<Self> {
        let (context, mut fences) = fences(1)?;

        Ok(Self {
            registration: KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?,
            fence: fences.pop(),
            _context: context,
        })
    }

    fn run(&mut self, n: u32) {
        let Some(fence) = self.fence.as_ref().map(DriverFence::as_fence) else {
            return;
        };

        repeat(n, || {
            if self.registration.as_mut().register(fence, Count).is_err() {
                return;
            }
            self.registration.as_mut().cancel();
        });
    }
}

impl Drop for AddRemove {
    fn drop(&mut self) {
        if let Some(fence) = self.fence.take() {
            fence.signal(Ok(()));
        }
    }
}

#[no_mangle]
static bench_rust_add_remove: Side = Side::new::<AddRemove>();
