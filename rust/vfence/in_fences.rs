// SPDX-License-Identifier: GPL-2.0

//! What a job waits for before it runs.
//!
//! Each in-fence that signals queues the job's own irq_work, by a callback of the
//! library's; that looks whether all have, and leaves the rest to the timeline's. So
//! nothing of this module's runs under the lock of a foreign fence, jobs that wait for
//! each other do not nest, and of a thousand that wait for the same fence, not all are
//! started at once.

use crate::{
    fences::now,
    timeline::Timeline, //
};
use dma_buf::{
    callback::{
        FenceCallbackRegistration,
        QueueIrqWork, //
    },
    delegate::{
        Delegate,
        IrqWork,
        IrqWorkRef, //
    },
    Fence,
    SignallingSection, //
};
use kernel::{
    new_spinlock_irq,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        SpinLockIrq, //
    }, //
};

pub(crate) type Registrations = KVec<Pin<KBox<FenceCallbackRegistration<QueueIrqWork>>>>;

#[pin_data]
struct Waiting {
    timeline: Arc<Timeline>,
    /// The job's number; 0 before it has one.
    number: Atomic<u64>,
    fences: KVec<ARef<Fence>>,
    /// Each keeps this object, so they are to be taken when they have done what they
    /// are for. Only moved with the lock held: the drop takes a fence's.
    #[pin]
    registrations: SpinLockIrq<Registrations>,
}

impl Waiting {
    /// Has the job started if all in-fences have signalled.
    fn look(&self) {
        if self.fences.iter().all(|fence| fence.test_signaled_flag()) {
            self.timeline.ready(self.number.load(Relaxed));
        }
    }

    fn disarm(&self) -> Registrations {
        core::mem::take(&mut *self.registrations.lock())
    }
}

impl Delegate for Waiting {
    fn run(&self, _section: &SignallingSection<'_>) {
        let begun = now();

        self.look();
        self.timeline.device.spent_since(begun);
    }
}

fn is_leaf_or_array_of_leaves(fence: &Fence) -> bool {
    match fence.as_array() {
        Some(array) => !array.iter().any(Fence::is_container),
        None => !fence.is_chain(),
    }
}

/// The fence, or what is in it, if it cannot be waited for: a foreign driver may have
/// put containers into an array, or into a link.
fn flat(fence: ARef<Fence>) -> Result<ARef<Fence>> {
    let contained = fence.as_chain().map_or(&*fence, |link| link.contained());

    if fence.test_signaled_flag() || is_leaf_or_array_of_leaves(contained) {
        return Ok(fence);
    }
    Ok(fence.flatten()?.into_fence())
}

/// A job's in-fences.
pub(crate) struct InFences {
    work: IrqWork<Waiting>,
    /// Not registered yet.
    idle: Registrations,
}

impl InFences {
    /// Allocates what is needed to wait for some fences; `None` if there are none.
    pub(crate) fn new(
        timeline: &Arc<Timeline>,
        mut fences: KVec<ARef<Fence>>,
    ) -> Result<Option<Self>> {
        if fences.is_empty() {
            return Ok(None);
        }
        for fence in fences.iter_mut() {
            *fence = flat(fence.clone())?;
        }
        let mut idle = KVec::with_capacity(fences.len(), GFP_KERNEL)?;

        for _ in 0..fences.len() {
            idle.push(
                KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?,
                GFP_KERNEL,
            )?;
        }
        let timeline = timeline.clone();
        let work = IrqWork::new(pin_init!(Waiting {
            timeline,
            number: Atomic::new(0),
            fences,
            registrations <- new_spinlock_irq!(KVec::new()),
        }))?;

        Ok(Some(Self { work, idle }))
    }

    /// Has the job with this number be ready, once [`Self::look`] has been called. It
    /// must be dropped then when the job goes.
    pub(crate) fn arm(&mut self, number: u64) {
        let mut registrations = core::mem::take(&mut self.idle);

        self.work.number.store(number, Relaxed);
        for (registration, fence) in registrations.iter_mut().zip(&self.work.fences) {
            // One that has signalled need not be waited for. Nor does it fail otherwise:
            // they are flat.
            let _ = registration
                .as_mut()
                .register(fence, QueueIrqWork(self.work.to_ref()));
        }
        *self.work.registrations.lock() = registrations;
    }

    /// What looks once the job can be started: those that signalled before have looked
    /// in vain.
    pub(crate) fn looks(&self) -> IrqWorkRef {
        self.work.to_ref()
    }

    /// What is not needed any more once all have signalled, to be dropped where a
    /// fence's lock may be taken.
    pub(crate) fn disarm(&self) -> Registrations {
        self.work.disarm()
    }

    /// The first error of an in-fence.
    pub(crate) fn error(&self) -> Option<Error> {
        self.work
            .fences
            .iter()
            .filter(|fence| fence.test_signaled_flag())
            .find_map(|fence| fence.error())
    }
}

impl Drop for InFences {
    fn drop(&mut self) {
        drop(self.disarm());
    }
}
