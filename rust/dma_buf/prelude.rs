// SPDX-License-Identifier: GPL-2.0

//! What most files of this crate use, of the kernel and of the crate itself.

pub(crate) use crate::{
    bindings,
    fence::Fence, //
};
pub(crate) use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::Deref,
    ptr::NonNull, //
};
pub(crate) use kernel::{
    container_of,
    prelude::*,
    sync::{
        aref::{
            ARef,
            AlwaysRefCounted, //
        },
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed,
            Release, //
        },
        rcu,
        Arc,
        SpinLockIrq, //
    },
    time::{
        Delta,
        Instant,
        Monotonic, //
    },
    types::{
        NotThreadSafe,
        Opaque, //
    }, //
};
