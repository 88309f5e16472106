/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * vfence: a virtual device for tests. Its jobs only take time and signal fences.
 *
 * Open /dev/vfence, submit a job, and you have a fence, as a sync_file (linux/sync_file.h),
 * which is close-on-exec. This job takes 20 ms:
 *
 *	int dev = open("/dev/vfence", O_RDWR);
 *	struct vfence_submit job = { .delay_ns = 20000000 };
 *	ioctl(dev, VFENCE_IOC_SUBMIT, &job);
 *	poll(&(struct pollfd){ .fd = job.fd, .events = POLLIN }, 1, -1);
 *
 * Timelines
 *
 * Each open file is a timeline of its own, of one of three kinds:
 *
 * - ORDERED: jobs whose fences signal in the order in which the jobs were submitted. All jobs
 *   run at the same time. A job that is done before an earlier one keeps its result and signals
 *   in its turn. This is the default.
 * - UNORDERED: jobs whose fences signal as the jobs are done. Each has a fence context of its
 *   own.
 * - POINTS: what sw_sync is. User space picks the numbers of the fences, and increments a
 *   counter, which signals them.
 *
 * VFENCE_IOC_SETUP picks the kind. Without it, the first ioctl that is only for jobs makes the
 * timeline ORDERED, and the first that is only for points makes it one of POINTS, if that ioctl
 * succeeds. An ioctl for another kind than the timeline's fails with EINVAL.
 *
 * When a fence signals
 *
 * - A job signals when its delay is over, or VFENCE_IOC_SIGNAL completes it, or
 *   VFENCE_IOC_RESET cancels it. All this happens in the device's interrupt, as with a GPU.
 * - No fence stays pending for longer than the bound (10 s, or the module parameter bound_ms).
 *   Then it signals with ETIME, and so do all fences before it, but for those of UNORDERED
 *   timelines. It takes 1 ms or more for each 256 fences that are late together.
 * - Closing the file signals with ENOENT what is pending. If more than 4096 fences are left after
 *   100 ms, the device goes on with that after close() has returned.
 *
 * Errors
 *
 * Each ioctl may fail with
 *
 * - EINVAL: an unknown flag, a value that is not described here, or padding or an unused field
 *   that is not 0;
 * - E2BIG, if the structure is longer than the one here and has something else than 0 in the
 *   rest. Structures may grow: their size is part of the ioctl's number, and the device takes
 *   each size from the one here on;
 * - EFAULT, ENOMEM, and, if it makes a descriptor, EMFILE;
 * - EINTR, if it waits for another thread's ioctl on the same file and a signal comes;
 * - ENOTTY: there is no such ioctl.
 *
 * An ioctl that fails has changed nothing, its argument included. (Only if a part of the
 * argument cannot be written, the rest may have been.)
 */
#ifndef _UAPI_LINUX_VFENCE_H
#define _UAPI_LINUX_VFENCE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VFENCE_IOC_MAGIC	0xEF

/* vfence_info.version: the version of this header. */
#define VFENCE_VERSION		2

/* The most descriptors in an array of them, such as vfence_submit.in_fences. */
#define VFENCE_MAX_FDS		256

/*
 * The most fences behind a descriptor that the device makes, or pending on a dma-buf that it adds
 * fences to. A fence that is in an array or a chain several times counts each time.
 */
#define VFENCE_MAX_LEAVES	4096

/* The size of a timeline's name, with its NUL. */
#define VFENCE_NAME_LEN		32

/**
 * struct vfence_info - limits of the device
 * @flags: in: must be 0
 * @version: out: VFENCE_VERSION of the device
 * @bound_ns: out: how long a fence may be pending, in ns (module parameter bound_ms)
 * @max_delay_ns: out: the longest vfence_submit.delay_ns. It may be above the bound, which then
 *	comes first.
 * @max_fds: out: VFENCE_MAX_FDS of the device
 * @max_leaves: out: VFENCE_MAX_LEAVES of the device
 * @max_fences: out: the most pending fences of one file, and the most descriptors in
 *	vfence_submit.in_fences of all jobs together that are not complete (module parameter
 *	max_fences)
 * @max_contexts: out: the most fence contexts of all files together (module parameter
 *	max_contexts). A used timeline counts as one, and so does each pending job of an UNORDERED
 *	one.
 *
 * What exceeds max_fences or max_contexts fails with ENOSPC. For any timeline:
 *
 *	struct vfence_info info = {};
 *	ioctl(dev, VFENCE_IOC_INFO, &info);
 *	printf("a fence signals within %llu ns\n", info.bound_ns);
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

#define VFENCE_IOC_INFO		_IOWR(VFENCE_IOC_MAGIC, 0x02, struct vfence_info)

/* The kinds of timelines. An unused timeline has none yet. */
#define VFENCE_KIND_UNUSED	0
#define VFENCE_KIND_ORDERED	1
#define VFENCE_KIND_UNORDERED	2
#define VFENCE_KIND_POINTS	3

