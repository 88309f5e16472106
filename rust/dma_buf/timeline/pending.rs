// SPDX-License-Identifier: GPL-2.0

//! The pending fences of a timeline: a queue, or, if its user picks the numbers, a tree.

use super::{
    header::{
        FenceHeader,
        PENDING, //
    },
    Tail, //
};
use crate::{
    bindings,
    lock::{
        lock,
        IrqsOff, //
    }, //
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::sync::{
    atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed,
        Release, //
    },
    SpinLockIrq, //
};

/// A pointer to a fence in a queue, or null.
pub(crate) type QueuePtr = Atomic<*mut FenceHeader>;

/// A queue of fences, of a timeline that numbers them.
///
/// Fences are added with the tail lock held, and taken with the head lock held. Taking the last
/// fence also takes the tail lock if another is being added behind it. Modelled in `queue.litmus`.
///
/// # Invariants
///
/// - From `first` on each fence leads to the next, and the last to null. `last` is the last fence,
///   or null. A fence that is being added is `last` before it can be reached.
/// - The fences in the queue are valid, and the queue owns a reference to each. While the head lock
///   is held, those at the front may have been signalled before they are taken all at once.
pub(super) struct Queue {
    first: QueuePtr,
    last: QueuePtr,
}

impl Queue {
    pub(super) const fn new() -> Self {
        // INVARIANT: There are no fences.
        Self {
            first: Atomic::new(ptr::null_mut()),
            last: Atomic::new(ptr::null_mut()),
        }
    }

    /// Adds a fence, whose reference becomes the queue's.
    ///
    /// # Safety
    ///
    /// The tail lock is held. The fence is valid, and its link is not in use.
    #[inline]
    pub(super) unsafe fn push(&self, header: NonNull<FenceHeader>) {
        // SAFETY: By the function's contract.
        unsafe { FenceHeader::set_next(header) };
        let before = self.last.xchg(header.as_ptr(), Full);

        // INVARIANT: Now it can be reached. `take_last` waits for that before it takes the fence
        // that was the last.
        match NonNull::new(before) {
            None => self.first.store(header.as_ptr(), Release),
            // SAFETY: By the type invariants.
            Some(before) => unsafe { FenceHeader::next(before) }.store(header.as_ptr(), Release),
        }
    }

    /// Returns the first fence.
    ///
    /// It stays in the queue for as long as the head lock is held.
    #[inline]
    pub(super) fn first(&self) -> Option<NonNull<FenceHeader>> {
        NonNull::new(self.first.load(Acquire))
    }

    /// Takes the first fence. Its reference becomes the caller's.
    ///
    /// # Safety
    ///
    /// The head lock is held, and `tail` is the tail lock. `header` is the first fence.
    #[inline]
    pub(super) unsafe fn take(
        &self,
        header: NonNull<FenceHeader>,
        tail: &SpinLockIrq<Tail>,
        irqs: &IrqsOff,
    ) {
        // SAFETY: By the function's contract.
        unsafe {
            match Self::after(header) {
                Some(next) => self.take_before(next),
                None => self.take_last(header, tail, irqs),
            }
        }
    }

    /// Takes all fences before this one.
    ///
    /// # Safety
    ///
    /// The head lock is held, and this fence is in the queue.
    #[inline]
    pub(super) unsafe fn take_before(&self, next: NonNull<FenceHeader>) {
        self.first.store(next.as_ptr(), Relaxed);
    }

    /// Takes a fence for which [`Self::after`] has returned `None`, and all before it.
    ///
    /// # Safety
    ///
    /// The head lock is held, and `tail` is the tail lock. `header` is in the queue.
    #[inline]
    pub(super) unsafe fn take_last(
        &self,
        header: NonNull<FenceHeader>,
        tail: &SpinLockIrq<Tail>,
        irqs: &IrqsOff,
    ) {
        self.first.store(ptr::null_mut(), Relaxed);
        if self
            .last
            .cmpxchg(header.as_ptr(), ptr::null_mut(), Full)
            .is_ok()
        {
            return;
        }
        // Another fence is being added behind it, with the tail lock held.
        drop(lock(tail, irqs));
        // SAFETY: By the function's contract and the type invariants.
        if let Some(next) = unsafe { Self::after(header) } {
            self.first.store(next.as_ptr(), Relaxed);
        }
    }

    /// Returns the fence behind this one.
    ///
    /// # Safety
    ///
    /// The head lock is held, and the fence is in the queue.
    #[inline]
    pub(super) unsafe fn after(header: NonNull<FenceHeader>) -> Option<NonNull<FenceHeader>> {
        // SAFETY: By the function's contract and the type invariants.
        NonNull::new(unsafe { FenceHeader::next(header) }.load(Acquire))
    }
}

/// A tree of fences, as in sw_sync, protected by the tail lock. Fences are only taken with the head
/// lock held as well.
///
/// Fences with the same number signal together, once all of them are done: a merge may keep any
/// one of them for all.
///
/// # Invariants
///
/// - The nodes are those of valid headers, ordered by number, and those with the same number by
///   age. The tree owns a reference to each.
/// - `leftmost` is the first node, or null.
/// - All fences before `unfinished`, or all if it is null, are done.
pub(super) struct Points {
    root: bindings::rb_root,
    leftmost: *mut bindings::rb_node,
    unfinished: *mut bindings::rb_node,
    count: usize,
}

// SAFETY: The nodes are parts of fences, which may be used on any CPU.
unsafe impl Send for Points {}

