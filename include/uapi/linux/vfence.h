/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * vfence: a virtual device whose jobs do nothing but take time and signal
 * fences. It is for tests.
 *
 * An open file of /dev/vfence is a timeline, of one of three kinds; user space
 * gets the fences on it as sync_files (see linux/sync_file.h), close-on-exec.
 *
 * - ORDERED, unless something else is asked for: jobs, whose fences signal in
 *   the order in which they were submitted. A job that is done earlier keeps
 *   its result and signals in its turn.
 * - UNORDERED: jobs, each with a fence in a context of its own, which signal as
 *   they are done.
 * - POINTS: what sw_sync is. The fences stand for numbers that user space picks,
 *   and signal as it increments a counter.
 *
 * A timeline's kind is set by VFENCE_IOC_SETUP, or else by the first ioctl that
 * succeeds and is for some kinds only. One that is for another kind fails with
 * -EINVAL.
 *
 * No fence is pending for longer than a bound (vfence_info.bound_ns) from its
 * submission, and, where thousands are, some ms: it then completes with -ETIME,
 * and so do all before it on an ordered timeline or one of points. Closing the last
 * descriptor of a file completes what is pending with -ENOENT.
 *
 * Structures may grow. Their size is part of the number of an ioctl, and the
 * device takes any size from that of the first version on: what it does not get
 * is taken for 0, and what it does not know must be 0 (-E2BIG). One that is too
 * small is -EINVAL.
 *
 * Every ioctl fails with -EINVAL for an unknown flag, padding that is not 0, a
 * field that must be 0 and is not, and more descriptors than there may be; with
 * -EFAULT, -ENOMEM, and, where it makes a descriptor, -EMFILE. One that waits for
 * another thread's ioctl on the same file, and gets a signal, is restarted, or fails
 * with -EINTR. An unknown one is -ENOTTY.
 *
 * An ioctl that fails has changed nothing: neither its argument, nor the timeline.
 * SIGNAL that fails with -ETIME is the exception, see there; and of an argument that
 * can be written in part only, a part may be written.
 */
#ifndef _UAPI_LINUX_VFENCE_H
#define _UAPI_LINUX_VFENCE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* vfence_info.version: of what is described here. */
#define VFENCE_VERSION		2

/* How many descriptors vfence_submit.in_fences and the like may name. */
#define VFENCE_MAX_FDS		256

/*
 * How many fences may be behind a descriptor that the device makes, or become pending on a
 * dma-buf that it adds fences to. A fence that is in an array or a chain several times
 * counts each time.
 */
#define VFENCE_MAX_LEAVES	4096

/* Size of a timeline's name, with its NUL. */
#define VFENCE_NAME_LEN		32

/**
 * struct vfence_info - what the device can do (VFENCE_IOC_INFO)
 * @flags: in: must be 0
 * @version: out: VFENCE_VERSION of the device
 * @bound_ns: out: how long a fence may be pending (module parameter bound_ms)
 * @max_delay_ns: out: the longest vfence_submit.delay_ns. It may be above the
 *	bound, which then comes first.
 * @max_fds: out: VFENCE_MAX_FDS of the device
 * @max_leaves: out: VFENCE_MAX_LEAVES of the device
 * @max_fences: out: how many fences may be pending on one file (module parameter
 *	max_fences). One more fails with -ENOSPC. A descriptor in
 *	vfence_submit.in_fences counts, too, until the job is complete.
 * @max_contexts: out: how many contexts may have pending fences, on all files
 *	together (module parameter max_contexts). Each timeline counts as one from its
 *	first use, and so does each pending job of an UNORDERED one. For one more, SETUP,
 *	another first use of a timeline, or SUBMIT fails with -ENOSPC.
 */
struct vfence_info {
	__u32	flags;
	__u32	version;
	__u64	bound_ns;
	__u64	max_delay_ns;
	__u32	max_fds;
	__u32	max_leaves;
	__u32	max_fences;
	__u32	max_contexts;
};

/* The kinds of timelines; UNUSED is one that has no kind yet. */
#define VFENCE_KIND_UNUSED	0
#define VFENCE_KIND_ORDERED	1
#define VFENCE_KIND_UNORDERED	2
#define VFENCE_KIND_POINTS	3

/**
 * struct vfence_setup - give a timeline its kind and name (VFENCE_IOC_SETUP)
 * @flags: in: must be 0
 * @kind: in: VFENCE_KIND_*, but not UNUSED
 * @name: in: its name, printable ASCII, NUL-terminated, NULs behind; empty for
 *	that of the process, as of every timeline that is not set up. Fences show it
 *	until they have signalled.
 *
 * Fails with -EBUSY for a timeline that has a kind.
 */
