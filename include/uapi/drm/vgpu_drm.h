/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * vgpu: a GPU that is not there. Its jobs take time, and do nothing.
 *
 * It has a render node. An open file is a client, with two rings of its own:
 *
 * - VGPU_RING_FAST takes several jobs at a time, and does them one after the other;
 * - VGPU_RING_SLOW takes one job at a time, and needs four times as long.
 *
 * The jobs of a ring run in the order in which they were submitted. Each waits for its
 * dependencies: the in-syncs, and the fences of its buffers.
 *
 * Buffers are GEM objects in shared memory. They are mapped by GEM_MMAP and mmap(), exported and
 * imported by DRM's PRIME ioctls, and freed by DRM_IOCTL_GEM_CLOSE. A job keeps its buffers.
 *
 * When the client closes the file, the jobs that are left fail with -ECANCELED.
 */
#ifndef VGPU_DRM_H
#define VGPU_DRM_H

#include <drm/drm.h>

#if defined(__cplusplus)
extern "C" {
#endif

#define VGPU_RING_FAST		0
#define VGPU_RING_SLOW		1

/**
 * struct drm_vgpu_gem_create - make a buffer
 * @size: in bytes; rounded up to whole pages. It is not 0.
 * @handle: set to the handle of the buffer
 * @pad: 0
 */
struct drm_vgpu_gem_create {
	__u64 size;
	__u32 handle;
	__u32 pad;
};

/**
 * struct drm_vgpu_gem_mmap - make a buffer available to mmap()
 * @offset: set to the offset for mmap()
 * @handle: of the buffer
 * @pad: 0
 */
struct drm_vgpu_gem_mmap {
	__u64 offset;
	__u32 handle;
	__u32 pad;
};

/* The job writes to the buffer. Otherwise, it only reads. */
#define VGPU_BO_WRITE		(1 << 0)
/*
 * User space synchronises explicitly: the job neither waits for jobs that use the buffer, nor do
 * others wait for this one. It still waits for moves of the buffer.
 */
#define VGPU_BO_EXPLICIT	(1 << 1)

/**
 * struct drm_vgpu_bo - a buffer of a job
 * @handle: of the buffer. The same buffer may be given more than once.
 * @flags: VGPU_BO_*
 */
struct drm_vgpu_bo {
	__u32 handle;
	__u32 flags;
};

/* For an in-sync: the submission waits until there is a fence, for up to five seconds. */
#define VGPU_SYNC_WAIT_FOR_SUBMIT	(1 << 0)

/**
 * struct drm_vgpu_sync - a syncobj of a job
 * @point: of the timeline; 0 for a binary syncobj
 * @handle: of the syncobj
 * @flags: VGPU_SYNC_*
 */
struct drm_vgpu_sync {
	__u64 point;
	__u32 handle;
	__u32 flags;
};

/* The job does not run if a dependency fails, and fails with the same error. */
#define VGPU_SUBMIT_PASS_ERRORS	(1 << 0)
/* The job hangs the ring, until it is reset. */
#define VGPU_SUBMIT_HANG	(1 << 1)

/**
 * struct drm_vgpu_submit - submit a job
 * @bos: address of @bo_count struct drm_vgpu_bo
 * @in_syncs: address of @in_count struct drm_vgpu_sync, whose fences the job waits for
 * @out_syncs: address of @out_count struct drm_vgpu_sync, which get the job's fence
 * @bo_count: at most 1024
 * @in_count: at most 1024
 * @out_count: at most 1024
 * @ring: VGPU_RING_*
 * @flags: VGPU_SUBMIT_*
 * @error: 0, or the error that the job fails with, such as -EIO
 * @delay_ns: how long the job takes, at most 60 s
 * @seqno: set to the number of the job on its ring
 *
 * Fails with ENOENT if there is no such buffer or syncobj, EINVAL if an in-sync has no fence, ETIME
 * if it has none after five seconds, E2BIG if a count is above its bound, and ENOSPC if the ring
 * has 512 jobs that are not cleaned up yet, which happens soon after they are done. No job is
 * submitted then, and the argument does not change.
 *
 * The error of a job that failed is the status of its fence, which SYNC_IOC_FILE_INFO tells of a
 * sync_file made of an out-sync.
 */
struct drm_vgpu_submit {
	__u64 bos;
	__u64 in_syncs;
	__u64 out_syncs;
	__u32 bo_count;
	__u32 in_count;
	__u32 out_count;
	__u32 ring;
	__u32 flags;
	__s32 error;
	__u64 delay_ns;
	__u64 seqno;
};

/**
 * struct drm_vgpu_gem_wait - wait until a buffer is idle
 * @deadline_ns: time of CLOCK_MONOTONIC at which the wait ends. A negative one is no limit. With
 *	one that has passed, such as 0, there is no wait.
 * @handle: of the buffer
 * @flags: VGPU_BO_WRITE to wait before a write, for all readers and writers; 0 to wait before a
 *	read, for writers
 *
 * Fails with ETIME if the buffer is still in use at that time.
 */
struct drm_vgpu_gem_wait {
	__s64 deadline_ns;
	__u32 handle;
	__u32 flags;
};

/**
 * struct drm_vgpu_reset - reset a ring
 * @ring: VGPU_RING_*
 * @pad: 0
 *
 * The jobs that the ring has taken, or has room for, fail with -EIO. Jobs that wait run after that.
 * A job that takes longer than the parameter timeout_ms of the module resets its ring as well: it
 * fails with -ETIME, and the others that the ring has taken with -ECANCELED.
 */
struct drm_vgpu_reset {
	__u32 ring;
	__u32 pad;
};

#define DRM_IOCTL_VGPU_GEM_CREATE DRM_IOWR(DRM_COMMAND_BASE + 0, struct drm_vgpu_gem_create)
#define DRM_IOCTL_VGPU_GEM_MMAP   DRM_IOWR(DRM_COMMAND_BASE + 1, struct drm_vgpu_gem_mmap)
#define DRM_IOCTL_VGPU_SUBMIT     DRM_IOWR(DRM_COMMAND_BASE + 2, struct drm_vgpu_submit)
#define DRM_IOCTL_VGPU_GEM_WAIT   DRM_IOW(DRM_COMMAND_BASE + 3, struct drm_vgpu_gem_wait)
#define DRM_IOCTL_VGPU_RESET      DRM_IOW(DRM_COMMAND_BASE + 4, struct drm_vgpu_reset)

#if defined(__cplusplus)
}
#endif

#endif
