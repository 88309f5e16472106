// SPDX-License-Identifier: GPL-2.0

//! `VFENCE_IOC_SUBMIT`.

use crate::{
    argument::Argument,
    combine,
    descriptors::{
        self,
        Output, //
    },
    fences::{
        FenceData,
        Fences, //
    },
    in_fences::InFences,
    job::{
        Allocation,
        Plan, //
    },
    limits::{
        Charge,
        ContextCharge, //
    },
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
    FenceContext, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

/// What the descriptor that goes out is to stand for, allocated before there is a
/// fence.
enum Out {
    Fence,
    Chain {
        tail: Option<ARef<Fence>>,
        link: FenceChainAllocation,
        point: u64,
    },
    /// It has room for one more.
    Array(FenceArrayAllocation),
}

impl Out {
    fn new(args: &vfence_submit) -> Result<Self> {
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
                tail: combine::tail(args.chain_fd, &mut 1)?,
                link: FenceChainAllocation::new()?,
                point: args.point,
            }),
            VFENCE_OUT_ARRAY => {
                let others = descriptors::fences(args.out_fences, args.out_count)?;
                let others = descriptors::leaves(&others, 1)?;
                let mut array = FenceArrayAllocation::new(others.len() + 1)?;

                for leaf in others {
                    array.push(leaf).map_err(|_| ENOMEM)?;
                }
                Ok(Self::Array(array))
            }
            _ => Err(EINVAL),
        }
    }

    /// Makes the fence that the descriptor stands for.
    fn finish(self, fence: &DriverFence<Fences>) -> ARef<Fence> {
        match self {
            Self::Fence => fence.fence(),
            Self::Chain { tail, link, point } => {
                FenceChain::into_fence(link.append(tail, fence.leaf(), point))
            }
            Self::Array(mut array) => {
                let is_full = array.push(fence.leaf()).is_err();

                match array.build() {
                    Ok(array) if !is_full => {
                        // One that is only asked has no error.
                        array.enable_signaling();
                        array.into_fence()
                    }
                    // Not reached: there is room for one more, and then it is not empty.
                    _ => fence.fence(),
                }
            }
        }
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
    /// The job keeps the context.
    Own(FenceContext<Fences>, ContextCharge),
}

impl Source<'_> {
    fn context(&self) -> &FenceContext<Fences> {
        match self {
            Self::Shared(context) => context,
            Self::Own(context, _) => context,
        }
    }
}

/// `VFENCE_IOC_SUBMIT`. To be called by one at a time.
pub(crate) fn submit(ring: &Ring, argument: Argument) -> Result {
    let mut args: vfence_submit = argument.read()?;
    let timeline = &ring.timeline;

    // All that can fail comes before anything is published.
    let plan = Plan::new(&args)?;
    let in_fences = descriptors::fences(args.in_fences, args.in_count)?;
    let out = Out::new(&args)?;
    let charge = Charge::new(timeline, 1 + in_fences.len())?;
    let in_fences = InFences::new(timeline, in_fences)?;
    let mut job = Allocation::new(plan, in_fences, charge)?;
    let seqno = timeline.state.lock().last + 1;
    let source = match &ring.fences {
        Some(fences) => Source::Shared(fences),
        // The number of its fence is the job's, as everywhere.
        None => {
            let charge = ContextCharge::new(&timeline.device)?;

            Source::Own(Fences::context(timeline, seqno)?, charge)
        }
    };
    let memory = source.context().new_fence_allocation(FenceData::new())?;
    let output = Output::new()?;

    args.context = source.context().context();
    args.seqno = seqno;
    args.fd = output.number();
    argument.write(&args)?;

    // Nothing fails from here on.
    if let Some(in_fences) = job.in_fences() {
        in_fences.arm(seqno);
    }
    let fence = source.context().new_fence(memory);
    let out = out.finish(&fence);

    timeline.device.stats.submitted.add(1);
    timeline.add(
        seqno,
        job,
        fence,
        match source {
            Source::Shared(_) => None,
            Source::Own(context, charge) => Some((context, charge)),
        },
    );
    output.install(&out);
    Ok(())
}
