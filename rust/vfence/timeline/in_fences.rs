// SPDX-License-Identifier: GPL-2.0

//! The fences that a job waits for before it runs.
//!
//! Each has a callback, which counts. The last one tells the timeline that the job is ready,
//! and the interrupt starts it: no fence signals in a callback, so jobs that wait for each
//! other do not nest.

use super::owner::Owner;
use crate::limit::Charge;
use dma_buf::{
    callback::{
        FenceCallback,
        FenceCallbackRegistration, //
    },
    Fence, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Full, //
        },
        Arc, //
    }, //
};

/// What a job waits for: its in-fences, and that it is on its timeline.
pub(crate) struct Wait {
    timeline: Arc<dyn Owner>,
    /// The job's number.
    number: u64,
    left: Atomic<u32>,
}

impl Wait {
    /// One thing less to wait for.
    pub(crate) fn arrive(&self) {
        if self.left.fetch_sub(1, Full) == 1 {
            self.timeline.clone().ready(self.number);
        }
    }
}

/// The callback.
struct Arrival(Arc<Wait>);

// SAFETY: It counts, takes locks of the timeline and of the interrupt, which are only held with
// interrupts off, and queues an irq_work. The reference to the timeline that it takes is not the
// last one: `Wait` has another. A job owns the registration, and all jobs of a timeline are
// dropped before the interrupt is drained, which the module's exit waits for.
unsafe impl FenceCallback for Arrival {
    fn called(&self, _fence: &Fence) {
        self.0.arrive();
    }
}

/// Returns the fence; or its leaves, as one fence, if a foreign driver has nested containers in
/// an array or a link, so that no callback can be registered.
fn for_callback(fence: ARef<Fence>) -> Result<ARef<Fence>> {
    let contained = fence.as_chain().map_or(&*fence, |link| link.contained());

    if fence.test_signaled_flag() || *contained.to_unwrapped()? == *contained {
        return Ok(fence);
    }
    Ok(fence.to_unwrapped()?.into_fence())
}

/// A job's in-fences. They must be dropped where a fence's lock may be taken.
pub(crate) struct InFences {
    fences: KVec<ARef<Fence>>,
    registrations: KVec<Pin<KBox<FenceCallbackRegistration<Arrival>>>>,
    wait: Arc<Wait>,
    _charge: Charge,
}

impl InFences {
    /// Allocates what the job with this number needs to wait for `fences`.
    pub(crate) fn new(
        timeline: Arc<dyn Owner>,
        number: u64,
        mut fences: KVec<ARef<Fence>>,
        charge: Charge,
    ) -> Result<Self> {
        let mut registrations = KVec::with_capacity(fences.len(), GFP_KERNEL)?;

        for fence in fences.iter_mut() {
            *fence = for_callback(fence.clone())?;
            registrations.push(
                KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?,
                GFP_KERNEL,
            )?;
        }
        let wait = Wait {
            timeline,
            number,
            left: Atomic::new(fences.len() as u32 + 1),
        };

        Ok(Self {
            fences,
            registrations,
            wait: Arc::new(wait, GFP_KERNEL)?,
            _charge: charge,
        })
    }

    /// Registers the callbacks.
    pub(crate) fn arm(&mut self) {
        for (registration, fence) in self.registrations.iter_mut().zip(&self.fences) {
            let arrival = Arrival(self.wait.clone());

            // It only fails if the fence has signalled: none is nested.
            if registration.as_mut().register(fence, arrival).is_err() {
                self.wait.arrive();
            }
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.fences.len()
    }

    /// What has to be told, by [`Wait::arrive`], that the job is on its timeline.
    pub(crate) fn wait(&self) -> Arc<Wait> {
        self.wait.clone()
    }

    /// Returns the first error of an in-fence, in the order in which they were given.
    pub(crate) fn error(&self) -> Option<Error> {
        self.fences
            .iter()
            .filter(|fence| fence.test_signaled_flag())
            .find_map(|fence| fence.error())
    }
}