struct vfence_setup {
	__u32	flags;
	__u32	kind;
	char	name[VFENCE_NAME_LEN];
};

/* The job completes only by VFENCE_IOC_SIGNAL; delay_ns must be 0. */
#define VFENCE_SUBMIT_MANUAL	(1U << 0)
/*
 * If an in-fence has signalled with an error when the job completes, that is the
 * job's, whatever vfence_submit.error is; of several, that of the first in the
 * array. A chain has none.
 */
#define VFENCE_SUBMIT_IN_ERROR	(1U << 1)

/* What vfence_submit.fd stands for: the job's fence; */
#define VFENCE_OUT_FENCE	0
/* a link of a chain, with that fence in it; */
#define VFENCE_OUT_CHAIN	1
/* an array, with that fence as its last member. */
#define VFENCE_OUT_ARRAY	2

/**
 * struct vfence_submit - submit a job (VFENCE_IOC_SUBMIT)
 * @flags: in: VFENCE_SUBMIT_*
 * @error: in: 0, or the negative error code (from -4095) that the job fails with
 * @delay_ns: in: how long the job runs, in ns of CLOCK_MONOTONIC
 * @in_fences: in: pointer to an array of __s32, sync_files that the job waits for
 *	before it runs; must be 0 if there is none
 * @in_count: in: how many, up to VFENCE_MAX_FDS
 * @out: in: VFENCE_OUT_*
 * @point: in: VFENCE_OUT_CHAIN: the point on the chain's timeline. Must be 0
 *	otherwise.
 * @out_fences: in: VFENCE_OUT_ARRAY: pointer to an array of __s32, sync_files
 *	whose fences are the other members; if these are containers, what is in them
 *	is. Must be 0 if there is none, or otherwise. An array of one fence is that
 *	fence.
 * @out_count: in: VFENCE_OUT_ARRAY: how many, up to VFENCE_MAX_FDS. Must be 0
 *	otherwise.
 * @chain_fd: in: VFENCE_OUT_CHAIN: a sync_file of the chain's tail, or -1 to
 *	begin one; see vfence_chain. Must be 0 otherwise.
 * @seqno: out: the job's number on this timeline, from 1; also its fence's
 *	sequence number
 * @context: out: the context of the job's fence
 * @fd: out: a sync_file
 * @pad: in: must be 0
 *
 * A job runs from when all its in-fences have signalled, beside those before it.
 * For ORDERED and UNORDERED timelines.
 *
 * Fails with -EINVAL for a descriptor that is not a sync_file's, -E2BIG for more than
 * VFENCE_MAX_LEAVES fences in the chain or array, -ENOSPC if too many fences or contexts
 * are pending (see vfence_info).
 */
struct vfence_submit {
	__u32	flags;
	__s32	error;
	__u64	delay_ns;
	__u64	in_fences;
	__u32	in_count;
	__u32	out;
	__u64	point;
	__u64	out_fences;
	__u32	out_count;
	__s32	chain_fd;
	__u64	seqno;
	__u64	context;
	__s32	fd;
	__u32	pad;
};

/*
 * Only this one. On an ORDERED timeline it signals when all before it have; on
 * an UNORDERED one, at once.
 */
#define VFENCE_SIGNAL_ONE	(1U << 0)
/* Do not wait for the fences to have signalled, which they will soon. */
#define VFENCE_SIGNAL_NOWAIT	(1U << 1)

/**
 * struct vfence_signal - complete jobs by hand (VFENCE_IOC_SIGNAL)
 * @seqno: in: the number of the last job to complete
 * @flags: in: VFENCE_SIGNAL_*
 * @pad: in: must be 0
 *
 * All jobs up to this one, whatever they wait for, complete as they would by
 * themselves, with the errors that they were submitted with. That happens in
 * interrupt context, and is done when the call returns. What is complete already
 * is left alone.
 *
 * For ORDERED and UNORDERED timelines. Fails with -EINVAL for a number that has
 * not been given out, or 0 with VFENCE_SIGNAL_ONE; with -EIO while the timeline
 * hangs; with -ETIME if the bound has completed the job with this number, but jobs
 * before it that were pending are complete then. Of numbers that are gone, it
 * remembers the last 16 runs of those that the bound has completed.
 */
struct vfence_signal {
	__u64	seqno;
	__u32	flags;
	__u32	pad;
};

/**
 * struct vfence_hang - have a timeline hang (VFENCE_IOC_HANG)
 * @flags: in: must be 0
 * @pad: in: must be 0
 *
 * Jobs are taken and run, but none completes until VFENCE_IOC_RESET, or the
 * bound. For ORDERED and UNORDERED timelines; one that hangs goes on to.
 */
