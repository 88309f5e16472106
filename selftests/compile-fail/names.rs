// SPDX-License-Identifier: GPL-2.0

//! The names of drivers and timelines, which are read under RCU.

mod fixture;

use fixture::*;

fn names(fence: ARef<Fence>) -> bool {
    // A name is not read without RCU.
    #[cfg(fault = "name_without_rcu")]
    let name = fence.driver_name(); //~ E0061 this method takes 1 argument

    let guard = rcu::read_lock();
    let name = fence.driver_name(&guard);

    // A name does not outlive the reference to the fence.
    #[cfg(fault = "name_beyond_fence")]
    drop(fence); //~ E0505 cannot move out of `fence` because it is borrowed

    // A name is not used once RCU is unlocked.
    #[cfg(fault = "name_beyond_guard")]
    drop(guard); //~ E0505 cannot move out of `guard` because it is borrowed

    name.is_empty()
}

/// A timeline's name is not used once RCU is unlocked.
fn timeline_name(fence: &Fence) -> bool {
    let guard = rcu::read_lock();
    let name = fence.timeline_name(&guard);
    #[cfg(fault = "timeline_name_beyond_guard")]
    guard.unlock(); //~ E0505 cannot move out of `guard` because it is borrowed
    name.is_empty()
}

/// A name does not outlive the RCU guard it was read under.
#[cfg(fault = "name_returned")]
fn returned(fence: &Fence) -> &CStr {
    let guard = rcu::read_lock();
    fence.driver_name(&guard) //~ E0515 cannot return value referencing local variable `guard`
}

#[cfg(not(fault = "name_returned"))]
fn returned<'a>(fence: &'a Fence, guard: &'a rcu::Guard) -> &'a CStr {
    fence.driver_name(guard)
}

/// A name does not go to another thread with its guard, which stays.
struct Named<'a> {
    _name: &'a CStr,
    #[cfg(fault = "name_sent")]
    _guard: &'a rcu::Guard,
}

fn sent(fence: &Fence) {
    let guard = rcu::read_lock();
    let named = Named {
        _name: fence.driver_name(&guard),
        #[cfg(fault = "name_sent")]
        _guard: &guard,
    };

    require_send(named); //~ E0277 cannot be shared between threads safely
}
