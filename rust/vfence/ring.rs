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
    limits::ContextCharge,
    timeline::Timeline, //
};
use dma_buf::{
    delegate::{
        IrqWork,
        Timer, //
    },
    FenceContext, //
};
use kernel::{
    prelude::*,
    str::CString,
    sync::Arc, //
};

/// Timelines of jobs.
pub(crate) const JOBS: &[Kind] = &[Kind::Ordered, Kind::Unordered];

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

pub(crate) struct Ring {
    pub(crate) timeline: Arc<Timeline>,
    /// The context of all fences, unless they have one each.
    pub(crate) fences: Option<Arc<FenceContext<Fences>>>,
    /// As long as this exists, the links to it work.
    _interrupt: IrqWork<Interrupt>,
    /// Also for a timeline without a context of its own: it bounds their number.
    _charge: ContextCharge,
}

impl Ring {
    /// Makes a timeline that is idle.
    pub(crate) fn new(device: &Arc<Device>, name: CString, kind: Kind) -> Result<Self> {
        let charge = ContextCharge::new(device)?;
        let timeline = Timeline::new(device.clone(), name, kind)?;
        let fences = match kind {
            Kind::Unordered => None,
            _ => Some(Arc::new(Fences::context(&timeline, 1)?, GFP_KERNEL)?),
        };
        let interrupt = IrqWork::new(Interrupt {
            timeline: timeline.clone(),
            fences: fences.clone(),
        })?;
        let links = Links {
            interrupt: interrupt.to_ref(),
            timer: Timer::new(Alarm(timeline.clone()))?,
        };
        let ring = Self {
            timeline,
            fences,
            _interrupt: interrupt,
            _charge: charge,
        };

        // The drop relies on them.
        ring.timeline.state.lock().links = Some(links);
        device.list(&ring.timeline, &ring.fences)?;
        Ok(ring)
    }
}

impl Ring {
    /// The timeline, if it is of one of these kinds.
    pub(crate) fn of_kind(&self, kinds: &[Kind]) -> Result<&Self> {
        if kinds.contains(&self.timeline.kind) {
            Ok(self)
        } else {
            Err(EINVAL)
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let timeline = &self.timeline;

        timeline.device.unlist(timeline);
        if timeline.pending.get() != 0 {
            // What is pending, as sw_sync has it. It cannot fail.
            let _ = timeline.request(|state| {
                state.hangs = false;
                state.reset = Some((u64::MAX, ENOENT));
                Ok(())
            });
        }
        timeline.close();
    }
}
