// SPDX-License-Identifier: GPL-2.0

//! What all open files have in common.

use crate::{
    interrupt::Interrupt,
    limit::{
        Charge,
        Limit, //
    },
    module_parameters,
    stats::Stats,
    timeline::{
        ContextData,
        Kind,
        Timeline, //
    }, //
};
use dma_buf::{
    ContextNumbers,
    ContextOptions,
    FenceContext, //
};
use kernel::{
    new_mutex,
    prelude::*,
    rbtree::RBTree,
    str::CString,
    sync::{
        Arc,
        Mutex, //
    },
    time::Delta, //
};

/// The longest bound: an hour.
const MAX_BOUND_MS: u32 = 3_600_000;

/// The most fences on a timeline. The bound completes 256 of them in a run, and rests for as long
/// as twice that takes, or 1 ms.
const MAX_FENCES: u32 = 1 << 17;

/// The most contexts with pending fences. A timeline counts as one. `SYNC_IOC_MERGE` keeps one
/// fence of each context, so no merge of this device's fences has more, and
/// `SYNC_IOC_FILE_INFO` can answer for 52 428. A dma-buf, or a DRM syncobj, that keeps several
/// fences of a context can still export more: that is not bounded here.
const MAX_CONTEXTS: u32 = 49_152;

/// How many contexts there can be as long as the module is loaded: 100 000 a second for four
/// months.
const CONTEXT_NUMBERS: u64 = 1 << 40;

kernel::sync::global_lock! {
    // SAFETY: The module's init does that before anything else.
    unsafe(uninit) static DEVICE: Mutex<Option<Arc<Device>>> = None;
}

#[pin_data]
pub(crate) struct Device {
    /// How long a fence may be pending.
    pub(crate) bound: Delta,
    /// How many fences may be pending, on one timeline.
    pub(crate) max_fences: u32,
    /// The contexts that may have pending fences.
    pub(crate) contexts: Arc<Limit>,
    /// The in-fences of all pending jobs. They may all be one fence, whose signal then has a
    /// callback for each.
    pub(crate) in_fences: Arc<Limit>,
    /// The numbers of all contexts.
    pub(crate) numbers: ContextNumbers<ContextData>,
    pub(crate) stats: Arc<Stats>,
    interrupt: Arc<Interrupt<Timeline>>,
    /// The timelines of open files, by address.
    #[pin]
    pub(crate) timelines: Mutex<RBTree<usize, Arc<Timeline>>>,
}

/// Returns the value of a parameter, lowered to `max` if it is above.
fn at_most(name: &str, value: u32, max: u32) -> u32 {
    if value > max {
        pr_warn!("{name} is lowered to {max}\n");
    }
    value.min(max)
}

/// The key of a timeline.
fn address(timeline: &Arc<Timeline>) -> usize {
    (&raw const **timeline).addr()
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
        let stats = Arc::new(Stats::new(), GFP_KERNEL)?;
        let interrupt = Arc::new(Interrupt::new(stats.clone())?, GFP_KERNEL)?;
        let contexts = Arc::new(Limit::new(max_contexts), GFP_KERNEL)?;
        let in_fences = Arc::new(Limit::new(max_fences), GFP_KERNEL)?;
        let numbers = ContextNumbers::new(CONTEXT_NUMBERS)?;

        Arc::pin_init(
            pin_init!(Self {
                bound: Delta::from_millis(bound.into()),
                max_fences,
                contexts,
                in_fences,
                numbers,
                stats,
                interrupt,
                timelines <- new_mutex!(RBTree::new()),
            }),
            GFP_KERNEL,
        )
    }

    /// Returns the device. Fails with `ENODEV` while the module is being loaded or unloaded.
    pub(crate) fn get() -> Result<Arc<Self>> {
        DEVICE.lock().clone().ok_or(ENODEV)
    }

    /// Makes a context for fences of a timeline, which begins with this number.
    pub(crate) fn new_context(
        &self,
        timeline: &Arc<Timeline>,
        first: u64,
    ) -> Result<FenceContext<ContextData>> {
        let options = ContextOptions::new()
            .timeout(self.bound)?
            .first_seqno(first)?;

        self.numbers.context(
            c"vfence",
            &timeline.name,
            match timeline.kind {
                Kind::Points => options.points(),
                _ => options,
            },
            timeline.context_data(),
        )
    }

    /// Makes a timeline, which is shown until it is closed.
    pub(crate) fn new_timeline(&self, kind: Kind, name: CString) -> Result<Arc<Timeline>> {
        let timeline = Timeline::new(
            kind,
            name,
            self.max_fences,
            self.interrupt.clone(),
            self.stats.clone(),
            Charge::new(&self.contexts, 1)?,
            |timeline| match kind {
                Kind::Unordered => Ok(None),
                _ => self.new_context(timeline, 1).map(Some),
            },
        )?;
        let listed = self.timelines.lock().try_create_and_insert(
            address(&timeline),
            timeline.clone(),
            GFP_KERNEL,
        );

        if let Err(error) = listed {
            timeline.close();
            return Err(error);
        }
        Ok(timeline)
    }

    /// Closes a timeline.
    pub(crate) fn close(&self, timeline: &Arc<Timeline>) {
        let listed = self.timelines.lock().remove(&address(timeline));

        drop(listed);
        timeline.close();
    }
}

/// Keeps the device for the files that are opened.
pub(crate) struct DeviceOwner(pub(crate) Arc<Device>);

impl DeviceOwner {
    /// To be called once, by the module's init, before anything else.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: Once, and before anybody uses it, by the function's contract.
        unsafe { DEVICE.init() };

        let device = Device::new()?;

        *DEVICE.lock() = Some(device.clone());
        Ok(Self(device))
    }
}

impl Drop for DeviceOwner {
    fn drop(&mut self) {
        let device = DEVICE.lock().take();

        drop(device);
        // No file is open, but some may have been closed with much left to complete.
        self.0.interrupt.drain();
    }
}