/**
 * struct vfence_setup - the kind and the name of a timeline
 * @flags: in: must be 0
 * @kind: in: VFENCE_KIND_*, but not UNUSED
 * @name: in: printable ASCII, and NULs to the end. If it is empty, the timeline has the name of
 *	the process, as without this ioctl. A fence shows it until it has signalled; then, as with
 *	any driver, its driver is "detached-driver" and its timeline "signaled-timeline".
 *
 * Fails with EBUSY if the timeline has a kind.
 *
 *	struct vfence_setup setup = { .kind = VFENCE_KIND_UNORDERED, .name = "copies" };
 *	ioctl(dev, VFENCE_IOC_SETUP, &setup);
 *	// jobs on dev do not wait for each other from here on
 */
struct vfence_setup {
	__u32	flags;
	__u32	kind;
	char	name[VFENCE_NAME_LEN];
};

#define VFENCE_IOC_SETUP	_IOW(VFENCE_IOC_MAGIC, 0x03, struct vfence_setup)

/* The job runs until VFENCE_IOC_SIGNAL completes it. delay_ns must be 0. */
#define VFENCE_SUBMIT_MANUAL	(1U << 0)
/*
 * The job fails with the error of an in-fence, if one has signalled with an error when the job
 * completes: the first such one in the array. That comes before vfence_submit.error. A chain has
 * no error.
 */
#define VFENCE_SUBMIT_IN_ERROR	(1U << 1)

/* vfence_submit.fd is a sync_file of the job's fence, */
#define VFENCE_OUT_FENCE	0
/* of a link of a chain with that fence in it, or */
#define VFENCE_OUT_CHAIN	1
/* of an array with that fence as its last member. */
#define VFENCE_OUT_ARRAY	2

/**
 * struct vfence_submit - submit a job
 * @flags: in: VFENCE_SUBMIT_*
 * @error: in: 0, or the negative error code (from -4095) that the job fails with
 * @delay_ns: in: how long the job runs, in ns of CLOCK_MONOTONIC
 * @in_fences: in: pointer to an array of __s32: sync_files that the job waits for before it runs.
 *	Must be 0 if in_count is 0.
 * @in_count: in: their number, up to VFENCE_MAX_FDS
 * @out: in: VFENCE_OUT_*
 * @point: in: with VFENCE_OUT_CHAIN, the link's point on the chain's timeline. Otherwise 0.
 * @out_fences: in: with VFENCE_OUT_ARRAY, pointer to an array of __s32: sync_files of the other
 *	members. A container is replaced by what is in it. An array of one fence is that fence.
 *	Must be 0 if out_count is 0.
 * @out_count: in: with VFENCE_OUT_ARRAY, their number, up to VFENCE_MAX_FDS. Otherwise 0.
 * @chain_fd: in: with VFENCE_OUT_CHAIN, a sync_file of the chain's tail, or -1 to begin a chain;
 *	see struct vfence_chain. Otherwise 0.
 * @seqno: out: the number of the job on its timeline, from 1, which is also its fence's
 * @context: out: the context of the job's fence
 * @fd: out: the sync_file
 * @pad: in: must be 0
 *
 * A job runs from when all its in-fences have signalled, whatever other jobs of the timeline do.
 *
 * For ORDERED and UNORDERED timelines. Fails with EINVAL for a descriptor that is no sync_file,
 * E2BIG if the chain or array would have more than VFENCE_MAX_LEAVES fences, or the in-fences of
 * the job have, and ENOSPC (see struct vfence_info).
 *
 *	int before[] = { first.fd, second.fd };
 *	struct vfence_submit job = { .in_fences = (uintptr_t)before, .in_count = 2, .error = -EIO };
 *	ioctl(dev, VFENCE_IOC_SUBMIT, &job);
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

#define VFENCE_IOC_SUBMIT	_IOWR(VFENCE_IOC_MAGIC, 0x00, struct vfence_submit)

/*
 * Complete only this job, not those before it. On an ORDERED timeline its fence signals when all
 * before it have.
 */
