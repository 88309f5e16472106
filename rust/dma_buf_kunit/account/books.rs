// SPDX-License-Identifier: GPL-2.0

//! The books: what was made and what came back, and what must not happen.

use crate::prelude::*;
use kernel::fmt;

/// Two counts that are equal in the end.
pub(crate) struct Account {
    name: &'static str,
    sides: [&'static str; 2],
    counts: [Atomic<u64>; 2],
}

impl Account {
    const fn new(name: &'static str, sides: [&'static str; 2]) -> Self {
        Self {
            name,
            sides,
            counts: [const { Atomic::new(0) }; 2],
        }
    }

    /// Counts what is made. Returns the count before.
    pub(crate) fn make(&self) -> u64 {
        self.counts[0].fetch_add(1, Relaxed)
    }

    pub(crate) fn make_several(&self, count: u64) {
        self.counts[0].add(count, Relaxed);
    }

    /// Counts what comes back.
    pub(crate) fn take_back(&self) {
        self.counts[1].add(1, Relaxed);
    }

    pub(crate) fn made(&self) -> u64 {
        self.counts[0].load(Relaxed)
    }

    fn is_even(&self) -> bool {
        self.made() == self.counts[1].load(Relaxed)
    }
}

macro_rules! accounts {
    ($($name:ident: $text:literal, $made:literal, $back:literal;)*) => {
        $(pub(crate) static $name: Account = Account::new($text, [$made, $back]);)*

        static ACCOUNTS: &[&Account] = &[$(&$name),*];
    };
}

// The rows from SUCCESS on compare what those who complete fences were told with what the
// callbacks on the fences saw.
accounts! {
    FENCES: "fences", "made", "signalled";
    JOBS: "fences' owners", "made", "settled";
    SUCCESS: "one by one, with success", "told", "seen";
    FAILURE: "one by one, with an error", "told", "seen";
    BATCH_SUCCESS: "in batches, with success", "told", "seen";
    BATCH_FAILURE: "in batches, with an error", "told", "seen";
    EXPIRED: "by a timeout", "told", "seen";
    CONTAINERS: "arrays, chains and merges", "made", "signalled";
    CALLS: "calls of callbacks", "made", "come back";
    CALLBACKS: "callbacks", "made", "dropped";
    CONTEXTS: "contexts", "made", "dropped";
    DATA: "fences' data", "made", "dropped";
    BUFFERS: "reservation objects", "made", "dropped";
    REFERENCES: "fences kept to the end", "kept", "alone";
}

/// How often something has happened.
pub(crate) struct Tally {
    name: &'static str,
    count: Atomic<u64>,
}

impl Tally {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            count: Atomic::new(0),
        }
    }

    pub(crate) fn add(&self) {
        self.count.add(1, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.count.load(Relaxed)
    }
}

macro_rules! tallies {
    ($all:ident; $($name:ident: $text:literal;)*) => {
        $(pub(crate) static $name: Tally = Tally::new($text);)*

        static $all: &[&Tally] = &[$(&$name),*];
    };
}

tallies! {
    FAULTS;
    NEVER: "fences that never signalled";
    UNSEEN: "fences that signalled without a call of their callback";
    TWICE: "callbacks that were called twice";
    CANCELLED_BUT_CALLED: "callbacks of which cancelling said something else";
    DISORDER: "fences out of their context's order";
    WRONG_RESULT: "fences with a result that they were not given";
    LEFT_BEHIND: "batches that left fences behind";
    STUCK: "contexts whose fences were all done but not signalled";
    EARLY: "fences pending when what contains them had signalled";
}

tallies! {
    REMARKS;
    ASKED: "fences found done by asking";
    GIVEN_UP: "fences cancelled as context or handle was dropped";
    DROPPED: "fences dropped unsignalled";
    REFUSED: "callbacks that came too late";
    CANCELLED: "callbacks cancelled before their fence signalled";
    PROXIES: "fences that follow another";
    WAITS: "waits";
    FILES: "sync_files";
    SETS: "sets of reservation objects locked";
}

/// Begins anew.
pub(crate) fn open() {
    for account in ACCOUNTS {
        for count in &account.counts {
            count.store(0, Relaxed);
        }
    }
    for tallies in [FAULTS, REMARKS] {
        for tally in tallies {
            tally.count.store(0, Relaxed);
        }
    }
}

/// Returns `true` if all came back, and nothing happened that must not.
pub(crate) fn are_even() -> bool {
    ACCOUNTS.iter().all(|account| account.is_even()) && FAULTS.iter().all(|fault| fault.get() == 0)
}

/// Adds a line to the results of the current test.
fn print(line: fmt::Arguments<'_>) {
    // SAFETY: The test is the current one, which stays. `%pA` takes a pointer to arguments.
    unsafe {
        let test = bindings::kunit_get_current_test();

        if !test.is_null() {
            bindings::kunit_log_append(
                (*test).log,
                c"    # account: %pA\n".as_char_ptr(),
                core::ptr::from_ref(&line).cast::<c_void>(),
            );
        }
    }
}

/// Prints all of it, and what does not agree.
pub(crate) fn show() {
    for account in ACCOUNTS {
        print(fmt!(
            "{:<26} {:>10} {:<4} {:>10} {:<9}{}",
            account.name,
            account.made(),
            account.sides[0],
            account.counts[1].load(Relaxed),
            account.sides[1],
            if account.is_even() { "" } else { " NOT EVEN" },
        ));
    }
    for fault in FAULTS {
        let mark = if fault.get() == 0 { "" } else { " NOT ZERO" };

        print(fmt!("{:<58} {:>10}{}", fault.name, fault.get(), mark));
    }
    for remark in REMARKS {
        print(fmt!("{:<58} {:>10}", remark.name, remark.get()));
    }
}

/// Something that is counted as long as it exists.
pub(crate) struct Token(&'static Account);

impl Token {
    pub(crate) fn new(account: &'static Account) -> Self {
        account.make();
        Self(account)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.take_back();
    }
}