struct vfence_hang {
	__u32	flags;
	__u32	pad;
};

/**
 * struct vfence_reset - reset a timeline (VFENCE_IOC_RESET)
 * @error: in: -ETIME or -ECANCELED
 * @flags: in: must be 0
 *
 * All jobs that are pending complete with this error, in order; those that were
 * done and waited for their turn keep their result. That happens in interrupt
 * context, and is done when the call returns. The timeline does not hang any
 * more. For ORDERED and UNORDERED timelines.
 */
struct vfence_reset {
	__s32	error;
	__u32	flags;
};

/* All fences, each as it is, those that have signalled too: an array. */
#define VFENCE_COMBINE_ARRAY	0
/* Of each context the latest that is pending, as SYNC_IOC_MERGE does it. */
#define VFENCE_COMBINE_MERGE	1

/**
 * struct vfence_combine - make one fence of several (VFENCE_IOC_COMBINE)
 * @fences: in: pointer to an array of __s32, sync_files. Of containers, what is in
 *	them is taken.
 * @count: in: how many, from 1 to VFENCE_MAX_FDS
 * @how: in: VFENCE_COMBINE_*
 * @flags: in: must be 0
 * @fd: out: a sync_file. If one fence is left, it stands for that.
 *
 * On any timeline, which it does not change. Fails with -EINVAL for a descriptor
 * that is not a sync_file's, -E2BIG for more than VFENCE_MAX_LEAVES fences in all.
 */
struct vfence_combine {
	__u64	fences;
	__u32	count;
	__u32	how;
	__u32	flags;
	__s32	fd;
};

/**
 * struct vfence_chain - append to a chain (VFENCE_IOC_CHAIN)
 * @point: in: the point on the chain's timeline
 * @tail: in: a sync_file of what comes before, or -1 if nothing does. If that is
 *	not a link, or its point is not below, a timeline begins with the new link,
 *	which waits for it all the same.
 * @fence: in: a sync_file of what the link is to contain; if that is a chain,
 *	what is in it that is pending
 * @flags: in: must be 0
 * @fd: out: a sync_file of the new link
 *
 * On any timeline, which it does not change. Fails with -EINVAL for a descriptor
 * that is not a sync_file's, -E2BIG for more than VFENCE_MAX_LEAVES fences in all.
 */
struct vfence_chain {
	__u64	point;
	__s32	tail;
	__s32	fence;
	__u32	flags;
	__s32	fd;
};

/* The timeline hangs. */
#define VFENCE_STATE_HANGING	(1U << 0)

/**
 * struct vfence_query - ask for a timeline's state (VFENCE_IOC_QUERY)
 * @flags: in: must be 0
 * @kind: out: VFENCE_KIND_*
 * @state: out: VFENCE_STATE_*
 * @pad: in: must be 0
 * @context: out: the context of its fences; 0 for UNORDERED and UNUSED ones
 * @value: out: jobs: all up to this number are complete. POINTS: the counter, not
 *	wrapped.
 * @last: out: the highest number that was given out, or point that was made
 * @pending: out: how many fences are pending
 *
 * Asking gives an UNUSED timeline no kind.
 */
struct vfence_query {
	__u32	flags;
	__u32	kind;
	__u32	state;
	__u32	pad;
	__u64	context;
	__u64	value;
	__u64	last;
	__u64	pending;
};

/**
 * struct vfence_sw_sync_create - make a fence for a point, as sw_sync does
 *	(VFENCE_IOC_SW_SYNC_CREATE)
 * @value: in: the point. It is the one nearest to the counter with these 32 bits;
 *	if it is not above the counter, or a point that the bound has completed, the
 *	fence has signalled. While a fence is pending for this point, it is that one,
 *	also if nobody has had it meanwhile: its time counts from when it was first made.
 *	A point that nobody has completes those below it, too, when its time is over.
 * @name: in: not used
 * @fence: out: a sync_file
 *
 * For POINTS. Fails with -ENOSPC if too many fences are pending.
 */
struct vfence_sw_sync_create {
	__u32	value;
	char	name[32];
	__s32	fence;
};

/**
 * struct vfence_sw_sync_deadline - ask for a fence's deadline, as sw_sync does
 *	(VFENCE_IOC_SW_SYNC_DEADLINE)
 * @deadline_ns: in: must be 0; out: the earliest deadline that was set
 * @pad: in: must be 0
 * @fence_fd: in: a sync_file with one fence of this device, of any timeline, pending or
 *	signalled
 *
 * On any timeline, which it does not change. Fails with -EINVAL for another fence,
 * -ENOENT if it has no deadline.
 */