#define VFENCE_SIGNAL_ONE	(1U << 0)
/* Return before the jobs are complete, which they are soon. */
#define VFENCE_SIGNAL_NOWAIT	(1U << 1)

/**
 * struct vfence_signal - complete jobs by hand
 * @seqno: in: the number of the last job to complete
 * @flags: in: VFENCE_SIGNAL_*
 * @pad: in: must be 0
 *
 * Completes all jobs up to this one, whatever they wait for, and with the errors that they were
 * submitted with. When the ioctl returns, they have signalled. A job that is complete is left
 * alone, also one that the bound has completed.
 *
 * For ORDERED and UNORDERED timelines. Fails with EINVAL for a number that was not given out, or
 * 0 with VFENCE_SIGNAL_ONE, and with EIO if the timeline hangs. If it comes to hang while the ioctl
 * waits, some of the jobs may be complete.
 *
 *	struct vfence_submit job = { .flags = VFENCE_SUBMIT_MANUAL };
 *	ioctl(dev, VFENCE_IOC_SUBMIT, &job);
 *	ioctl(dev, VFENCE_IOC_SIGNAL, &(struct vfence_signal){ .seqno = job.seqno });
 */
struct vfence_signal {
	__u64	seqno;
	__u32	flags;
	__u32	pad;
};

#define VFENCE_IOC_SIGNAL	_IOW(VFENCE_IOC_MAGIC, 0x01, struct vfence_signal)

/**
 * struct vfence_hang - make a timeline hang, as a GPU does
 * @flags: in: must be 0
 * @pad: in: must be 0
 *
 * The timeline takes jobs and runs them, but completes none of them, until VFENCE_IOC_RESET or the
 * bound comes. When the ioctl returns, this is so. A timeline that hangs already goes on to.
 *
 * For ORDERED and UNORDERED timelines.
 *
 *	ioctl(dev, VFENCE_IOC_HANG, &(struct vfence_hang){});
 *	ioctl(dev, VFENCE_IOC_SUBMIT, &job);
 *	// job.fd does not signal, although the delay is over
 */
struct vfence_hang {
	__u32	flags;
	__u32	pad;
};

#define VFENCE_IOC_HANG		_IOW(VFENCE_IOC_MAGIC, 0x04, struct vfence_hang)

/**
 * struct vfence_reset - cancel all jobs, as a GPU's reset does
 * @error: in: -ETIME or -ECANCELED
 * @flags: in: must be 0
 *
 * Completes all pending jobs with this error, in order. A job that was done and waited for its
 * turn keeps its own result. When the ioctl returns, they have signalled. The timeline does not
 * hang any more.
 *
 * For ORDERED and UNORDERED timelines.
 *
 *	ioctl(dev, VFENCE_IOC_HANG, &(struct vfence_hang){});
 *	ioctl(dev, VFENCE_IOC_SUBMIT, &job);
 *	ioctl(dev, VFENCE_IOC_RESET, &(struct vfence_reset){ .error = -ETIME });
 */
struct vfence_reset {
	__s32	error;
	__u32	flags;
};

#define VFENCE_IOC_RESET	_IOW(VFENCE_IOC_MAGIC, 0x05, struct vfence_reset)

/* vfence_query.state: the timeline hangs. */
#define VFENCE_STATE_HANGING	(1U << 0)