/// # Safety
///
/// `node` is that of a header, or null.
unsafe fn header_of(node: *mut bindings::rb_node) -> Option<NonNull<FenceHeader>> {
    // SAFETY: By the function's contract.
    (!node.is_null()).then(|| unsafe { FenceHeader::from_link(node.cast()) })
}

/// # Safety
///
/// `node` is in the tree.
unsafe fn seqno_of(node: *mut bindings::rb_node) -> u64 {
    // SAFETY: By the function's contract and the type invariants of the tree.
    unsafe { FenceHeader::seqno(header_of(node).unwrap_unchecked()) }
}

impl Points {
    pub(super) const fn new() -> Self {
        // INVARIANT: There are no fences.
        Self {
            root: bindings::rb_root {
                rb_node: ptr::null_mut(),
            },
            leftmost: ptr::null_mut(),
            unfinished: ptr::null_mut(),
            count: 0,
        }
    }

    /// Adds a fence, whose reference becomes the tree's.
    ///
    /// # Safety
    ///
    /// The fence is valid, its number is set, and its link is not in use.
    pub(super) unsafe fn insert(&mut self, header: NonNull<FenceHeader>) {
        // SAFETY: By the function's contract and the type invariants.
        unsafe {
            let node = FenceHeader::node(header);
            let seqno = FenceHeader::seqno(header);
            let mut link = &raw mut self.root.rb_node;
            let mut parent = ptr::null_mut();

            while !(*link).is_null() {
                parent = *link;
                link = if seqno < seqno_of(parent) {
                    &raw mut (*parent).rb_left
                } else {
                    &raw mut (*parent).rb_right
                };
            }
            if self.leftmost.is_null() || seqno < seqno_of(self.leftmost) {
                self.leftmost = node;
            }
            self.count += 1;
            bindings::rb_link_node(node, parent, link);
            bindings::rb_insert_color(node, &mut self.root);
            if self.unfinished.is_null() || seqno < seqno_of(self.unfinished) {
                self.unfinished = node;
            }
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn first(&self) -> Option<NonNull<FenceHeader>> {
        // SAFETY: By the type invariants.
        unsafe { header_of(self.leftmost) }
    }

    /// Returns the first fence that [`Self::due`] has found not done.
    pub(super) fn unfinished(&self) -> Option<NonNull<FenceHeader>> {
        // SAFETY: By the type invariants.
        unsafe { header_of(self.unfinished) }
    }

    /// Returns the fence behind this one.
    ///
    /// # Safety
    ///
    /// The fence is in the tree.
    pub(super) unsafe fn after(
        &self,
        header: NonNull<FenceHeader>,
    ) -> Option<NonNull<FenceHeader>> {
        // SAFETY: By the function's contract and the type invariants.
        unsafe { header_of(bindings::rb_next(FenceHeader::node(header))) }
    }

    /// Returns the last fence whose number is not above `seqno`.
    pub(super) fn last_up_to(&self, seqno: u64) -> Option<NonNull<FenceHeader>> {
        let mut node = self.root.rb_node;
        let mut found = ptr::null_mut();

        // SAFETY: By the type invariants.
        unsafe {
            while !node.is_null() {
                if seqno_of(node) <= seqno {
                    found = node;
                    node = (*node).rb_right;
                } else {
                    node = (*node).rb_left;
                }
            }
            header_of(found)
        }
    }

    /// Returns the first fence whose number is not below `seqno`.
    pub(super) fn first_from(&self, seqno: u64) -> Option<NonNull<FenceHeader>> {
        let mut node = self.root.rb_node;
        let mut found = ptr::null_mut();

        // SAFETY: By the type invariants.
        unsafe {
            while !node.is_null() {
                if seqno_of(node) >= seqno {
                    found = node;
                    node = (*node).rb_left;
                } else {
                    node = (*node).rb_right;
                }
            }
            header_of(found)
        }
    }

    /// Returns the first fence if it is due: its number is not above `up_to`, or it is done and so
    /// are all that share its number.
    ///
    /// Checks at most `steps` fences, and subtracts the number that it has checked.
    pub(super) fn due(&mut self, up_to: u64, steps: &mut usize) -> Option<NonNull<FenceHeader>> {
        let first = self.first()?;

        // SAFETY: By the type invariants.
        unsafe {
            if FenceHeader::seqno(first) <= up_to {
                return Some(first);
            }
            while let Some(header) = header_of(self.unfinished) {
                if *steps == 0 || header.as_ref().result.load(Acquire) == PENDING {
                    break;
                }
                *steps -= 1;
                self.unfinished = bindings::rb_next(self.unfinished);
            }
            (self.unfinished.is_null() || FenceHeader::seqno(first) < seqno_of(self.unfinished))
                .then_some(first)
        }
    }

    /// Takes a fence. Its reference becomes the caller's.
    ///
    /// # Safety
    ///
    /// The fence is in the tree, and the head lock is held.
    pub(super) unsafe fn take(&mut self, header: NonNull<FenceHeader>) {
        // SAFETY: By the function's contract and the type invariants.
        unsafe {
            let node = FenceHeader::node(header);

            if self.unfinished == node {
                self.unfinished = bindings::rb_next(node);
            }
            if self.leftmost == node {
                self.leftmost = bindings::rb_next(node);
            }
            self.count -= 1;
            bindings::rb_erase(node, &mut self.root);
        }
    }
}
