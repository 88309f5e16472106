// SPDX-License-Identifier: GPL-2.0

//! `VFENCE_IOC_SUBMIT`.

use crate::{
    argument::Argument,
    combine,
    containers::Room,
    descriptors,
    device::Device,
    fences::{
        Fences,
        Made, //
    },
    in_fences::InFences,
    job::{
        Allocation,
        Plan, //
    },
    limits::Charge,
    query::MAX_DELAY_NS,
    ring::Ring,
    uapi::*, //
};
use dma_buf::{
    DriverFence,
    Fence,
    FenceArrayAllocation,
    FenceChain,
    FenceChainAllocation,
    FenceContext,
    SyncFile, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

/// What the descriptor that goes out is to stand for, allocated before there is a
/// fence.
enum Out<'a> {
    Fence,
    Chain {
        tail: Option<ARef<Fence>>,
        link: FenceChainAllocation,
        point: u64,
        room: Room<'a>,
    },
    Array {
        array: FenceArrayAllocation,
        room: Room<'a>,
    },
}

impl<'a> Out<'a> {
    fn new(device: &'a Device, args: &vfence_submit) -> Result<Self> {
        let is_chain = args.out == VFENCE_OUT_CHAIN;
        let is_array = args.out == VFENCE_OUT_ARRAY;

        if (!is_chain && (args.point != 0 || args.chain_fd != 0))
            || (!is_array && (args.out_fences != 0 || args.out_count != 0))
        {
            return Err(EINVAL);
        }
        match args.out {
            VFENCE_OUT_FENCE => Ok(Self::Fence),
            VFENCE_OUT_CHAIN => Ok(Self::Chain {
                tail: combine::tail(args.chain_fd)?,
                link: FenceChainAllocation::new()?,
                point: args.point,
                room: device.containers.room(1)?,
            }),
            VFENCE_OUT_ARRAY => {
                let others = descriptors::fences(args.out_fences, args.out_count)?;
                let others = descriptors::leaves(&others)?;
                let mut array = FenceArrayAllocation::new(others.len() + 1)?;

                for leaf in others {
                    array.push(leaf).map_err(|_| ENOMEM)?;
                }
                // One fence needs no array.
                let count = if array.is_empty() { 0 } else { array.len() + 1 };
                let room = device.containers.room(count)?;

                Ok(Self::Array { array, room })
            }
            _ => Err(EINVAL),
        }
    }

    /// Makes the fence that the descriptor stands for; only an array without room for
    /// the job's fails.
    fn finish(self, fence: &DriverFence<Fences>) -> Result<ARef<Fence>> {
        Ok(match self {
            Self::Fence => fence.fence(),
            Self::Chain {
                tail,
                link,
                point,
                room,
            } => {
                let link = FenceChain::into_fence(link.append(tail, fence.leaf(), point));

                room.keep(&link);
                link
            }
            Self::Array { mut array, room } => {
                array.push(fence.leaf()).map_err(|_| ENOMEM)?;
                let array = array.build()?.into_fence();

                // One that is only asked has no error.
                array.enable_signaling();
                room.keep(&array);
                array
            }
        })
    }
}

impl Plan {
    fn new(args: &vfence_submit) -> Result<Self> {
        let manual = args.flags & VFENCE_SUBMIT_MANUAL != 0;

        if args.flags & !(VFENCE_SUBMIT_MANUAL | VFENCE_SUBMIT_IN_ERROR) != 0
            || args.pad != 0
            || args.delay_ns > MAX_DELAY_NS
            || (manual && args.delay_ns != 0)
        {
            return Err(EINVAL);
        }
        Ok(Self {
            delay: (!manual).then_some(args.delay_ns as i64),
            result: match args.error {
                0 => Ok(()),
                error if (-4095..0).contains(&error) => Err(Error::from_errno(error)),
                _ => return Err(EINVAL),
            },
            in_error: args.flags & VFENCE_SUBMIT_IN_ERROR != 0,
        })
    }
}

/// Where a job's fence comes from.
enum Source<'a> {
    Shared(&'a FenceContext<Fences>),
    /// It keeps the context.
    Own(FenceContext<Fences>),
}

impl Source<'_> {
    fn context(&self) -> &FenceContext<Fences> {
        match self {
            Self::Shared(context) => context,
            Self::Own(context) => context,
        }
    }
}

pub(crate) fn submit(ring: &Ring, argument: Argument) -> Result {
    let mut args: vfence_submit = argument.read()?;
    let timeline = &ring.timeline;

    // All that can fail, before anything is published.
    let plan = Plan::new(&args)?;
    let in_fences = descriptors::fences(args.in_fences, args.in_count)?;
    let out = Out::new(&timeline.device, &args)?;
    let (fd, number) = descriptors::reserve()?;
    let charge = Charge::new(timeline, 1 + in_fences.len())?;
    let in_fences = InFences::new(timeline, in_fences)?;
    let mut job = Allocation::new(plan, in_fences, charge)?;
    let source = match &ring.fences {
        Some(fences) => Source::Shared(fences),
        None => Source::Own(Fences::context(timeline)?),
    };
    let memory = source.context().new_fence_allocation(Made::now())?;

    args.context = source.context().context();
    args.fd = number;
    // User memory may keep one waiting, and so is not written to in one's turn: if
    // another one takes the number meanwhile, once more.
    let (turn, seqno) = loop {
        let seqno = timeline.state.lock().last + 1;

        args.seqno = seqno;
        argument.write(&args)?;
        let turn = ring.turn.lock();
        if timeline.state.lock().last + 1 == seqno {
            break (turn, seqno);
        }
    };

    if let Some(in_fences) = job.in_fences() {
        in_fences.arm(seqno);
    }
    let fence = match &source {
        Source::Shared(context) => context.new_fence(memory),
        // Its number is the job's, as everywhere. Nobody else publishes there.
        Source::Own(context) => context.new_fence_at(memory, seqno)?,
    };
    timeline.device.stats.submitted.add(1);

    let file = out.finish(&fence).and_then(|fence| SyncFile::new(&fence));
    let file = match file {
        Ok(file) => file,
        Err(error) => {
            // Nobody has seen it, so nobody sees this. Its number is used up.
            timeline.device.stats.signalled.add(1);
            fence.signal(Err(error));
            timeline.state.lock().last = seqno;
            return Err(error);
        }
    };
    timeline.add(
        seqno,
        job,
        fence,
        match source {
            Source::Shared(_) => None,
            Source::Own(context) => Some(context),
        },
    );
    drop(turn);
    file.install(fd);
    Ok(())
}