/**
 * struct vfence_query - the state of a timeline
 * @flags: in: must be 0
 * @kind: out: VFENCE_KIND_*
 * @state: out: VFENCE_STATE_*
 * @pad: in: must be 0
 * @context: out: the context of the fences; 0 if the timeline is UNORDERED or unused
 * @value: out: all jobs up to this number are complete; of POINTS, the counter, which does not
 *	wrap here
 * @last: out: the highest number that was given out, or point that was made
 * @pending: out: how many fences are pending
 *
 * For any timeline, which it does not change.
 *
 *	struct vfence_query state = {};
 *	ioctl(dev, VFENCE_IOC_QUERY, &state);
 *	printf("%llu of %llu jobs are pending\n", state.pending, state.last);
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

#define VFENCE_IOC_QUERY	_IOWR(VFENCE_IOC_MAGIC, 0x08, struct vfence_query)

/* An array of all the fences, signalled ones included. */
#define VFENCE_COMBINE_ARRAY	0
/* Only the latest pending fence of each context, as SYNC_IOC_MERGE does it. */
#define VFENCE_COMBINE_MERGE	1

/**
 * struct vfence_combine - make one fence of several
 * @fences: in: pointer to an array of __s32: sync_files. A container is replaced by what is in it.
 * @count: in: their number, from 1 to VFENCE_MAX_FDS
 * @how: in: VFENCE_COMBINE_*
 * @flags: in: must be 0
 * @fd: out: a sync_file. If one fence is left, it is a sync_file of that.
 *
 * The sync_files may be of any driver. For any timeline, which it does not change. Fails with
 * EINVAL for a descriptor that is no sync_file, and E2BIG for more than VFENCE_MAX_LEAVES fences.
 *
 *	int both[] = { first.fd, second.fd };
 *	struct vfence_combine all = { .fences = (uintptr_t)both, .count = 2 };
 *	ioctl(dev, VFENCE_IOC_COMBINE, &all);
 */
struct vfence_combine {
	__u64	fences;
	__u32	count;
	__u32	how;
	__u32	flags;
	__s32	fd;
};

#define VFENCE_IOC_COMBINE	_IOWR(VFENCE_IOC_MAGIC, 0x06, struct vfence_combine)

/**
 * struct vfence_chain - append a fence to a chain
 * @point: in: the point on the chain's timeline
 * @tail: in: a sync_file of what comes before, or -1 for nothing. If it is no link, or the point
 *	is not above its point, a new timeline begins with this link, which waits for it all the
 *	same. The link's number is the higher one of both points.
 * @fence: in: a sync_file of the fence. Of a chain, what is pending in it is taken.
 * @flags: in: must be 0
 * @fd: out: a sync_file of the new link
 *
 * The sync_files may be of any driver. For any timeline, which it does not change. Fails with
 * EINVAL for a descriptor that is no sync_file, and E2BIG for more than VFENCE_MAX_LEAVES fences.
 *
 *	struct vfence_chain link = { .point = 1, .tail = -1, .fence = first.fd };
 *	ioctl(dev, VFENCE_IOC_CHAIN, &link);
 *	ioctl(dev, VFENCE_IOC_CHAIN, &(struct vfence_chain){ 2, link.fd, second.fd });
 */
struct vfence_chain {
	__u64	point;
	__s32	tail;
	__s32	fence;
	__u32	flags;
	__s32	fd;
};

#define VFENCE_IOC_CHAIN	_IOWR(VFENCE_IOC_MAGIC, 0x07, struct vfence_chain)

/*
 * What the work of a fence does to a dma-buf: enum dma_resv_usage. A task that asks for one usage
 * waits for those above it in this list, too.
 */
#define VFENCE_USAGE_KERNEL	0U	/* moves, clears or evicts it: all others wait */
#define VFENCE_USAGE_WRITE	1U	/* writes to it: readers and writers wait */
#define VFENCE_USAGE_READ	2U	/* reads from it: writers wait */
#define VFENCE_USAGE_BOOKKEEP	3U	/* uses it otherwise: only a move waits */

/**
 * struct vfence_attach - add a fence to a dma-buf
 * @dmabuf_fd: in: the dma-buf
 * @fence_fd: in: the sync_file
 * @usage: in: VFENCE_USAGE_*
 * @flags: in: must be 0
 *
 * Both may be of any driver. What a container has in it is added fence by fence, all or none. A
 * fence replaces an earlier one of its context with the same usage or one below it in the list.
 *
 * For any timeline, which it does not change. Fails with EBADF if dmabuf_fd is not open, EINVAL if
 * it is no dma-buf or fence_fd no sync_file, E2BIG if more than VFENCE_MAX_LEAVES fences would be
 * pending on the dma-buf, and EINTR.
 *
 *	struct vfence_attach write = { dmabuf, job.fd, VFENCE_USAGE_WRITE };
 *	ioctl(dev, VFENCE_IOC_ATTACH, &write);
 *	poll(&(struct pollfd){ .fd = dmabuf, .events = POLLIN }, 1, -1);	// waits for the job
 */
