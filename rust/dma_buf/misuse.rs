// SPDX-License-Identifier: GPL-2.0

//! What must not be done with fences, who refuses it, and what is said of it.
//!
//! This is made of the table selftests/lockdep/misuse, and each row is tested, on a
//! kernel with lockdep or by the compiler. Refused by
//!
//! - *compiler*: it does not compile, with this error;
//! - *lockdep*: it is reported, and lockdep is off then. In brackets are the lock
//!   classes that it is about, all and no others, but of BUG: what is held;
//! - *kernel*: another of its checks reports it;
//! - *ours*: this crate reports it, or sees to it that it is harmless;
//! - *nothing*: it is allowed, or it is not found, as stated.
//!
//! Names with `misuse` or `vfence` in them are the test's own.
//!
//! # Waits
//!
//! | Misuse | Calls | Refused by | Report |
//! |---|---|---|---|
//! | a wait in a section | `signalling(\|_\| fence.wait())` | ours | waiting for a fence inside a signalling section |
//! | a wait for any of several fences in a section | `signalling(\|_\| Wait::new().on_any(&[&fence]))` | lockdep | waiting for a fence inside a signalling section, then WARNING: possible circular locking dependency detected (fs_reclaim, mmu_notifier_invalidate_range_start, dma_fence_map): the second is for the memory that it wants |
//! | a wait for a reservation object in a section | `signalling(\|_\| resv.wait(ResvUsage::Read))` | ours | waiting for a fence inside a signalling section |
//! | a wait in a section, again and again | `signalling(\|_\| fence.wait())` | ours | waiting for a fence inside a signalling section: once |
//! | a wait in the body of a work | `fence.wait() in Delegate::run()` | ours | waiting for a fence inside a signalling section |
//! | a wait in a section that C has opened | `fence.wait() after dma_fence_begin_signalling()` | ours | waiting for a fence inside a signalling section |
//! | a wait in a section for what completes before | `signalling(\|_\| Wait::new().ordered().on(fence))` | nothing | nothing: allowed |
//! | a wait with a spinlock held | `fence.wait() with a SpinLock's guard` | kernel | BUG: sleeping function called from invalid context (misuse_lock) |
//! | a wait in an RCU read-side section | `fence.wait() with an rcu::Guard` | kernel | BUG: sleeping function called from invalid context (rcu_read_lock) |
//! | a wait with a reservation object locked | `fence.wait(), guard.wait(..) with a ResvGuard` | nothing | nothing: allowed |
//!
//! # Locks
//!
//! | Misuse | Calls | Refused by | Report |
//! |---|---|---|---|
//! | a lock taken in a section, then held over a wait | `signalling(\|_\| lock.lock()), then fence.wait() with its guard` | lockdep | WARNING: possible circular locking dependency detected (misuse_lock, dma_fence_map) |
//! | a lock held over a wait, then taken in a section | `fence.wait() with its guard, then signalling(\|_\| lock.lock())` | lockdep | WARNING: possible circular locking dependency detected (misuse_lock, dma_fence_map) |
//! | a lock taken in a section and held over a wait for any | `signalling(\|_\| lock.lock()), then Wait::new().on_any(..)` | lockdep | WARNING: possible circular locking dependency detected (misuse_lock, dma_fence_map) |
//! | a lock taken in a section and held over the core's own wait for any | `signalling(\|_\| lock.lock()), then dma_fence_wait_any_timeout()` | lockdep | WARNING: possible circular locking dependency detected (misuse_lock, fs_reclaim, mmu_notifier_invalidate_range_start, dma_fence_map): for the memory that it wants: it is not annotated itself |
//! | a lock taken in a section and held over the core's look at any | `signalling(\|_\| lock.lock()), then dma_fence_wait_any_timeout() for 0 jiffies` | nothing | nothing: not found: it wants no memory, and is not annotated |
//! | a lock taken in a section and held over the library's look at any | `signalling(\|_\| lock.lock()), then Wait::new().timeout(0).on_any(..)` | lockdep | WARNING: possible circular locking dependency detected (misuse_lock, dma_fence_map) |
//! | a lock only held over a wait | `fence.wait() with its guard` | nothing | nothing: allowed |
//! | a lock only taken in a section | `signalling(\|_\| lock.lock())` | nothing | nothing: allowed |
//! | a lock held over a signal, and held over a wait | `job.signal(..), fence.wait(), each with its guard` | nothing | nothing: not found: put the lock and the signal in a section, signalling(..) |
//!
//! # Sections
//!
//! | Misuse | Calls | Refused by | Report |
//! |---|---|---|---|
//! | a section left open | `signalling(\|section\| ..) that keeps the section` | compiler | E0521: borrowed data escapes outside of closure |
//! | a section left open by returning it | `let section = signalling(\|section\| section)` | compiler | error: lifetime may not live long enough |
//! | a section made by hand | `SignallingSection { .. }` | compiler | E0451: private |
//! | a section taken to another thread | `signalling(\|section\| spawn(section))` | compiler | E0277: cannot be shared between threads safely |
//! | a section left open by C, and then an allocation | `dma_fence_begin_signalling(), KBox::new(0, GFP_KERNEL), and no end` | lockdep | WARNING: possible circular locking dependency detected (fs_reclaim, mmu_notifier_invalidate_range_start, dma_fence_map): what comes after is taken for a part of it |
//! | a reservation object locked in a section | `signalling(\|_\| ResvGuard::lock(resv))` | lockdep | WARNING: possible circular locking dependency detected (reservation_ww_class_mutex, fs_reclaim, mmu_notifier_invalidate_range_start, dma_fence_map) |
//! | a reservation object locked in the body of a work | `resv.with_lock(..) in Delegate::run()` | lockdep | WARNING: possible circular locking dependency detected (reservation_ww_class_mutex, fs_reclaim, mmu_notifier_invalidate_range_start, dma_fence_map) |
//! | a reservation object locked in the body of a cleanup work | `resv.with_lock(..) in Cleanup::run()` | nothing | nothing: allowed |
//! | a set of reservation objects locked in a section | `signalling(\|_\| set.lock())` | lockdep | WARNING: possible circular locking dependency detected (reservation_ww_class_acquire, reservation_ww_class_mutex, fs_reclaim, mmu_notifier_invalidate_range_start, dma_fence_map) |
//! | a reservation object locked in a section, if nobody has it | `signalling(\|_\| ResvGuard::try_lock(resv))` | nothing | nothing: allowed: it does not wait |
//! | user memory touched in a section | `signalling(\|_\| reader.read::<u8>())` | lockdep | WARNING: possible circular locking dependency detected (\&mm->mmap_lock, mmu_notifier_invalidate_range_start, dma_fence_map) |
//!
//! # Memory
//!
//! | Misuse | Calls | Refused by | Report |
//! |---|---|---|---|
//! | an allocation in a section that may wait for memory | `signalling(\|_\| KBox::new(0, GFP_KERNEL))` | lockdep | WARNING: possible circular locking dependency detected (fs_reclaim, mmu_notifier_invalidate_range_start, dma_fence_map) |
//! | an allocation in the body of a work | `KBox::new(0, GFP_KERNEL) in Delegate::run()` | lockdep | WARNING: possible circular locking dependency detected (fs_reclaim, mmu_notifier_invalidate_range_start, dma_fence_map) |
//! | an allocation in the thread of an interrupt handler | `KBox::new(0, GFP_KERNEL) in ThreadedDelegate::handle_threaded()` | lockdep | WARNING: possible circular locking dependency detected (fs_reclaim, mmu_notifier_invalidate_range_start, dma_fence_map) |
//! | an allocation in the body of a cleanup work | `KBox::new(0, GFP_KERNEL) in Cleanup::run()` | nothing | nothing: allowed |
//! | an allocation in a section that leaves file systems alone | `signalling(\|_\| KBox::new(0, GFP_KERNEL)), as a task with PF_MEMALLOC_NOFS` | lockdep | WARNING: possible circular locking dependency detected (mmu_notifier_invalidate_range_start, dma_fence_map): only where there are MMU notifiers |
//! | an allocation in a section that does not wait | `signalling(\|_\| KBox::new(0, GFP_NOWAIT))` | nothing | nothing: allowed |
//! | an allocation in a section that uses reserves | `signalling(\|_\| KBox::new(0, GFP_ATOMIC))` | nothing | nothing: allowed |
//! | an allocation with a reservation object locked | `KBox::new(0, GFP_KERNEL), guard.reserve(2) with a ResvGuard` | nothing | nothing: allowed |
//!
//! # Callbacks
//!
//! | Misuse | Calls | Refused by | Report |
//! |---|---|---|---|
//! | a callback of the driver's own | `impl FenceCallback for Own` | compiler | E0200: requires an `unsafe impl` declaration |
//! | a callback that signals another fence | `other.signal(..) in FenceCallback::called(), which is unsafe to implement` | lockdep | WARNING: possible recursive locking detected (dma_buf_rs::FenceContext) |
//! | a callback that takes the lock of another fence | `other.enable_signaling() in FenceCallback::called()` | lockdep | WARNING: possible recursive locking detected (\&fence->inline_lock) |
//! | a callback that takes the lock of another fence of a named class | `.. of a context with ContextOptions::lock_class(..)` | lockdep | WARNING: possible recursive locking detected (misuse_fence) |
//! | a callback that takes a lock that sleeps | `mutex.lock() in FenceCallback::called()` | lockdep | BUG: sleeping function called from invalid context (dma_buf_rs::FenceContext, \&fence->inline_lock), then \[ BUG: Invalid wait context \] (misuse_lock) |
//! | a fence that signals another one by the library | `FenceProxyAllocation::start(..)` | nothing | nothing: allowed, also of a proxy |
//!
//! # Operations
//!
//! | Misuse | Calls | Refused by | Report |
//! |---|---|---|---|
//! | an operation that takes the lock of another fence | `other.enable_signaling() in FenceContextOps::enable_signaling()` | lockdep | WARNING: possible recursive locking detected (\&fence->inline_lock) |
//! | an operation that takes a lock which publication is done with | `lock.lock() there, and context.new_fence(..) with its guard` | nothing | nothing: allowed |
//! | an operation that takes a lock of its own | `lock.lock() in FenceContextOps::enable_signaling()` | nothing | nothing: allowed |
//!
//! # Containers
//!
//! | Misuse | Calls | Refused by | Report |
//! |---|---|---|---|
//! | an array in an array | `FenceArrayAllocation::push(array)` | compiler | E0308: mismatched types |
//! | an array of what may be containers | `FenceArray::new(fences)` | compiler | E0308: mismatched types |
//! | a link of a chain in a link | `FenceChainAllocation::append(.., link, ..)` | compiler | E0277: is not satisfied |
//! | a foreign driver's array in an array, waited for as it is | `array.wait()` | lockdep | WARNING: possible recursive locking detected (\&dma_fence_array_lock_key) |
//! | a foreign driver's link in a link, waited for as it is | `link.wait()` | lockdep | WARNING: possible recursive locking detected (\&dma_fence_chain_lock_key) |
//! | a foreign driver's array in an array, made flat first | `array.flatten()?.into_fence().wait()` | nothing | nothing: allowed |
//! | a foreign driver's link in a link, made flat first | `link.flatten()?.into_fence().wait()` | nothing | nothing: allowed |
//!
//! # Interrupts
//!
//! | Misuse | Calls | Refused by | Report |
//! |---|---|---|---|
//! | a callback that takes a lock that is not irq-safe, then an interrupt | `lock.lock() in FenceCallback::called(), then job.signal(..) in Delegate::run()` | lockdep | WARNING: possible irq lock inversion dependency detected (dma_buf_rs::FenceContext, misuse_lock) |
//! | a signal in an interrupt, and then a callback that takes such a lock | `job.signal(..) in Delegate::run(), then lock.lock() in FenceCallback::called()` | lockdep | WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected (\&fence->inline_lock, misuse_lock) |
//! | an interrupt that takes a lock that is not irq-safe | `lock.lock() of a SpinLock in Delegate::run()` | lockdep | WARNING: inconsistent lock state (misuse_lock) |
//! | an interrupt that takes a lock that sleeps | `lock.lock() of a Mutex in Delegate::run()` | lockdep | BUG: sleeping function called from invalid context, then \[ BUG: Invalid wait context \] (misuse_lock) |
//! | an interrupt that takes a lock that is irq-safe | `lock.lock() of a SpinLockIrq in Delegate::run()` | nothing | nothing: allowed |
//!
//! # Reservation objects
//!
//! | Misuse | Calls | Refused by | Report |
//! |---|---|---|---|
//! | two reservation objects locked one by one | `ResvGuard::lock(one), ResvGuard::lock(two)` | lockdep | WARNING: possible recursive locking detected (reservation_ww_class_mutex) |
//! | a set of them locked with another one locked | `ResvGuard::lock(one), then set.lock()` | lockdep | WARNING: possible circular locking dependency detected (reservation_ww_class_acquire, reservation_ww_class_mutex) |
//! | user memory touched with a reservation object locked | `reader.read::<u8>() with a ResvGuard` | lockdep | WARNING: possible circular locking dependency detected (\&mm->mmap_lock, reservation_ww_class_acquire, reservation_ww_class_mutex) |
//! | two reservation objects locked by a set | `set.lock()` | nothing | nothing: allowed |
//! | two sets of the same objects, in another order | `set.lock()` | nothing | nothing: allowed |
//! | a second reservation object locked if nobody has it | `ResvGuard::try_lock(two) with a ResvGuard` | nothing | nothing: allowed: it does not wait |
//! | a fence added without a slot for it | `guard.add(fence, ..)` | compiler | E0599: no method named `add` found |
//! | a slot used after the lock has been let go | `drop(guard), then slot.add(fence, ..)` | compiler | E0505: cannot move out of `guard` because it is borrowed |
//! | a container added | `slot.add(array, ..)` | compiler | E0308: mismatched types |
//!
//! # A fence's end
//!
//! | Misuse | Calls | Refused by | Report |
//! |---|---|---|---|
//! | a fence signalled twice | `job.signal(..) and again` | compiler | E0382: use of moved value: `job` |
//! | an error set after the signal, or without one | `fence.set_error(..)` | compiler | E0599: no method named `set_error` found |
//! | a signal that takes the fence's lock for held | `job.signal_locked(..)` | compiler | E0599: no method named `signal_locked` found |
//! | a name read without RCU | `fence.driver_name()` | compiler | E0061: this method takes 1 argument |
//! | fences that a driver drops unsignalled | `drop(job)` | ours | driver bug: fence 1 of one (misuse) was dropped unsignalled; cancelled, driver bug: fence 1 of two (misuse) was dropped unsignalled; cancelled: once for each context |
//! | the last reference to a pending fence with a callback dropped | `drop(fence), drop(context)` | ours | nothing: the fence is its context's, too, which cancels it |
//! | more domains and lock classes than there is room for | `Domain::new(name), LockClass::new(name)` | ours | nothing: an error |
//!
//! # Domains
//!
//! | Misuse | Calls | Refused by | Report |
//! |---|---|---|---|
//! | a wait in a domain, in a section of it | `domain.signalling(\|_\| wait.ordered().domain(domain).on(fence))` | lockdep | WARNING: possible recursive locking detected (misuse_domain) |
//! | a wait in a section, without the domain | `signalling(\|_\| wait.ordered().on(fence))` | nothing | nothing: not found |
//! | two domains, each waited for in a section of the other | `a.signalling(\|_\| wait.ordered().domain(b).on(fence)), and the reverse` | lockdep | WARNING: possible circular locking dependency detected (misuse_domain_a, misuse_domain_b) |
//! | a wait in a section, twice, without the domains | `signalling(\|_\| wait.ordered().on(fence)), twice` | nothing | nothing: not found |
//! | one domain that waits for another, and for nobody else | `a.signalling(\|_\| wait.ordered().domain(b).on(fence))` | nothing | nothing: allowed |
//! | three domains, each waited for in a section of the one before | `a.signalling(\|_\| wait.ordered().domain(b).on(fence)), and so b for c` | nothing | nothing: allowed |
//! | a lock taken in a section of a domain, held over a wait in it | `domain.signalling(\|_\| lock.lock()), then wait.domain(domain).on(fence)` | lockdep | WARNING: possible circular locking dependency detected (misuse_lock, misuse_domain) |
//! | a lock taken in a section, held over a wait, without the domain | `signalling(\|_\| lock.lock()), then wait.on(fence)` | lockdep | WARNING: possible circular locking dependency detected (misuse_lock, dma_fence_map): but without the driver's name |
//! | a lock taken in a section of a domain, held over a wait for any in it | `domain.signalling(\|_\| lock.lock()), then wait.domain(domain).on_any(..)` | lockdep | WARNING: possible circular locking dependency detected (misuse_lock, misuse_domain) |
//! | a lock taken in a section of a domain, held over a look at any in it | `domain.signalling(\|_\| lock.lock()), then wait.domain(domain).timeout(0).on_any(..)` | lockdep | WARNING: possible circular locking dependency detected (misuse_lock, misuse_domain) |
//! | a lock taken where a fence of a domain signals, held over a wait in it | `job.signal(..) of a context with ContextOptions::domain(..), then wait.domain(..)` | lockdep | WARNING: possible circular locking dependency detected (misuse_lock, misuse_domain, dma_buf_rs::FenceContext, \&fence->inline_lock), then BUG: sleeping function called from invalid context: a spinlock, as it is a callback that takes it |
//!
//! # The device vfence
//!
//! | Misuse | Calls | Refused by | Report |
//! |---|---|---|---|
//! | an interrupt of vfence that allocates | `KBox::new(0, GFP_KERNEL) in Delegate::run()` | lockdep | WARNING: inconsistent lock state (fs_reclaim), then BUG: sleeping function called from invalid context |
//! | an interrupt of vfence that takes a lock that is not irq-safe | `lock.lock() of a SpinLock in Delegate::run()` | lockdep | WARNING: inconsistent lock state (vfence_lock) |
//! | an interrupt of vfence that takes a lock that sleeps | `lock.lock() of a Mutex in Delegate::run()` | lockdep | BUG: sleeping function called from invalid context, then \[ BUG: Invalid wait context \] (vfence_mutex) |
//! | an interrupt of vfence that locks a reservation object | `resv.with_lock(..) in Delegate::run()` | lockdep | BUG: sleeping function called from invalid context, then \[ BUG: Invalid wait context \] (reservation_ww_class_mutex) |
//! | an interrupt of vfence that waits for a fence | `fence.wait() in Delegate::run()` | lockdep | BUG: sleeping function called from invalid context, then WARNING: inconsistent lock state (dma_fence_map) |
