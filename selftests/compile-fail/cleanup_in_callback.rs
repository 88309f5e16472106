// SPDX-License-Identifier: GPL-2.0

//! A callback queues what runs in a section, and no cleanup.

use dma_buf::{
    callback::QueueWork,
    delegate::{
        Cleanup,
        CleanupWork,
        Delegate,
        Work, //
    },
    SignallingSection, //
};

struct Item;

impl Delegate for Item {
    fn run(&self, _section: &SignallingSection<'_>) {}
}

impl Cleanup for Item {
    fn run(&self) {}
}

#[cfg(fault)]
type Queued = CleanupWork<Item>;
#[cfg(not(fault))]
type Queued = Work<Item>;

fn case(work: &Queued) -> QueueWork {
    let _ = CleanupWork::<Item>::flush;

    QueueWork(work.to_ref()) //~ E0599 no method named `to_ref` found
}
