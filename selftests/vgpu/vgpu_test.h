/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of vgpu share. A device that is not there skips them.
 *
 * What is to be pending waits for a fence of /dev/vfence, which is completed by hand.
 */
#ifndef VGPU_TEST_H
#define VGPU_TEST_H

#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <drm/drm.h>
#include <drm/vgpu_drm.h>
#include <linux/dma-buf.h>

#include "../vfence/vfence_test.h"

#define PAGE	((size_t)sysconf(_SC_PAGESIZE))

/* A node of a driver: prefix is "card" or "renderD". Returns a descriptor, or -ENOENT. */
static inline int drm_node(const char *driver, const char *prefix)
{
	DIR *dir = opendir("/dev/dri");
	struct dirent *entry;
	int found = -ENOENT;

	while (dir && found < 0 && (entry = readdir(dir))) {
		struct drm_version v;
		char path[300], name[32] = "";
		int fd;

		if (strncmp(entry->d_name, prefix, strlen(prefix)))
			continue;
		snprintf(path, sizeof(path), "/dev/dri/%s", entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		memset(&v, 0, sizeof(v));
		v.name = name;
		v.name_len = sizeof(name) - 1;
		if (fd >= 0 && !ioctl(fd, DRM_IOCTL_VERSION, &v) && !strcmp(name, driver))
			found = fd;
		else if (fd >= 0)
			close(fd);
	}
	if (dir)
		closedir(dir);
	return found;
}

static inline int vgpu(void)
{
	return drm_node("vgpu", "renderD");
}

/* These return a handle, or 0. */
static inline uint32_t bo_of(int dev, uint64_t size)
{
	struct drm_vgpu_gem_create c = { .size = size };

	return ioctl(dev, DRM_IOCTL_VGPU_GEM_CREATE, &c) ? 0 : c.handle;
}

static inline uint32_t bo(int dev)
{
	return bo_of(dev, PAGE);
}

static inline uint32_t syncobj(int dev)
{
	struct drm_syncobj_create c = {};

	return ioctl(dev, DRM_IOCTL_SYNCOBJ_CREATE, &c) ? 0 : c.handle;
}

static inline uint32_t import_dmabuf(int dev, int buf)
{
	struct drm_prime_handle p = { .fd = buf };

	return ioctl(dev, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p) ? 0 : p.handle;
}

/* These return a descriptor, or -errno. */
static inline int export_dmabuf(int dev, uint32_t handle)
{
	struct drm_prime_handle p = { .handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR };

	return ioctl(dev, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p) ? -errno : p.fd;
}

static inline int sync_file_of(int dev, uint32_t handle)
{
	struct drm_syncobj_handle h = {
		.handle = handle, .flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE,
	};

	return ioctl(dev, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &h) ? -errno : h.fd;
}

/* The fences of a dma-buf that are to be waited for before an access. */
static inline int fences_of(int buf, uint32_t access)
{
	struct dma_buf_export_sync_file e = { .flags = access, .fd = -1 };

	return ioctl(buf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &e) ? -errno : e.fd;
}

/* These return 0, or -errno. */
static inline int attach_fence(int buf, uint32_t access, int file)
{
	struct dma_buf_import_sync_file i = { .flags = access, .fd = file };

	return ioctl(buf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &i) ? -errno : 0;
}

static inline int put_sync_file(int dev, uint32_t handle, int file)
{
	struct drm_syncobj_handle h = {
		.handle = handle, .fd = file,
		.flags = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE,
	};

	return ioctl(dev, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &h) ? -errno : 0;
}

static inline int gem_close(int dev, uint32_t handle)
{
	struct drm_gem_close c = { .handle = handle };

	return ioctl(dev, DRM_IOCTL_GEM_CLOSE, &c) ? -errno : 0;
}

static inline int gem_wait(int dev, uint32_t handle, uint32_t flags, int64_t deadline_ns)
{
	struct drm_vgpu_gem_wait w = {
		.handle = handle, .flags = flags, .deadline_ns = deadline_ns,
	};

	return ioctl(dev, DRM_IOCTL_VGPU_GEM_WAIT, &w) ? -errno : 0;
}

static inline int reset(int dev, uint32_t ring)
{
	struct drm_vgpu_reset r = { .ring = ring };

	return ioctl(dev, DRM_IOCTL_VGPU_RESET, &r) ? -errno : 0;
}

/* An absolute time, as DRM takes it, this many ms from now. */
static inline int64_t from_now(int64_t msec)
{
	return now_ns() + msec * (int64_t)MSEC;
}

static inline int wait_point(int dev, uint32_t handle, uint64_t point, int64_t msec,
			     uint32_t flags)
{
	struct drm_syncobj_timeline_wait w = {
		.handles = (uintptr_t)&handle, .points = (uintptr_t)&point,
		.count_handles = 1, .flags = flags, .timeout_nsec = from_now(msec),
	};

	return ioctl(dev, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &w) ? -errno : 0;
}

static inline int wait_syncobj(int dev, uint32_t handle)
{
	return wait_point(dev, handle, 0, WAIT_MSEC, 0);
}

static inline uint64_t query_point(int dev, uint32_t handle)
{
	uint64_t point = ~0ull;
	struct drm_syncobj_timeline_array a = {
		.handles = (uintptr_t)&handle, .points = (uintptr_t)&point,
		.count_handles = 1,
	};

	return ioctl(dev, DRM_IOCTL_SYNCOBJ_QUERY, &a) ? ~0ull : point;
}

static inline void *map_bo(int dev, uint32_t handle, size_t size)
{
	struct drm_vgpu_gem_mmap m = { .handle = handle };

	if (ioctl(dev, DRM_IOCTL_VGPU_GEM_MMAP, &m))
		return MAP_FAILED;
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, dev, m.offset);
}

