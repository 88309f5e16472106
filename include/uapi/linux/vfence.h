/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * vfence: a virtual device whose jobs do nothing but take time and signal
 * fences.
 *
 * An open file of /dev/vfence is a timeline. Jobs submitted to it complete in
 * the order of their sequence numbers; each has a fence, which user space gets
 * as a sync_file (see linux/sync_file.h). Closing the file completes what is
 * pending with -ENOENT.
 */
#ifndef _UAPI_LINUX_VFENCE_H
#define _UAPI_LINUX_VFENCE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The job completes only by VFENCE_IOC_SIGNAL; delay_ns must be 0. */
#define VFENCE_SUBMIT_MANUAL	(1U << 0)

/**
 * struct vfence_submit - submit a job
 * @flags: VFENCE_SUBMIT_*
 * @error: in: 0, or the negative error code that the job fails with
 * @delay_ns: in: how long the job runs, in ns of CLOCK_MONOTONIC
 * @seqno: out: the job's sequence number, from 1
 * @fd: out: a sync_file of the job's fence, close-on-exec
 * @pad: must be 0
 *
 * A job runs from its submission, beside those before it; its fence signals once
 * theirs have.
 */
struct vfence_submit {
	__u32	flags;
	__s32	error;
	__u64	delay_ns;
	__u64	seqno;
	__s32	fd;
	__u32	pad;
};

/**
 * struct vfence_signal - complete jobs by hand
 * @seqno: in: the last sequence number to complete
 *
 * From interrupt context, soon: as a device would, not before the call returns.
 * A number that has not been given out yet is an error (-EINVAL).
 */
struct vfence_signal {
	__u64	seqno;
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
 * fence_fd is no sync_file, or on an unknown usage or flag; -E2BIG if the dma-buf
 * would have too many fences (65536); -ENOMEM; -EINTR.
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

#define VFENCE_IOC_ATTACH	_IOW(VFENCE_IOC_MAGIC, 0x10, struct vfence_attach)
#define VFENCE_IOC_RESV		_IOWR(VFENCE_IOC_MAGIC, 0x11, struct vfence_resv)

#endif /* _UAPI_LINUX_VFENCE_H */
