// SPDX-License-Identifier: GPL-2.0

//! Locks of several reservation objects, and what is done with one held.

use crate::{
    cases,
    fixture::resv,
    sections::touch_user_memory, //
};
use dma_buf::resv::{
    Resv,
    ResvGuard,
    ResvSet, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

cases!(
    two_without_a_set,
    two_by_a_set,
    two_by_sets_in_any_order,
    set_inside_a_guard,
    second_tried,
    touching_user_memory,
);

fn two_without_a_set() -> Result {
    let one = ResvGuard::lock(resv()?);
    let two = ResvGuard::lock(resv()?);

    drop((one, two));
    Ok(())
}

fn lock_set(members: [&Arc<Resv>; 2]) -> Result {
    let mut set = ResvSet::new();

    for member in members {
        set.push(member.clone())?;
    }
    drop(set.lock());
    Ok(())
}

fn two_by_a_set() -> Result {
    lock_set([&resv()?, &resv()?])
}

fn two_by_sets_in_any_order() -> Result {
    let (one, two) = (resv()?, resv()?);

    lock_set([&one, &two])?;
    lock_set([&two, &one])
}

fn set_inside_a_guard() -> Result {
    let _guard = ResvGuard::lock(resv()?);

    lock_set([&resv()?, &resv()?])
}

fn second_tried() -> Result {
    let _guard = ResvGuard::lock(resv()?);

    ResvGuard::try_lock(resv()?).map(drop).map_err(|_| EBUSY)
}

fn touching_user_memory() -> Result {
    let _guard = ResvGuard::lock(resv()?);

    touch_user_memory()
}