struct gpu_job {
	struct drm_vgpu_bo bos[16];
	struct drm_vgpu_sync in[16], out[16];
	int bo_count, in_count, out_count, error;
	uint32_t ring, flags;
	uint64_t delay_ns, seqno;
};

/* Returns 0, or -errno. */
static inline int submit_gpu(int dev, struct gpu_job *j)
{
	struct drm_vgpu_submit s = {
		.bos = (uintptr_t)j->bos, .bo_count = j->bo_count,
		.in_syncs = (uintptr_t)j->in, .in_count = j->in_count,
		.out_syncs = (uintptr_t)j->out, .out_count = j->out_count,
		.ring = j->ring, .flags = j->flags, .error = j->error,
		.delay_ns = j->delay_ns,
	};
	int ret;

	do
		ret = ioctl(dev, DRM_IOCTL_VGPU_SUBMIT, &s);
	while (ret && errno == EINTR);
	j->seqno = s.seqno;
	return ret ? -errno : 0;
}

/*
 * checkpatch: COMPLEX_MACRO: they are two arguments of a function
 */
#define IN(...)		.in = { __VA_ARGS__ }, \
			.in_count = sizeof((struct drm_vgpu_sync[]){ __VA_ARGS__ }) / \
				    sizeof(struct drm_vgpu_sync)
#define OUT(...)	.out = { __VA_ARGS__ }, \
			.out_count = sizeof((struct drm_vgpu_sync[]){ __VA_ARGS__ }) / \
				     sizeof(struct drm_vgpu_sync)
#define BOS(...)	.bos = { __VA_ARGS__ }, \
			.bo_count = sizeof((struct drm_vgpu_bo[]){ __VA_ARGS__ }) / \
				    sizeof(struct drm_vgpu_bo)
#define gpu(dev, ...)	submit_gpu(dev, &(struct gpu_job){ __VA_ARGS__ })

/* A job; returns a sync_file of its fence, or -errno. */
static inline int gpu_file_job(int dev, struct gpu_job *j)
{
	uint32_t out = syncobj(dev);
	struct drm_syncobj_destroy d = { .handle = out };
	int ret;

	j->out[j->out_count++] = (struct drm_vgpu_sync){ .handle = out };
	ret = submit_gpu(dev, j) ?: sync_file_of(dev, out);
	ioctl(dev, DRM_IOCTL_SYNCOBJ_DESTROY, &d);
	return ret;
}

#define gpu_file(dev, ...) gpu_file_job(dev, &(struct gpu_job){ __VA_ARGS__ })

/* A syncobj with the fence of a sync_file in it; returns its handle, or 0. */
static inline uint32_t syncobj_with(int dev, int file)
{
	uint32_t s = syncobj(dev);

	return put_sync_file(dev, s, file) ? 0 : s;
}

/*
 * Every fixture has a client of vgpu, a timeline of vfence, and a fence of it, `held`, with
 * a syncobj that has it, `hold`.
 *
 * checkpatch: MULTISTATEMENT_MACRO_USE_DO_WHILE,MACRO_WITH_FLOW_CONTROL,MACRO_ARG_REUSE: it makes
 * functions, as the harness's own macros do
 */
#define VGPU_FIXTURE(name)							\
	FIXTURE(name) { int dev, vf, held; uint32_t hold; };			\
	FIXTURE_SETUP(name)							\
	{									\
		self->dev = vgpu();						\
		self->vf = timeline();						\
		if (self->dev == -ENOENT || self->vf < 0)			\
			SKIP(return, "there is no vgpu, or no vfence");		\
		ASSERT_LE(0, self->dev);					\
		self->held = manual(self->vf);					\
		ASSERT_LE(0, self->held);					\
		self->hold = syncobj_with(self->dev, self->held);		\
		ASSERT_NE(0, self->hold);					\
	}									\
	FIXTURE_TEARDOWN(name)							\
	{									\
		if (self->held >= 0)						\
			close(self->held);					\
		if (self->vf >= 0)						\
			close(self->vf);					\
		if (self->dev >= 0)						\
			close(self->dev);					\
	}

#define release_held() ASSERT_EQ(0, complete(self->vf, 1))

#endif
