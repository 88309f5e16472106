// SPDX-License-Identifier: GPL-2.0

//! Contexts, each completed in its own way, which tell how many fences they have completed.

use super::{
    books::{
        Account,
        Token,
        ASKED,
        BATCH_FAILURE,
        BATCH_SUCCESS,
        CONTEXTS,
        DATA,
        DISORDER,
        EXPIRED,
        FAILURE,
        FENCES,
        GIVEN_UP,
        LEFT_BEHIND,
        STUCK,
        SUCCESS,
        WRONG_RESULT, //
    },
    job::Job, //
};
use crate::prelude::*;

/// How the fences of a context are completed.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum By {
    /// By their handles, or by their numbers: one by one, in any order.
    One,
    /// By the context: up to a number, all, or by its timeout.
    Batch,
    /// By asking the driver.
    Asking,
    /// By a proxy, as other fences are.
    Proxy,
}

/// What is known of a context, also after it was dropped.
pub(crate) struct State {
    pub(crate) by: By,
    is_points: bool,
    /// How many fences it will have.
    length: u64,
    /// The fence that signalled last.
    last: Atomic<u64>,
    /// How many fences have been completed, by what those who do that are told.
    told: Atomic<u64>,
    /// How many fences have been seen signalled.
    seen: Atomic<u64>,
    /// All fences that will have numbers up to this one are published.
    published: Atomic<u64>,
    /// The hardware has done the fences up to this one.
    done: Atomic<u64>,
}

impl State {
    fn account(&self, error: Option<Error>) -> Option<&'static Account> {
        match (self.by, error) {
            (By::One, None) => Some(&SUCCESS),
            (By::One, Some(EIO)) => Some(&FAILURE),
            (By::Batch, None) => Some(&BATCH_SUCCESS),
            (By::Batch, Some(EIO)) => Some(&BATCH_FAILURE),
            (By::Batch, Some(ETIME)) => Some(&EXPIRED),
            _ => None,
        }
    }

    /// Notes that this many fences have been completed with this result.
    pub(crate) fn tell(&self, result: Result, count: u64) {
        if let Some(account) = self.account(result.err()) {
            account.make_several(count);
        }
        self.told.add(count, Relaxed);
    }

    /// Notes that a fence was found signalled.
    pub(crate) fn see(&self, fence: &Fence) {
        let error = fence.error();

        FENCES.take_back();
        self.seen.add(1, Relaxed);
        match (self.account(error), self.by) {
            (Some(account), _) => account.take_back(),
            (None, By::Proxy) => {}
            (None, By::Asking) if error.is_none() => ASKED.add(),
            (None, _) if error == Some(ECANCELED) => GIVEN_UP.add(),
            _ => WRONG_RESULT.add(),
        }
    }

    /// The same, by a callback of the fence: then it must be its turn.
    pub(crate) fn see_in_turn(&self, fence: &Fence) {
        let last = self.last.xchg(fence.seqno(), Relaxed);

        if last > fence.seqno() || (last == fence.seqno() && !self.is_points) {
            DISORDER.add();
        }
        self.see(fence);
    }

    /// The hardware has done this fence, and those before it.
    pub(crate) fn advance(&self, seqno: u64) {
        let mut done = self.done.load(Relaxed);

        while done < seqno {
            match self.done.cmpxchg(done, seqno, Full) {
                Ok(_) => return,
                Err(now) => done = now,
            }
        }
    }
}

/// The data of a context.
struct Ring {
    state: Arc<State>,
    _token: Token,
}

impl Ring {
    fn new(state: &Arc<State>) -> Self {
        Self {
            state: state.clone(),
            _token: Token::new(&CONTEXTS),
        }
    }

    fn expired(&self, count: usize) {
        self.state.tell(Err(ETIME), count as u64);
    }
}

/// Contexts whose fences have no data.
pub(crate) struct Bare(Ring);

#[vtable]
impl FenceContextOps for Bare {
    type FenceData = ();

    fn expired(&self, _seqno: u64, count: usize) {
        self.0.expired(count);
    }
}

/// Contexts whose fences have data to be dropped, and can be asked.
pub(crate) struct Loaded(Ring);

#[vtable]
impl FenceContextOps for Loaded {
    type FenceData = Token;

    fn enable_signaling(&self, _data: &Token, _seqno: u64) -> Option<Result> {
        None
    }

    fn signaled(&self, _data: &Token, seqno: u64) -> Option<Result> {
        (seqno <= self.0.state.done.load(Acquire)).then_some(Ok(()))
    }

    fn expired(&self, _seqno: u64, count: usize) {
        self.0.expired(count);
    }
}

/// The handle of a fence.
pub(crate) enum Handle {
    Bare(DriverFence<Bare>),
    Loaded(DriverFence<Loaded>),
}

enum Context {
    Bare(FenceContext<Bare>),
    Loaded(FenceContext<Loaded>),
}

/// Does the same with either.
macro_rules! with {
    ($type:ident, $value:expr, |$inner:ident| $body:expr) => {
        match $value {
            $type::Bare($inner) => $body,
            $type::Loaded($inner) => $body,
        }
    };
}

impl Handle {
    pub(crate) fn fence(&self) -> ARef<Fence> {
        with!(Handle, self, |handle| handle.fence())
    }

    pub(crate) fn signal(self, result: Result) -> SignalOutcome {
        with!(Handle, self, |handle| handle.signal(result))
    }