struct vfence_attach {
	__s32	dmabuf_fd;
	__s32	fence_fd;
	__u32	usage;
	__u32	flags;
};

#define VFENCE_IOC_ATTACH	_IOW(VFENCE_IOC_MAGIC, 0x10, struct vfence_attach)

/**
 * struct vfence_resv - how many fences of a dma-buf are pending
 * @dmabuf_fd: in: the dma-buf, of any driver
 * @usage: in: VFENCE_USAGE_*
 * @flags: in: must be 0
 * @pending: out: how many have this usage, or one above it in the list
 * @counts: out: how many have each usage, by its number
 *
 * For any timeline, which it does not change. Fails as VFENCE_IOC_ATTACH does.
 *
 *	struct vfence_resv resv = { .dmabuf_fd = dmabuf, .usage = VFENCE_USAGE_READ };
 *	ioctl(dev, VFENCE_IOC_RESV, &resv);
 *	printf("a writer waits for %u fences\n", resv.pending);
 */
struct vfence_resv {
	__s32	dmabuf_fd;
	__u32	usage;
	__u32	flags;
	__u32	pending;
	__u32	counts[4];
};

#define VFENCE_IOC_RESV		_IOWR(VFENCE_IOC_MAGIC, 0x11, struct vfence_resv)

/*
 * sw_sync's ioctls, with its numbers and answers, for programs that are written for sw_sync.
 */
#define VFENCE_SW_SYNC_MAGIC	'W'

/**
 * struct vfence_sw_sync_create - make a fence for a point
 * @value: in: the point: of all that have these 32 bits, the one nearest to the counter
 * @name: in: not used
 * @fence: out: a sync_file
 *
 * If the counter has passed the point, or the bound has completed it, the fence has signalled. If
 * a fence for the point is pending, it is that one, with what is left of its time.
 *
 * For timelines of POINTS. Fails with ENOSPC if too many fences are pending. A fence counts until
 * it has signalled, also when all its descriptors are closed.
 *
 *	struct vfence_sw_sync_create point = { .value = 5 };
 *	ioctl(dev, VFENCE_IOC_SW_SYNC_CREATE, &point);
 *	ioctl(dev, VFENCE_IOC_SW_SYNC_INC, &(__u32){ 5 });	// point.fence has signalled
 */
struct vfence_sw_sync_create {
	__u32	value;
	char	name[32];
	__s32	fence;
};

#define VFENCE_IOC_SW_SYNC_CREATE	_IOWR(VFENCE_SW_SYNC_MAGIC, 0, \
					      struct vfence_sw_sync_create)

/*
 * Adds to the counter. When the ioctl returns, the points that the counter has passed have
 * signalled. For timelines of POINTS.
 */
#define VFENCE_IOC_SW_SYNC_INC		_IOW(VFENCE_SW_SYNC_MAGIC, 1, __u32)

/**
 * struct vfence_sw_sync_deadline - ask for the deadline of a fence
 * @deadline_ns: in: must be 0; out: the earliest deadline that SYNC_IOC_SET_DEADLINE has set
 * @pad: in: must be 0
 * @fence_fd: in: a sync_file of one fence of this device, of any timeline, pending or signalled
 *
 * For any timeline, which it does not change. Fails with EINVAL for another fence, and ENOENT if
 * the fence has no deadline.
 *
 *	ioctl(job.fd, SYNC_IOC_SET_DEADLINE, &(struct sync_set_deadline){ .deadline_ns = 1000 });
 *	struct vfence_sw_sync_deadline deadline = { .fence_fd = job.fd };
 *	ioctl(dev, VFENCE_IOC_SW_SYNC_DEADLINE, &deadline);
 */
struct vfence_sw_sync_deadline {
	__u64	deadline_ns;
	__u32	pad;
	__s32	fence_fd;
};

#define VFENCE_IOC_SW_SYNC_DEADLINE	_IOWR(VFENCE_SW_SYNC_MAGIC, 2, \
					      struct vfence_sw_sync_deadline)

#endif /* _UAPI_LINUX_VFENCE_H */
