// SPDX-License-Identifier: GPL-2.0

//! The pending fences of a timeline whose user picks the numbers: a tree, as in sw_sync.
//!
//! Fences with the same number signal together, once all of them are done: a merge may keep any
//! one of them for all.

use super::header::{
    Header,
    PENDING, //
};
use crate::bindings;
use core::ptr::{
    self,
    NonNull, //
};
use kernel::sync::atomic::Acquire;

/// A tree of fences, protected by the tail lock. Fences are only taken with the head lock held as
/// well.
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
unsafe fn header_of(node: *mut bindings::rb_node) -> Option<NonNull<Header>> {
    // SAFETY: By the function's contract.
    (!node.is_null()).then(|| unsafe { Header::from_link(node.cast()) })
}

/// # Safety
///
/// `node` is in the tree.
unsafe fn number(node: *mut bindings::rb_node) -> u64 {
    // SAFETY: By the function's contract and the type invariants of the tree.
    unsafe { Header::seqno(header_of(node).unwrap_unchecked()) }
}

impl Points {
    pub(super) const fn new() -> Self {
        // INVARIANT: There is none.
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
    pub(super) unsafe fn insert(&mut self, header: NonNull<Header>) {
        // SAFETY: By the function's contract and the type invariants.
        unsafe {
            let node = Header::node(header);
            let seqno = Header::seqno(header);
            let mut link = &raw mut self.root.rb_node;
            let mut parent = ptr::null_mut();

            while !(*link).is_null() {
                parent = *link;
                link = if seqno < number(parent) {
                    &raw mut (*parent).rb_left
                } else {
                    &raw mut (*parent).rb_right
                };
            }
            if self.leftmost.is_null() || seqno < number(self.leftmost) {
                self.leftmost = node;
            }
            self.count += 1;
            bindings::rb_link_node(node, parent, link);
            bindings::rb_insert_color(node, &mut self.root);
            if self.unfinished.is_null() || seqno < number(self.unfinished) {
                self.unfinished = node;
            }
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn first(&self) -> Option<NonNull<Header>> {
        // SAFETY: By the type invariants.
        unsafe { header_of(self.leftmost) }
    }

    /// The first fence that was not done when [`Self::due`] looked.
    pub(super) fn unfinished(&self) -> Option<NonNull<Header>> {
        // SAFETY: By the type invariants.
        unsafe { header_of(self.unfinished) }
    }

    /// The fence behind this one.
    ///
    /// # Safety
    ///
    /// The fence is in the tree.
    pub(super) unsafe fn after(&self, header: NonNull<Header>) -> Option<NonNull<Header>> {
        // SAFETY: By the function's contract and the type invariants.
        unsafe { header_of(bindings::rb_next(Header::node(header))) }
    }

    /// The last fence whose number is not above `seqno`.
    pub(super) fn last_up_to(&self, seqno: u64) -> Option<NonNull<Header>> {
        let mut node = self.root.rb_node;
        let mut found = ptr::null_mut();

        // SAFETY: By the type invariants.
        unsafe {
            while !node.is_null() {
                if number(node) <= seqno {
                    found = node;
                    node = (*node).rb_right;
                } else {
                    node = (*node).rb_left;
                }
            }
            header_of(found)
        }
    }

    /// The first fence whose number is not below `seqno`.
    pub(super) fn first_from(&self, seqno: u64) -> Option<NonNull<Header>> {
        let mut node = self.root.rb_node;
        let mut found = ptr::null_mut();

        // SAFETY: By the type invariants.
        unsafe {
            while !node.is_null() {
                if number(node) >= seqno {
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
    /// Looks at `steps` fences at most, and subtracts how many it has looked at.
    pub(super) fn due(&mut self, up_to: u64, steps: &mut usize) -> Option<NonNull<Header>> {
        let first = self.first()?;

        // SAFETY: By the type invariants.
        unsafe {
            if Header::seqno(first) <= up_to {
                return Some(first);
            }
            while let Some(header) = header_of(self.unfinished) {
                if *steps == 0 || header.as_ref().outcome.load(Acquire) == PENDING {
                    break;
                }
                *steps -= 1;
                self.unfinished = bindings::rb_next(self.unfinished);
            }
            (self.unfinished.is_null() || Header::seqno(first) < number(self.unfinished))
                .then_some(first)
        }
    }

    /// Takes a fence; its reference becomes the caller's.
    ///
    /// # Safety
    ///
    /// The fence is in the tree, and the head lock is held.
    pub(super) unsafe fn take(&mut self, header: NonNull<Header>) {
        // SAFETY: By the function's contract and the type invariants.
        unsafe {
            let node = Header::node(header);

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