    fn detach(self) {
        with!(Handle, self, |handle| drop(handle.detach()))
    }
}

fn publish<T: FenceContextOps>(
    context: &FenceContext<T>,
    data: T::FenceData,
    seqno: Option<u64>,
) -> Result<DriverFence<T>> {
    let memory = context.new_fence_allocation(data)?;

    match seqno {
        Some(seqno) => Ok(context.new_fence_at(memory, seqno)?),
        None => Ok(context.new_fence(memory)),
    }
}

/// A context. When the last reference is dropped, it is dropped with what is pending.
pub(crate) struct Line {
    context: Context,
    state: Arc<State>,
}

/// What a context is like.
pub(crate) struct Kind {
    pub(crate) by: By,
    pub(crate) is_loaded: bool,
    pub(crate) is_points: bool,
    pub(crate) timeout: Option<Delta>,
    pub(crate) length: u64,
}

impl Line {
    pub(crate) fn new(kind: Kind) -> Result<Arc<Self>> {
        let mut options = ContextOptions::new();

        if kind.is_points {
            options = options.points();
        }
        if let Some(timeout) = kind.timeout {
            options = options.timeout(timeout)?;
        }
        let state = Arc::new(
            State {
                by: kind.by,
                is_points: kind.is_points,
                length: kind.length,
                last: Atomic::new(0),
                told: Atomic::new(0),
                seen: Atomic::new(0),
                published: Atomic::new(0),
                done: Atomic::new(0),
            },
            GFP_KERNEL,
        )?;
        let (driver, ring) = (c"account", Ring::new(&state));
        let context = if kind.is_loaded {
            Context::Loaded(FenceContext::with_options(
                driver,
                c"loaded",
                options,
                Loaded(ring),
            )?)
        } else {
            Context::Bare(FenceContext::with_options(
                driver,
                c"bare",
                options,
                Bare(ring),
            )?)
        };

        Ok(Arc::new(Self { context, state }, GFP_KERNEL)?)
    }

    /// Publishes a fence, with this number if there is one. Its owner has the handle, unless the
    /// context completes it.
    pub(crate) fn publish(&self, seqno: Option<u64>) -> Result<Job> {
        let room = Job::allocate()?;
        let mut handle = Some(match &self.context {
            Context::Bare(context) => Handle::Bare(publish(context, (), seqno)?),
            Context::Loaded(context) => Handle::Loaded(publish(context, Token::new(&DATA), seqno)?),
        });
        let fence = handle.as_ref().ok_or(EINVAL)?.fence();

        if matches!(self.state.by, By::Batch | By::Asking) {
            if let Some(handle) = handle.take() {
                handle.detach();
            }
        }
        Job::new(room, fence, handle, self.state.clone())
    }

    /// All fences that will have numbers up to this one are published.
    pub(crate) fn set_published(&self, seqno: u64) {
        self.state.published.store(seqno, Release);
    }

    fn first_pending(&self) -> Option<u64> {
        with!(Context, &self.context, |context| context
            .first_pending_seqno())
    }

    /// Completes some of its fences, or asks about some.
    pub(crate) fn work(&self, random: &mut Random) {
        with!(Context, &self.context, |context| {
            self.work_on(context, random)
        });
    }

    fn work_on<T: FenceContextOps>(&self, context: &FenceContext<T>, random: &mut Random) {
        let Some(first) = self.first_pending() else {
            return;
        };
        let result = if random.below(4) == 0 {
            Err(EIO)
        } else {
            Ok(())
        };

        match self.state.by {
            // Several points may have the same number.
            By::One if !self.state.is_points => {
                let seqno = first + random.below(8) as u64;
                let pending = context.find_pending(seqno);

                if context.signal_seqno(seqno, result) {
                    self.state.tell(result, 1);
                }
                drop(pending);
            }
            By::Batch => self.work_in_batches(context, first + random.below(40) as u64, result),
            By::Asking => {
                let mut pending = KVec::new();

                // Without memory it asks about none.
                let _ = pending.reserve(8, GFP_KERNEL);
                context.pending(&mut pending);
                for fence in &pending {
                    fence.is_signaled();
                }
            }
            _ => {}
        }
    }

    fn work_in_batches<T: FenceContextOps>(
        &self,
        context: &FenceContext<T>,
        mut up_to: u64,
        result: Result,
    ) {
        // What comes later may have one of these numbers.
        up_to = up_to.min(self.state.published.load(Acquire));
        let count = match result {
            Ok(()) => context.signal_up_to(up_to),
            Err(error) => context.cancel_up_to(up_to, error),
        };

        self.state.tell(result, count as u64);
        if self.first_pending().is_some_and(|first| first <= up_to) {
            LEFT_BEHIND.add();
        }
    }

    /// Cancels what is pending, or leaves it to the drop.
    pub(crate) fn finish(&self, random: &mut Random) {
        if self.state.by == By::Batch && !self.state.is_points && random.below(2) == 0 {
            let count = with!(Context, &self.context, |context| context.cancel_all(EIO));

            self.state.tell(Err(EIO), count as u64);
        }
        // All are done, so all signal without another word. Once is enough to fail.
        if self.state.told.load(Relaxed) == self.state.length
            && STUCK.get() == 0
            && !eventually(|| self.state.seen.load(Relaxed) == self.state.length)
        {
            STUCK.add();
        }
    }
}
