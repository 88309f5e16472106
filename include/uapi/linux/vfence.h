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

#define VFENCE_IOC_MAGIC	0xEF

#define VFENCE_IOC_SUBMIT	_IOWR(VFENCE_IOC_MAGIC, 0x00, struct vfence_submit)
#define VFENCE_IOC_SIGNAL	_IOW(VFENCE_IOC_MAGIC, 0x01, struct vfence_signal)

#endif /* _UAPI_LINUX_VFENCE_H */
