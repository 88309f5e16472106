// SPDX-License-Identifier: GPL-2.0

//! What most suites use of the library, of the kernel, and of the fixtures.

pub(crate) use crate::{
    contract::{
        crew::{
            Actor,
            Stage, //
        },
        side::Side, //
    },
    fixture::{
        self,
        device::{
            device,
            job, //
        },
        eventually,
        fences::{
            bound,
            fence,
            has_leaves,
            is_same,
            leaves,
            length,
            references,
            Asked,
            Chain,
            Fences,
            Random, //
        },
        foreign::Shape,
        holds_lock,
        interrupted,
        is_silent,
        jiffies,
        job::{
            unmapped,
            Shrinking,
            Waits,
            RESV, //
        },
        long,
        next,
        not_before,
        objects::{
            add,
            holds,
            object,
            objects,
            set,
            with,
            Fickle,
            Holder, //
        },
        once,
        race::{
            duration,
            ensure,
            possible,
            race,
            spin_until,
            Batch, //
        },
        raw::foreign_waiting,
        reclaim::{
            self,
            frees,
            Notifier,
            Page,
            Shrinker, //
        },
        registration,
        shapes::{
            each,
            RINGS, //
        },
        skip,
        thread::Thread,
        trace,
        until_asleep,
        worker,
        workqueue::stay_on,
        Count,
        Counter,
        Droppable,
        Mock,
        Trace, //
    }, //
};
pub(crate) use core::{
    mem::{
        forget,
        ManuallyDrop, //
    },
    ptr::NonNull, //
};
pub(crate) use dma_buf::{
    array::FenceArray,
    callback::{
        CallbackError,
        Cancelled,
        Complete,
        FenceCallback,
        FenceCallbackRegistration, //
    },
    chain::{
        FenceChain,
        FenceChainAllocation, //
    },
    delegate::{
        Delegate,
        FenceProxy,
        FenceProxyAllocation,
        IrqWork,
        Timer,
        WeakRef, //
    },
    lockdep::{
        LockClass,
        SignallingDomain, //
    },
    resv::{
        HasResv,
        Resv,
        ResvGuard,
        ResvSet,
        ResvUsage, //
    },
    signalling,
    unwrap::{
        dedup_array,
        unwrap_merge, //
    },
    ContextNumbers,
    ContextOptions,
    DriverFence,
    Fence,
    FenceContext,
    FenceContextOps,
    FenceStatus,
    FenceWait,
    Leaf,
    RcuFence,
    SignalOutcome,
    SignallingSection,
    SyncFile,
    UnwrappedFence,
    WaitError, //
};
pub(crate) use kernel::{
    alloc::flags::__GFP_NOWARN,
    bindings,
    error::from_err_ptr,
    ffi::{
        c_int,
        c_void, //
    },
    interrupt::local_interrupt_disable,
    new_mutex,
    new_spinlock,
    new_spinlock_irq,
    prelude::*,
    seq_file::SeqFile,
    str::{
        CStrExt,
        CString, //
    },
    sync::{
        aref::ARef,
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed,
            Release, //
        },
        rcu,
        Arc,
        Completion,
        Mutex,
        SpinLock,
        SpinLockIrq, //
    },
    task::Task,
    time::{
        delay::fsleep,
        msecs_to_jiffies,
        Delta,
        Instant,
        Monotonic, //
    }, //
};
