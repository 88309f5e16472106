// SPDX-License-Identifier: GPL-2.0

//! Reservation objects for the suites.

use crate::{
    containers::is_same,
    fixture::eventually,
    workqueue::Workqueue, //
};
use dma_buf::{
    resv::{
        HasResv,
        LockedResv,
        Resv,
        ResvGuard,
        ResvSet,
        ResvUsage, //
    },
    Fence,
    Leaf, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Release, //
        },
        Arc, //
    }, //
};

/// An object without fences.
pub(crate) fn object() -> Result<Arc<Resv>> {
    Arc::pin_init(Resv::new(), GFP_KERNEL)
}

/// `count` objects.
pub(crate) fn objects(count: usize) -> Result<KVec<Arc<Resv>>> {
    let mut objects = KVec::with_capacity(count, GFP_KERNEL)?;

    for _ in 0..count {
        objects.push(object()?, GFP_KERNEL)?;
    }
    Ok(objects)
}

/// Reserves a slot and adds a fence.
pub(crate) fn add(locked: &mut LockedResv, fence: &Leaf, usage: ResvUsage) -> Result {
    locked.reserve_one()?.add(fence, usage);
    Ok(())
}

/// An object with these fences.
pub(crate) fn with(fences: &[(&Leaf, ResvUsage)]) -> Result<Arc<Resv>> {
    let mut guard = ResvGuard::lock(object()?);

    for (fence, usage) in fences {
        add(&mut guard, fence, *usage)?;
    }
    Ok(guard.unlock())
}

/// Returns `true` if these are the fences of a locked object, in this order.
pub(crate) fn holds(locked: &LockedResv, expected: &[(&Fence, ResvUsage)]) -> bool {
    let mut fences = locked.fences(ResvUsage::Bookkeep);

    expected.iter().all(|(fence, usage)| {
        fences
            .next()
            .is_some_and(|(found, as_what)| is_same(found, fence) && as_what == *usage)
    }) && fences.next().is_none()
}

/// A set of these objects, in this order.
pub(crate) fn set<'a>(
    objects: impl IntoIterator<Item = &'a Arc<Resv>>,
) -> Result<ResvSet<Arc<Resv>>> {
    let mut set = ResvSet::new()?;

    for object in objects {
        set.push(object.clone())?;
    }
    Ok(set)
}

/// A type that returns another of two objects each time.
#[pin_data]
pub(crate) struct Fickle {
    #[pin]
    pub(crate) one: Resv,
    #[pin]
    pub(crate) two: Resv,
    asked: Atomic<i32>,
}

impl Fickle {
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                one <- Resv::new(),
                two <- Resv::new(),
                asked: Atomic::new(0),
            }),
            GFP_KERNEL,
        )
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.one.is_locked() || self.two.is_locked()
    }
}

impl HasResv for Fickle {
    fn resv(&self) -> &Resv {
        if self.asked.fetch_add(1, Full) % 2 == 0 {
            &self.one
        } else {
            &self.two
        }
    }
}

struct Stage {
    reached: Atomic<bool>,
    go_on: Atomic<bool>,
}

/// A thread that holds a lock until this is dropped.
pub(crate) struct Holder {
    stage: Arc<Stage>,
    _queue: Workqueue,
}

impl Holder {
    /// Runs `body` in a thread, up to the point where it calls its argument.
    pub(crate) fn new<F>(body: F) -> Result<Self>
    where
        F: FnOnce(&dyn Fn()) + Send + 'static,
    {
        let queue = Workqueue::new()?;
        let stage = Arc::new(
            Stage {
                reached: Atomic::new(false),
                go_on: Atomic::new(false),
            },
            GFP_KERNEL,
        )?;
        let theirs = stage.clone();

        queue.spawn_on(0, move || {
            body(&|| {
                theirs.reached.store(true, Release);
                eventually(|| theirs.go_on.load(Acquire));
            })
        })?;
        let this = Self {
            stage,
            _queue: queue,
        };
        if !eventually(|| this.stage.reached.load(Acquire)) {
            return Err(ETIME);
        }
        Ok(this)
    }

    /// Returns a function that lets the thread go on, but does not wait for its end.
    pub(crate) fn release(&self) -> impl Fn() + Send + 'static {
        let stage = self.stage.clone();

        move || stage.go_on.store(true, Release)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.release()();
    }
}
