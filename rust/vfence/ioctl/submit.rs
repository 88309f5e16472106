// SPDX-License-Identifier: GPL-2.0

//! `VFENCE_IOC_SUBMIT`.

use super::{
    argument::Argument,
    combine,
    descriptors::{
        self,
        Output, //
    }, //
};
use crate::{
    device::Device,
    limit::Charge,
    timeline::{
        ContextData,
        FenceData,
        InFences,
        JobAllocation,
        Kind,
        Plan,
        Timeline, //
    },
    uapi::*, //
};
use dma_buf::{
    array::FenceArrayAllocation,
    chain::{
        FenceChain,
        FenceChainAllocation, //
    },
    DriverFence,
    Fence, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    }, //
};

/// The longest delay.
pub(super) const MAX_DELAY_NS: u64 = 60_000_000_000;

/// What the new descriptor stands for, allocated before there is a fence.
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
    fn finish(self, fence: &DriverFence<ContextData>) -> ARef<Fence> {
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

/// Returns what a job is to do.
fn plan(args: &vfence_submit) -> Result<Plan> {
    let is_manual = args.flags & VFENCE_SUBMIT_MANUAL != 0;

    if args.flags & !(VFENCE_SUBMIT_MANUAL | VFENCE_SUBMIT_IN_ERROR) != 0
        || args.pad != 0
        || args.delay_ns > MAX_DELAY_NS
        || (is_manual && args.delay_ns != 0)
    {
        return Err(EINVAL);
    }
    Ok(Plan {
        delay: (!is_manual).then_some(args.delay_ns as i64),
        result: match args.error {
            0 => Ok(()),
            error if (-4095..0).contains(&error) => Err(Error::from_errno(error)),
            _ => return Err(EINVAL),
        },
        in_error: args.flags & VFENCE_SUBMIT_IN_ERROR != 0,
    })
}

/// `VFENCE_IOC_SUBMIT`. To be called by one at a time.
pub(super) fn submit(timeline: &Arc<Timeline>, device: &Device, argument: Argument) -> Result {
    let mut args: vfence_submit = argument.read()?;

    // All that can fail comes before anything is published.
    let plan = plan(&args)?;
    let in_fences = descriptors::fences(args.in_fences, args.in_count)?;
    let mut leaves = 0;

    // The interrupt drops the job, and maybe the last reference to each of them.
    for fence in &in_fences {
        descriptors::count_leaves(fence, &mut leaves)?;
    }
    let out = Out::new(&args)?;
    let seqno = timeline.next_number()?;
    let in_fences = match in_fences.is_empty() {
        true => None,
        false => {
            let charge = Charge::new(&device.in_fences, args.in_count)?;

            Some(InFences::new(timeline.owner(), seqno, in_fences, charge)?)
        }
    };
    let mut job = JobAllocation::new(plan, in_fences)?;
    // The context of all jobs, or one of this job's own, whose first number is the job's.
    let (shared, own) = match timeline.kind {
        Kind::Unordered => {
            let charge = Charge::new(&device.contexts, 1)?;

            (None, Some((device.new_context(timeline, seqno)?, charge)))
        }
        _ => (timeline.context(), None),
    };
    let context = match (&shared, &own) {
        (Some(context), _) => context,
        (_, Some((context, _))) => context,
        _ => return Err(EINVAL),
    };
    let memory = context.new_fence_allocation(FenceData::new())?;
    let output = Output::new()?;

    args.context = context.context();
    args.seqno = seqno;
    args.fd = output.number();
    argument.write(&args)?;

    // Nothing fails from here on.
    job.arm();

    let fence = context.new_fence(memory);
    let out = out.finish(&fence);

    timeline.stats.submitted.add(1);
    timeline.add(seqno, job, fence, own);
    output.install(&out);
    Ok(())
}
