// SPDX-License-Identifier: GPL-2.0

//! A timeline: what stands behind an open file.

use crate::{
    job::Job,
    uapi, //
};
use dma_buf::{
    signalling,
    ContextOptions,
    DriverFence,
    FenceContext,
    FenceContextOps,
    IrqWork,
    IrqWorkItem,
    Section,
    SyncFile, //
};
use kernel::{
    fs::file::{
        flags::O_CLOEXEC,
        FileDescriptorReservation, //
    },
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed,
            Release, //
        },
        Arc,
        Mutex, //
    },
    time::{
        hrtimer::{
            ArcHrTimerHandle,
            HrTimerPointer, //
        },
        Delta, //
    },
    uaccess::UserSliceWriter, //
};

/// No job runs longer: a fence must signal in reasonable time.
const MAX_DELAY_NS: u64 = 10_000_000_000;

/// After that, whatever the device does, a fence signals with `ETIME`, and so do
/// those before it: nobody hangs who waits for user space to complete a job.
const BOUND: Delta = Delta::from_secs(15);

/// The fences of a timeline; they carry no data.
pub(crate) struct Fences;

#[vtable]
impl FenceContextOps for Fences {
    type FenceData = ();
}

/// Jobs that may be pending.
struct Jobs {
    /// The timers of jobs that run by themselves; dropping one stops it.
    running: KVec<(Arc<Job>, ArcHrTimerHandle<Job>)>,
    /// The fences of jobs that wait to be completed by hand.
    manual: KVec<DriverFence<Fences>>,
}

#[pin_data(PinnedDrop)]
pub(crate) struct Ring {
    fences: Arc<FenceContext<Fences>>,
    interrupt: IrqWork<Interrupt>,
    /// The last sequence number given out; written with `jobs` locked.
    last: Atomic<u64>,
    /// Held over what may wait for fences, so not taken where one is signalled.
    #[pin]
    jobs: Mutex<Jobs>,
}

impl Ring {
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(|| {
            let fences = Arc::new(
                FenceContext::with_options(
                    c"vfence",
                    c"timeline",
                    ContextOptions::new().bound(BOUND)?,
                    Fences,
                )?,
                GFP_KERNEL,
            )?;
            let interrupt = IrqWork::new(Interrupt {
                fences: fences.clone(),
                up_to: Atomic::new(0),
            })?;

            Ok(try_pin_init!(Self {
                fences,
                interrupt,
                last: Atomic::new(0),
                jobs <- new_mutex!(Jobs {
                    running: KVec::new(),
                    manual: KVec::new(),
                }),
            }? Error))
        })
    }

    /// `VFENCE_IOC_SUBMIT`.
    pub(crate) fn submit(&self, args: uapi::vfence_submit, mut writer: UserSliceWriter) -> Result {
        let manual = args.flags & uapi::VFENCE_SUBMIT_MANUAL != 0;

        if args.flags & !uapi::VFENCE_SUBMIT_MANUAL != 0
            || args.pad != 0
            || args.delay_ns > MAX_DELAY_NS
            || (manual && args.delay_ns != 0)
        {
            return Err(EINVAL);
        }
        let result = match args.error {
            0 => Ok(()),
            error if (-4095..0).contains(&error) => Err(Error::from_errno(error)),
            _ => return Err(EINVAL),
        };
        // Nobody else decides the result of a job that is completed by hand.
        if manual && result.is_err() {
            return Err(EINVAL);
        }

        // All that can fail for want of memory, before anything is published.
        let fd = FileDescriptorReservation::get_unused_fd_flags(O_CLOEXEC)?;
        let memory = self.fences.new_fence_allocation(())?;
        let job = if manual {
            None
        } else {
            Some(Job::new(result)?)
        };

        let mut jobs = self.jobs.lock();
        jobs.make_room()?;

        let fence = self.fences.new_fence(memory);
        self.last.store(fence.seqno(), Release);

        // From here on the fence must be signalled whatever happens. Nobody has
        // seen it yet, so nobody sees this error.
        let shared = fence.fence();
        let file = match Self::export(&shared, &args, &fd, &mut writer) {
            Ok(file) => file,
            Err(error) => {
                fence.signal(Err(error));
                return Err(error);
            }
        };

        match job {
            None => jobs
                .manual
                .push_within_capacity(fence)
                .map_err(|_| ENOMEM)?,
            Some(job) => {
                job.set_fence(fence);
                let timer = job.clone().start(Delta::from_nanos(args.delay_ns as i64));
                jobs.running
                    .push_within_capacity((job, timer))
                    .map_err(|_| ENOMEM)?;
            }
        }
        file.install(fd);
        Ok(())
    }

    /// Makes the file for a fence and tells user space its numbers.
    fn export(
        fence: &ARef<dma_buf::Fence>,
        args: &uapi::vfence_submit,
        fd: &FileDescriptorReservation,
        writer: &mut UserSliceWriter,
    ) -> Result<SyncFile> {
        let file = SyncFile::new(fence)?;

        writer.write(&uapi::vfence_submit {
            seqno: fence.seqno(),
            fd: fd.reserved_fd() as i32,
            ..*args
        })?;
        Ok(file)
    }

    /// `VFENCE_IOC_SIGNAL`.
    pub(crate) fn signal(&self, args: uapi::vfence_signal) -> Result {
        if args.seqno > self.last.load(Acquire) {
            return Err(EINVAL);
        }
        signalling(|_section| {
            let up_to = &self.interrupt.up_to;
            let mut seen = up_to.load(Relaxed);

            // It never goes back, however many do this at once.
            while args.seqno > seen {
                match up_to.cmpxchg(seen, args.seqno, Full) {
                    Ok(_) => break,
                    Err(current) => seen = current,
                }
            }
            self.interrupt.queue();
        });
        Ok(())
    }
}

#[pinned_drop]
impl PinnedDrop for Ring {
    fn drop(self: Pin<&mut Self>) {
        // What is pending, as sw_sync has it. The jobs' timers stop with
        // `jobs`, and find nothing to signal if they come before.
        self.fences.cancel_all(ENOENT);
    }
}

impl Jobs {
    /// Makes sure that there is room for one more job of either kind, throwing
    /// out what has completed only when room runs out: submission stays O(1).
    fn make_room(&mut self) -> Result {
        if self.running.len() == self.running.capacity() {
            self.running.retain(|(job, _)| !job.is_complete());
            self.running.reserve(1, GFP_KERNEL)?;
        }
        if self.manual.len() == self.manual.capacity() {
            self.manual
                .retain(|fence| !fence.as_fence().test_signaled_flag());
            self.manual.reserve(1, GFP_KERNEL)?;
        }
        Ok(())
    }
}

/// The interrupt that completes jobs by hand.
struct Interrupt {
    fences: Arc<FenceContext<Fences>>,
    /// Complete all up to this sequence number.
    up_to: Atomic<u64>,
}

impl IrqWorkItem for Interrupt {
    fn run(&self, _section: &Section<'_>) {
        self.fences.signal_up_to(self.up_to.load(Relaxed));
    }
}
