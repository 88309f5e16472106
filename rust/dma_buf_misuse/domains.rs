// SPDX-License-Identifier: GPL-2.0

//! Domains: what only they find, each beside the same calls without one.

use crate::{
    cases,
    fixture::{
        mutex,
        next,
        signal_with,
        spinlock,
        Locks,
        Mock, //
    }, //
};
use dma_buf::{
    lockdep::SignallingDomain,
    signalling,
    ContextOptions,
    Fence,
    FenceContext,
    FenceWait,
    SignallingSection, //
};
use kernel::{
    prelude::*,
    time::Delta, //
};

cases!(
    wait_in_a_section,
    wait_in_a_section_without,
    two_that_wait_for_each_other,
    two_that_wait_for_each_other_without,
    one_that_waits_for_another,
    each_waits_for_the_next,
    lock_over_a_wait,
    lock_over_a_wait_without,
    lock_over_a_wait_for_any,
    lock_over_a_look_at_any,
    lock_in_a_signal,
);

/// The domain of this name, or none at all.
fn domain(name: &CStr, with: bool) -> Result<Option<SignallingDomain>> {
    with.then(|| SignallingDomain::new(name)).transpose()
}

/// A section of the domain, if there is one.
fn section<R>(domain: Option<SignallingDomain>, f: impl FnOnce(&SignallingSection<'_>) -> R) -> R {
    match domain {
        Some(domain) => domain.signalling(f),
        None => signalling(f),
    }
}

/// A wait in the domain, if there is one.
fn wait(domain: Option<SignallingDomain>) -> FenceWait {
    match domain {
        Some(domain) => FenceWait::new().domain(domain),
        None => FenceWait::new(),
    }
}

fn waits_in_section(with: bool) -> Result {
    let domain = domain(c"misuse_domain", with)?;

    section(domain, |_| {
        wait(domain).allow_in_signalling().wait(&Fence::stub())
    })?;
    Ok(())
}

fn wait_in_a_section() -> Result {
    waits_in_section(true)
}

fn wait_in_a_section_without() -> Result {
    waits_in_section(false)
}

fn wait_for_each_other(with: bool) -> Result {
    let a = domain(c"misuse_domain_a", with)?;
    let b = domain(c"misuse_domain_b", with)?;

    section(a, |_| wait(b).allow_in_signalling().wait(&Fence::stub()))?;
    section(b, |_| wait(a).allow_in_signalling().wait(&Fence::stub()))?;
    Ok(())
}

fn two_that_wait_for_each_other() -> Result {
    wait_for_each_other(true)
}

fn two_that_wait_for_each_other_without() -> Result {
    wait_for_each_other(false)
}

/// And for nobody else.
fn one_that_waits_for_another() -> Result {
    let a = domain(c"misuse_domain_a", true)?;
    let b = domain(c"misuse_domain_b", true)?;

    section(a, |_| wait(b).allow_in_signalling().wait(&Fence::stub()))?;
    wait(a).wait(&Fence::stub())?;
    wait(b).wait(&Fence::stub())?;
    Ok(())
}

/// The last one for nobody. A wait is also one for any fence at all, which must not put
/// the domains into another order.
fn each_waits_for_the_next() -> Result {
    let a = domain(c"misuse_domain_a", true)?;
    let b = domain(c"misuse_domain_b", true)?;
    let c = domain(c"misuse_domain_c", true)?;
    let fence = Fence::stub();

    for (from, to) in [(a, b), (b, c), (a, c), (c, None)] {
        section(from, |_| wait(to).allow_in_signalling().wait(&fence))?;
        section(from, |_| {
            wait(to)
                .allow_in_signalling()
                .timeout(Delta::ZERO)
                .wait_any(&[&fence])
        })?;
    }
    Ok(())
}

/// A lock that is taken in a section, and held over `wait`.
fn lock_over(with: bool, wait_for: impl FnOnce(Option<SignallingDomain>) -> Result) -> Result {
    let domain = domain(c"misuse_domain", with)?;
    let lock = mutex!()?;

    section(domain, |_| drop(lock.lock()));
    let _guard = lock.lock();
    wait_for(domain)
}

fn lock_over_one(with: bool) -> Result {
    lock_over(with, |domain| {
        wait(domain).wait(&Fence::stub())?;
        Ok(())
    })
}

/// The core finds it, too.
fn lock_over_a_wait() -> Result {
    lock_over_one(true)
}

fn lock_over_a_wait_without() -> Result {
    lock_over_one(false)
}

fn lock_over_a_wait_for_any() -> Result {
    lock_over(true, |domain| {
        wait(domain).wait_any(&[&Fence::stub()])?;
        Ok(())
    })
}

fn lock_over_a_look_at_any() -> Result {
    lock_over(true, |domain| {
        wait(domain)
            .timeout(Delta::ZERO)
            .wait_any(&[&Fence::stub()])?;
        Ok(())
    })
}

/// The fences of a context signal in sections of its domain, so what a callback takes is
/// taken there.
fn lock_in_a_signal() -> Result {
    let domain = SignallingDomain::new(c"misuse_domain")?;
    let options = ContextOptions::new().domain(domain);
    let context = FenceContext::with_options(c"misuse", c"domain", options, Mock)?;
    let lock = spinlock()?;

    signal_with(next(&context)?, Locks(lock.clone()))?;
    let _guard = lock.lock();
    FenceWait::new().domain(domain).wait(&Fence::stub())?;
    Ok(())
}
