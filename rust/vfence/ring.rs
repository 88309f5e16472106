// SPDX-License-Identifier: GPL-2.0

//! A timeline with what drives it: what an open file owns.

use crate::{
    device::Device,
    fences::Fences,
    interrupt::{
        Alarm,
        Interrupt,
        Links, //
    },
    timeline::Timeline, //
};
use dma_buf::{
    FenceContext,
    IrqWork,
    Timer, //
};
use kernel::{
    new_mutex,
    prelude::*,
    str::CString,
    sync::{
        atomic::Atomic,
        Arc,
        Mutex, //
    }, //
};

/// What the fences of a timeline are for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Jobs, which signal in order.
    Ordered,
    /// Jobs, which do not.
    Unordered,
    /// Points that user space picks, as with sw_sync.
    Points,
}

#[pin_data(PinnedDrop)]
pub(crate) struct Ring {
    pub(crate) timeline: Arc<Timeline>,
    /// The context of all fences, unless they have one each.
    pub(crate) fences: Option<Arc<FenceContext<Fences>>>,
    /// As long as this exists, the links to it work.
    _interrupt: IrqWork<Interrupt>,
    /// Held by who submits: numbers are given out in the order in which jobs are known.
    #[pin]
    pub(crate) turn: Mutex<()>,
    /// When so many points are pending, those that nobody has are looked for.
    pub(crate) prune_at: Atomic<i64>,
}

impl Ring {
    /// Makes a timeline that is idle.
    pub(crate) fn new(device: &Arc<Device>, name: CString, kind: Kind) -> Result<Pin<KBox<Self>>> {
        let timeline = Timeline::new(device.clone(), name, kind)?;
        let fences = match kind {
            Kind::Unordered => None,
            _ => Some(Arc::new(Fences::context(&timeline)?, GFP_KERNEL)?),
        };
        let interrupt = IrqWork::new(Interrupt {
            timeline: timeline.clone(),
            fences: fences.clone(),
        })?;
        let links = Links {
            interrupt: interrupt.queuer(),
            timer: Timer::new(Alarm(timeline.clone()))?,
        };
        let ring = KBox::pin_init(
            pin_init!(Self {
                timeline,
                fences,
                _interrupt: interrupt,
                turn <- new_mutex!(()),
                prune_at: Atomic::new(64),
            }),
            GFP_KERNEL,
        )?;

        // The drop relies on them.
        ring.timeline.state.lock().links = Some(links);
        device.list(&ring.timeline, &ring.fences)?;
        Ok(ring)
    }
}

#[pinned_drop]
impl PinnedDrop for Ring {
    fn drop(self: Pin<&mut Self>) {
        let timeline = &self.timeline;

        timeline.device.unlist(timeline);
        // What is pending, as sw_sync has it. It cannot fail.
        let _ = timeline.request(|state| {
            state.hangs = false;
            state.reset = Some((u64::MAX, ENOENT));
            Ok(())
        });
        timeline.close();
    }
}
