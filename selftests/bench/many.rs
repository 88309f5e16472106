// SPDX-License-Identifier: GPL-2.0
// checkpatch: TYPO_SPELLING: UpTo is a name here

//! Signalling as many fences as a context may ever have.

use crate::side::{
    Operation,
    Plain,
    Side, //
};
use dma_buf::{
    callback::{
        FenceCallbackRegistration,
        WakeUp, //
    },
    ContextOptions,
    DriverFence,
    FenceContext, //
};
use kernel::{
    new_poll_condvar,
    prelude::*,
    sync::Arc, //
};

/// A context with fences, which somebody keeps, and of which each 16th has a callback.
struct Many<const POINTS: bool> {
    context: Option<FenceContext<Plain>>,
    how: u32,
    _fences: KVVec<DriverFence<Plain>>,
    _wakes: KVVec<Pin<KBox<FenceCallbackRegistration<WakeUp>>>>,
}

// `enum how` of `c/many.c`
const DROP: u32 = 0;
const CANCEL_ALL: u32 = 1;

impl<const POINTS: bool> Operation for Many<POINTS> {
    fn prepare(count: u32, how: u32) -> Result<Self> {
        let options = if POINTS {
            ContextOptions::new().points()
        } else {
            ContextOptions::new()
        };
        let context = FenceContext::with_options(c"bench", c"many", options, Plain)?;
        let condvar = Arc::pin_init(new_poll_condvar!("many"), GFP_KERNEL)?;
        let mut fences = KVVec::with_capacity(count as usize, GFP_KERNEL)?;
        let mut wakes = KVVec::with_capacity((count / 16) as usize + 1, GFP_KERNEL)?;

        for n in 0..count {
            let fence = context.new_fence_at(context.new_fence_allocation(())?, (n + 1).into())?;

            if n % 16 == 0 {
                let mut wake = KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)?;

                wake.as_mut()
                    .register(fence.as_fence(), WakeUp(condvar.clone()))?;
                wakes.push(wake, GFP_KERNEL)?;
            }
            fences.push(fence, GFP_KERNEL)?;
        }
        Ok(Self {
            context: Some(context),
            how,
            _fences: fences,
            _wakes: wakes,
        })
    }

    fn run(&mut self, count: u32) {
        let Some(context) = &self.context else {
            return;
        };

        match self.how {
            DROP => self.context = None,
            CANCEL_ALL => {
                context.cancel_all(EIO);
            }
            _ => {
                context.signal_up_to(count.into());
            }
        }
    }
}

#[no_mangle]
static bench_rust_many_fences: Side = Side::new::<Many<false>>();

#[no_mangle]
static bench_rust_many_points: Side = Side::new::<Many<true>>();