struct vfence_sw_sync_deadline {
	__u64	deadline_ns;
	__u32	pad;
	__s32	fence_fd;
};

/*
 * Reservation objects of dma-bufs, of any driver's: what a fence's work does to
 * the buffer. The numbers are those of enum dma_resv_usage: who asks for one is
 * told of those before it, too.
 */
#define VFENCE_USAGE_KERNEL	0U	/* moves, clears or evicts it: all wait */
#define VFENCE_USAGE_WRITE	1U	/* writes to it: readers and writers wait */
#define VFENCE_USAGE_READ	2U	/* reads from it: writers wait */
#define VFENCE_USAGE_BOOKKEEP	3U	/* uses it otherwise: only a move waits */

/**
 * struct vfence_attach - add a fence to a dma-buf
 * @dmabuf_fd: in: the dma-buf
 * @fence_fd: in: a sync_file, of any driver's fence
 * @usage: in: VFENCE_USAGE_*
 * @flags: must be 0
 *
 * What is merged in the sync_file is added fence by fence, all or none. A fence
 * takes the place of an earlier one of its timeline that has the same usage or a
 * later one.
 *
 * Fails with -EBADF if dmabuf_fd is not open; -EINVAL if it is no dma-buf, if
 * fence_fd is no sync_file, or on an unknown usage or flag; -E2BIG if the dma-buf would
 * have more than VFENCE_MAX_LEAVES pending fences; -ENOMEM; -EINTR.
 */
struct vfence_attach {
	__s32	dmabuf_fd;
	__s32	fence_fd;
	__u32	usage;
	__u32	flags;
};

/**
 * struct vfence_resv - how many fences of a dma-buf are pending
 * @dmabuf_fd: in: the dma-buf
 * @usage: in: VFENCE_USAGE_*
 * @flags: must be 0
 * @pending: out: those with this usage, or one before it
 * @counts: out: those with each usage, by its number
 *
 * Fails as VFENCE_IOC_ATTACH does.
 */
struct vfence_resv {
	__s32	dmabuf_fd;
	__u32	usage;
	__u32	flags;
	__u32	pending;
	__u32	counts[4];
};

#define VFENCE_IOC_MAGIC	0xEF

#define VFENCE_IOC_SUBMIT	_IOWR(VFENCE_IOC_MAGIC, 0x00, struct vfence_submit)
#define VFENCE_IOC_SIGNAL	_IOW(VFENCE_IOC_MAGIC, 0x01, struct vfence_signal)
#define VFENCE_IOC_INFO		_IOWR(VFENCE_IOC_MAGIC, 0x02, struct vfence_info)
#define VFENCE_IOC_SETUP	_IOW(VFENCE_IOC_MAGIC, 0x03, struct vfence_setup)
#define VFENCE_IOC_HANG		_IOW(VFENCE_IOC_MAGIC, 0x04, struct vfence_hang)
#define VFENCE_IOC_RESET	_IOW(VFENCE_IOC_MAGIC, 0x05, struct vfence_reset)
#define VFENCE_IOC_COMBINE	_IOWR(VFENCE_IOC_MAGIC, 0x06, struct vfence_combine)
#define VFENCE_IOC_CHAIN	_IOWR(VFENCE_IOC_MAGIC, 0x07, struct vfence_chain)
#define VFENCE_IOC_QUERY	_IOWR(VFENCE_IOC_MAGIC, 0x08, struct vfence_query)
#define VFENCE_IOC_ATTACH	_IOW(VFENCE_IOC_MAGIC, 0x10, struct vfence_attach)
#define VFENCE_IOC_RESV		_IOWR(VFENCE_IOC_MAGIC, 0x11, struct vfence_resv)

/*
 * Those of sw_sync, with its numbers. To increment the counter, which has
 * signalled what it passes when the call returns, is for POINTS.
 */
#define VFENCE_SW_SYNC_MAGIC	'W'

#define VFENCE_IOC_SW_SYNC_CREATE	_IOWR(VFENCE_SW_SYNC_MAGIC, 0, \
					      struct vfence_sw_sync_create)
#define VFENCE_IOC_SW_SYNC_INC		_IOW(VFENCE_SW_SYNC_MAGIC, 1, __u32)
#define VFENCE_IOC_SW_SYNC_DEADLINE	_IOWR(VFENCE_SW_SYNC_MAGIC, 2, \
					      struct vfence_sw_sync_deadline)

#endif /* _UAPI_LINUX_VFENCE_H */
