// SPDX-License-Identifier: GPL-2.0

//! What the suites have in common.

pub(crate) mod c;
pub(crate) mod device;
pub(crate) mod fences;
pub(crate) mod foreign;
pub(crate) mod job;
pub(crate) mod objects;
pub(crate) mod race;
pub(crate) mod raw;
pub(crate) mod reclaim;
pub(crate) mod shapes;
pub(crate) mod thread;
pub(crate) mod worker;
pub(crate) mod workqueue;

use crate::prelude::*;
use core::pin::Pin;
use kernel::time::Jiffies;

/// Fences without data or operations.
pub(crate) struct Mock;

#[vtable]
impl FenceContextOps for Mock {
    type FenceData = ();
}

/// A context whose user picks the numbers.
pub(crate) fn points() -> Result<FenceContext<Mock>> {
    FenceContext::with_options(
        c"mock",
        c"points",
        dma_buf::ContextOptions::new().points(),
        Mock,
    )
}

/// A context of [`Mock`] fences.
pub(crate) fn context() -> Result<FenceContext<Mock>> {
    FenceContext::new(c"mock", c"mock", Mock)
}

/// A fence of a context whose fences need no data.
pub(crate) fn next<T>(context: &FenceContext<T>) -> Result<DriverFence<T>>
where
    T: FenceContextOps<FenceData = ()>,
{
    Ok(context.new_fence(context.new_fence_allocation(())?))
}

/// A context, and its first fence.
pub(crate) fn fence() -> Result<(FenceContext<Mock>, DriverFence<Mock>)> {
    let context = context()?;
    let fence = next(&context)?;

    Ok((context, fence))
}

/// How often something has happened, shared with what makes it happen.
#[derive(Clone)]
pub(crate) struct Counter(Arc<Atomic<i32>>);

impl Counter {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Arc::new(Atomic::new(0), GFP_KERNEL)?))
    }

    /// Counts, and returns the count before.
    pub(crate) fn add(&self) -> i32 {
        self.0.fetch_add(1, Full)
    }

    pub(crate) fn get(&self) -> i32 {
        self.0.load(Relaxed)
    }
}

/// A callback that counts its calls.
pub(crate) struct Count(pub(crate) Counter);

// SAFETY: It only adds to a number; no test leaks a registration of it.
unsafe impl FenceCallback for Count {
    fn called(&self, _fence: &Fence) {
        self.0.add();
    }
}

/// A registration for a callback, in memory of its own: a failed assertion ends
/// the test without unwinding its stack, while the fence still points here.
pub(crate) fn registration<T: FenceCallback>() -> Result<Pin<KBox<FenceCallbackRegistration<T>>>> {
    KBox::pin_init(FenceCallbackRegistration::new(), GFP_KERNEL)
}

/// Counts its drops: data whose drop can be watched.
pub(crate) struct Droppable(pub(crate) Counter);

impl Drop for Droppable {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// The sequence numbers of fences in the order in which they have signalled.
#[derive(Clone)]
pub(crate) struct Trace(Arc<TraceInner>);

struct TraceInner {
    len: Atomic<i32>,
    seqnos: [Atomic<u64>; 16],
}

impl Trace {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Arc::new(
            TraceInner {
                len: Atomic::new(0),
                seqnos: [const { Atomic::new(0) }; 16],
            },
            GFP_KERNEL,
        )?))
    }

    /// Whether these have signalled, and no other, in this order.
    pub(crate) fn is(&self, seqnos: &[u64]) -> bool {
        self.0.len.load(Relaxed) as usize == seqnos.len()
            && seqnos
                .iter()
                .zip(&self.0.seqnos)
                .all(|(a, b)| *a == b.load(Relaxed))
    }
}

/// A callback that writes its fence into a [`Trace`].
pub(crate) struct Note(pub(crate) Trace);

// SAFETY: It only writes numbers; no test leaks a registration of it.
unsafe impl FenceCallback for Note {
    fn called(&self, fence: &Fence) {
        let inner = &self.0 .0;
        let at = inner.len.fetch_add(1, Full) as usize;

        if let Some(slot) = inner.seqnos.get(at) {
            slot.store(fence.seqno(), Relaxed);
        }
    }
}

/// Has each of these fences traced when it signals, until the result is dropped.
pub(crate) fn trace(
    trace: &Trace,
    fences: &[&DriverFence<Mock>],
) -> Result<KVec<Pin<KBox<FenceCallbackRegistration<Note>>>>> {
    let mut callbacks = KVec::new();

    for fence in fences {
        let mut callback = registration()?;

        callback
            .as_mut()
            .register(fence.as_fence(), Note(trace.clone()))?;
        callbacks.push(callback, GFP_KERNEL)?;
    }
    Ok(callbacks)
}

