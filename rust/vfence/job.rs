// SPDX-License-Identifier: GPL-2.0

//! A job that runs by itself for a while.

use crate::ring::Fences;
use dma_buf::{
    DriverFence,
    IrqWork,
    IrqWorkItem,
    Section, //
};
use kernel::{
    impl_has_hr_timer,
    new_spinlock_irq,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow,
        SpinLockIrq, //
    },
    time::{
        hrtimer::{
            HrTimer,
            HrTimerCallback,
            HrTimerCallbackContext,
            HrTimerRestart,
            RelativeMode, //
        },
        Monotonic, //
    }, //
};

/// A job on the virtual hardware.
#[pin_data]
pub(crate) struct Job {
    /// The hardware.
    #[pin]
    timer: HrTimer<Self>,
    /// The bottom half of its interrupt.
    complete: IrqWork<Complete>,
}

impl Job {
    pub(crate) fn new(result: Result) -> Result<Arc<Self>> {
        let complete = IrqWork::new(pin_init!(Complete {
            fence <- new_spinlock_irq!(None),
            result,
        }))?;

        Arc::pin_init(
            pin_init!(Self {
                timer <- HrTimer::new(),
                complete,
            }),
            GFP_KERNEL,
        )
    }

    /// Gives the job its fence, before it is started.
    pub(crate) fn set_fence(&self, fence: DriverFence<Fences>) {
        let old = self.complete.fence.lock().replace(fence);

        debug_assert!(old.is_none());
    }

    /// Whether the job has completed.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete.fence.lock().is_none()
    }
}

impl HrTimerCallback for Job {
    type Pointer<'a> = Arc<Self>;

    fn run(
        this: ArcBorrow<'_, Self>,
        _context: HrTimerCallbackContext<'_, Self>,
    ) -> HrTimerRestart {
        this.complete.queue();
        HrTimerRestart::NoRestart
    }
}

impl_has_hr_timer! {
    impl HasHrTimer<Self> for Job {
        mode: RelativeMode<Monotonic>, field: self.timer
    }
}

/// What is left to do when a job is done.
#[pin_data]
struct Complete {
    #[pin]
    fence: SpinLockIrq<Option<DriverFence<Fences>>>,
    result: Result,
}

impl IrqWorkItem for Complete {
    fn run(&self, _section: &Section<'_>) {
        // Not under our lock: a fence's callbacks are anybody's.
        let fence = self.fence.lock().take();

        if let Some(fence) = fence {
            fence.signal(self.result);
        }
    }
}
