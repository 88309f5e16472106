// SPDX-License-Identifier: GPL-2.0

//! What all open files have in common.

use crate::{
    fences::{
        now,
        Fences, //
    },
    limits::Limit,
    module_parameters,
    stats::Stats,
    throttle::Throttle,
    timeline::Timeline, //
};
use dma_buf::{
    ContextNumbers,
    FenceContext, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    time::Delta, //
};

/// The longest bound: an hour.
const MAX_BOUND_MS: u32 = 3_600_000;

/// The most fences on a timeline: each takes some hundred bytes.
const MAX_FENCES: u32 = 1 << 24;

/// The most contexts with pending fences; a timeline counts as one. `SYNC_IOC_MERGE` keeps one
/// fence of each context, so no merge of this device's fences has more, and
/// `SYNC_IOC_FILE_INFO` can answer for 52 428. A dma-buf, or a DRM syncobj, that keeps several
/// fences of a context can still export more: that is not bounded here. The list of timelines
/// is one allocation, which this keeps below the largest order, too.
const MAX_CONTEXTS: u32 = 49_152;

kernel::sync::global_lock! {
    // SAFETY: The module's init does that before anything else.
    unsafe(uninit) static DEVICE: Mutex<Option<Arc<Device>>> = None;
}

/// A timeline, for debugfs.
pub(crate) struct Listed {
    pub(crate) timeline: Arc<Timeline>,
    pub(crate) fences: Option<Arc<FenceContext<Fences>>>,
}

#[pin_data]
pub(crate) struct Device {
    /// How long a fence may be pending.
    pub(crate) bound: Delta,
    /// How many may be, on one timeline.
    pub(crate) max_fences: u32,
    /// How many contexts may have pending fences.
    pub(crate) contexts: Limit,
    /// The numbers of all contexts.
    pub(crate) numbers: ContextNumbers<Fences>,
    pub(crate) stats: Stats,
    pub(crate) throttle: Throttle,
    #[pin]
    pub(crate) timelines: Mutex<KVec<Listed>>,
}

/// The value of a parameter, which is lowered if it is above what can be had.
fn at_most(name: &str, value: u32, max: u32) -> u32 {
    if value > max {
        pr_warn!("{name} is lowered to {max}\n");
    }
    value.min(max)
}

impl Device {
    fn new() -> Result<Arc<Self>> {
        let bound = *module_parameters::bound_ms.value_ref();

        if bound == 0 || bound > MAX_BOUND_MS {
            pr_err!("bound_ms must be from 1 to {MAX_BOUND_MS}\n");
            return Err(EINVAL);
        }
        let max_fences = at_most(
            "max_fences",
            *module_parameters::max_fences.value_ref(),
            MAX_FENCES,
        );
        let max_contexts = at_most(
            "max_contexts",
            *module_parameters::max_contexts.value_ref(),
            MAX_CONTEXTS,
        );

        Arc::pin_init(
            pin_init!(Self {
                bound: Delta::from_millis(bound.into()),
                max_fences,
                contexts: Limit::new(max_contexts),
                numbers: ContextNumbers::new(u32::MAX),
                stats: Stats::new(),
                throttle: Throttle::new(),
                timelines <- new_mutex!(KVec::new()),
            }),
            GFP_KERNEL,
        )
    }

    /// The device. Fails with `ENODEV` while the module is being loaded or unloaded.
    pub(crate) fn get() -> Result<Arc<Self>> {
        DEVICE.lock().clone().ok_or(ENODEV)
    }

    /// An interrupt ends that began then, in ns of CLOCK_MONOTONIC.
    pub(crate) fn spent_since(&self, begun: i64) {
        let now = now();

        self.throttle.spend(now, now - begun);
    }

    /// Shows a timeline.
    pub(crate) fn list(
        &self,
        timeline: &Arc<Timeline>,
        fences: &Option<Arc<FenceContext<Fences>>>,
    ) -> Result {
        let listed = Listed {
            timeline: timeline.clone(),
            fences: fences.clone(),
        };

        Ok(self.timelines.lock().push(listed, GFP_KERNEL)?)
    }

    pub(crate) fn unlist(&self, timeline: &Arc<Timeline>) {
        let mut timelines = self.timelines.lock();
        let at = timelines
            .iter()
            .position(|listed| Arc::ptr_eq(&listed.timeline, timeline));
        let listed = at.and_then(|at| timelines.remove(at).ok());

        drop(timelines);
        drop(listed);
    }
}

/// Keeps the device for those who open it.
pub(crate) struct Instance(pub(crate) Arc<Device>);

impl Instance {
    /// To be called once, by the module's init, before anything else.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: Once, and before anybody uses it, by the function's contract.
        unsafe { DEVICE.init() };

        let device = Device::new()?;

        *DEVICE.lock() = Some(device.clone());
        Ok(Self(device))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let device = DEVICE.lock().take();

        drop(device);
    }
}