/// Gives up the reference of a handle that a test has leaked on purpose, so that
/// nobody takes it for a leak of the crate's.
///
/// # Safety
///
/// The handle was leaked, is the fence's only one, and its data has no drop.
pub(crate) unsafe fn give_up_leaked(fence: &Fence) {
    // SAFETY: By the function's contract this reference is nobody's.
    drop(unsafe { ARef::from_raw(NonNull::from(fence)) });
}

/// Waits until something holds, and says whether it did in the end.
///
/// It gives up after so many turns that whoever was to make it hold has had the
/// CPU again and again. A clock would not do: a guest that stands still for a
/// while loses time, but no turns.
pub(crate) fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    for _ in 0..10_000 {
        if holds() {
            return true;
        }
        fsleep(Delta::from_millis(1));
    }
    holds()
}

/// How long to wait for what is certain to come. It bounds a hang, and measures
/// nothing.
pub(crate) fn long() -> Delta {
    Delta::from_secs(60)
}

/// The clock of what waits for a number of jiffies. It falls behind where ticks are late,
/// and then such a wait ends too early by any other clock.
pub(crate) fn jiffies() -> Jiffies {
    // SAFETY: A number that changes at any time.
    unsafe { (&raw const bindings::jiffies).read_volatile() }
}

/// Whether a fence has signalled at that time or later, by its own timestamp. Only
/// what comes too early is wrong: how late it comes is the machine's business.
pub(crate) fn not_before(fence: &Fence, time: Instant<Monotonic>) -> bool {
    fence
        .timestamp()
        .is_some_and(|stamp| !(stamp - time).is_negative())
}

/// Whether the count ends at 1, and stays there.
pub(crate) fn once(counter: &Counter) -> bool {
    let ended = eventually(|| counter.get() != 0);

    // What an RCU callback drops may wait for another.
    rcu::rcu_barrier();
    rcu::rcu_barrier();
    ended && counter.get() == 1
}

/// Has a signal pending for the current thread while `f` runs.
pub(crate) fn interrupted<R>(f: impl FnOnce() -> R) -> R {
    let sig = bindings::SIGINT as i32;

    // SAFETY: The current task is valid. 2 stands for SIG_KTHREAD: this is a
    // kernel thread, and it takes the signal.
    unsafe {
        bindings::kernel_sigaction(
            sig,
            core::mem::transmute::<usize, bindings::__sighandler_t>(2),
        );
        bindings::send_sig(sig, Task::current_raw(), 1);
    }
    let ret = f();
    // SAFETY: As above; no handler means SIG_DFL, which is what it was.
    unsafe {
        bindings::flush_signals(Task::current_raw());
        bindings::kernel_sigaction(sig, None);
    }
    ret
}

/// How often a task has gone to sleep.
pub(crate) fn sleeps(task: &Task) -> usize {
    // SAFETY: The task is valid. The number may change at any time.
    unsafe { (&raw const (*task.as_ptr()).nvcsw).read_volatile() }
}

/// Returns what another thread calls to wait until the current one sleeps, as it does in
/// what it calls next. Signalled any earlier, a fence would not have been waited for.
pub(crate) fn until_asleep() -> impl Fn() + Send + 'static {
    let task = ARef::<Task>::from(&**kernel::current!());
    let before = sleeps(&task);

    move || {
        eventually(|| sleeps(&task) > before);
    }
}

/// Returns `true` if the current task holds a lock of this name.
#[cfg(CONFIG_LOCKDEP)]
pub(crate) fn holds_lock(name: &CStr) -> bool {
    // SAFETY: The current task is valid, and nobody else changes what it holds. The names
    // of locks are strings that stay.
    unsafe {
        let task = Task::current_raw();
        let held = &(*task).held_locks;
        let depth = (*task).lockdep_depth as usize;

        held[..depth]
            .iter()
            .any(|lock| CStr::from_char_ptr((*lock.instance).name) == name)
    }
}

/// Returns `true`, as this kernel does not know.
#[cfg(not(CONFIG_LOCKDEP))]
pub(crate) fn holds_lock(_name: &CStr) -> bool {
    true
}

/// Returns `true` if the kernel has reported nothing since it booted: lockdep, where there
/// is one, is still on, and nothing has warned. Without it, a case would pass in spite of a
/// report that it has caused.
pub(crate) fn is_silent() -> bool {
    extern "C" {
        // include/linux/debug_locks.h; the kernel crate does not bind it.
        static debug_locks: c_int;
    }

    // SAFETY: A number that may change at any time; the rest has no preconditions.
    unsafe {
        (&raw const debug_locks).read_volatile() != 0
            && bindings::test_taint(bindings::TAINT_WARN) == 0
    }
}

/// Marks the current test as skipped, saying why.
pub(crate) fn skip(why: &str) {
    pr_info!("skipped: {}\n", why);
    // SAFETY: Any context; a test that is not null is the current one, which
    // only this thread changes.
    unsafe {
        let test = bindings::kunit_get_current_test();
        if !test.is_null() {
            (*test).status = bindings::kunit_status_KUNIT_SKIPPED;
        }
    }
}
