// SPDX-License-Identifier: GPL-2.0
/*
 * The device, its memory, and jobs: their order, results, and arguments.
 *
 * checkpatch: ENOSYS: that is what DRM returns
 * checkpatch: COMPLEX_MACRO: they are two arguments of a function
 */
#include "vgpu_test.h"

VGPU_FIXTURE(jobs)

TEST_F(jobs, capabilities)
{
	struct drm_get_cap c = { .capability = DRM_CAP_SYNCOBJ };

	ASSERT_EQ(0, ioctl(self->dev, DRM_IOCTL_GET_CAP, &c));
	EXPECT_EQ(1, c.value);
	c.capability = DRM_CAP_SYNCOBJ_TIMELINE;
	ASSERT_EQ(0, ioctl(self->dev, DRM_IOCTL_GET_CAP, &c));
	EXPECT_EQ(1, c.value);
	c.capability = DRM_CAP_PRIME;
	ASSERT_EQ(0, ioctl(self->dev, DRM_IOCTL_GET_CAP, &c));
	EXPECT_EQ(DRM_PRIME_CAP_IMPORT | DRM_PRIME_CAP_EXPORT, c.value);
	c.capability = DRM_CAP_DUMB_BUFFER;
	EXPECT_TRUE(ioctl(self->dev, DRM_IOCTL_GET_CAP, &c) || !c.value);
}

TEST_F(jobs, no_objects_that_are_not_the_drivers)
{
	struct drm_mode_create_dumb d = { .width = 64, .height = 64, .bpp = 32 };
	int card = drm_node("vgpu", "card");

	ASSERT_LE(0, card);
	EXPECT_EQ(-1, ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &d));
	EXPECT_EQ(ENOSYS, errno);
	close(card);
}

TEST_F(jobs, memory_is_mapped_and_shared)
{
	uint32_t handle = bo_of(self->dev, 2 * PAGE - 1);
	char *a = map_bo(self->dev, handle, 2 * PAGE), *b;
	int buf = export_dmabuf(self->dev, handle);

	ASSERT_NE(MAP_FAILED, (void *)a);
	b = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, buf, 0);
	ASSERT_NE(MAP_FAILED, (void *)b);
	EXPECT_EQ(0, a[0]);
	strcpy(a + PAGE, "hello");
	EXPECT_STREQ("hello", b + PAGE);
	/* It stays as long as it is mapped. */
	ASSERT_EQ(0, gem_close(self->dev, handle));
	close(buf);
	munmap(a, 2 * PAGE);
	close(self->dev);
	self->dev = -1;
	EXPECT_STREQ("hello", b + PAGE);
	munmap(b, 2 * PAGE);
}

TEST_F(jobs, runs_and_signals)
{
	int file = gpu_file(self->dev, IN({ .handle = self->hold }));
	struct sync_fence_info f;

	ASSERT_LE(0, file);
	EXPECT_TRUE(stays_pending(file));
	f = the_fence(file);
	EXPECT_STREQ("vgpu", f.driver_name);
	EXPECT_STREQ("fast", f.obj_name);
	release_held();
	EXPECT_TRUE(signals(file));
	EXPECT_EQ(1, status(file));
	close(file);
}

TEST_F(jobs, error_is_reported)
{
	for (uint32_t ring = 0; ring < 2; ring++) {
		int bad = gpu_file(self->dev, .ring = ring, .error = -EIO);
		int good = gpu_file(self->dev, .ring = ring);

		ASSERT_TRUE(signals(bad));
		EXPECT_EQ(-EIO, status(bad));
		ASSERT_TRUE(signals(good));
		EXPECT_EQ(1, status(good));
		close(bad);
		close(good);
	}
}

#define MANY 24

/* They succeed, fail, or do not run as a dependency has failed. */
TEST_F(jobs, fences_signal_in_order)
{
	static const int results[] = { 1, -EIO, -ENODEV, 1 };
	int failed = gpu_file(self->dev, .ring = VGPU_RING_SLOW, .error = -ENODEV), files[MANY];
	uint32_t bad = syncobj_with(self->dev, failed);
	/* The last job comes first, as poll() asks for one after the other. */
	struct pollfd last_first[MANY];
	int n = 0;

	ASSERT_TRUE(signals(failed));
	for (int i = 0; i < MANY; i++) {
		struct gpu_job j = { .delay_ns = (MANY - i) * 200000 };

		if (!i)
			j.in[j.in_count++].handle = self->hold;
		if (i % 4 == 1)
			j.error = -EIO;
		if (i % 4 == 2) {
			j.flags = VGPU_SUBMIT_PASS_ERRORS;
			j.in[j.in_count++].handle = bad;
		}
		files[i] = gpu_file_job(self->dev, &j);
		ASSERT_LE(0, files[i]);
		EXPECT_EQ(i + 1, j.seqno);
		last_first[MANY - 1 - i] = (struct pollfd){ .fd = files[i], .events = POLLIN };
	}
	EXPECT_TRUE(stays_pending(files[MANY - 1]));
	release_held();
	while (n < MANY) {
		n = poll(last_first, MANY, WAIT_MSEC);
		ASSERT_LT(0, n);
		/* All that come before one that has signalled, and they are the first. */
		for (int i = 0; i < n; i++)
			ASSERT_EQ(POLLIN, last_first[MANY - 1 - i].revents);
	}
	for (int i = 0; i < MANY; i++) {
		EXPECT_EQ(results[i % 4], status(files[i]));
		EXPECT_LE(timestamp(files[i ? i - 1 : 0]), timestamp(files[i]));
	}
	for (int i = 0; i < MANY; i++)
		close(files[i]);
	close(failed);
}

/* A reset fails the job that would have overtaken another. */
TEST_F(jobs, jobs_run_in_order)
{
	int first = gpu_file(self->dev, IN({ .handle = self->hold }));
	int second = gpu_file(self->dev, .flags = VGPU_SUBMIT_HANG);

	EXPECT_TRUE(stays_pending(second));
	ASSERT_EQ(0, reset(self->dev, VGPU_RING_FAST));
	release_held();
	ASSERT_TRUE(signals(first));
	EXPECT_EQ(1, status(first));
	EXPECT_TRUE(stays_pending(second));
	close(first);
	close(second);
}

TEST_F(jobs, rings_do_not_wait_for_each_other)
{
	int slow = gpu_file(self->dev, .ring = VGPU_RING_SLOW, IN({ .handle = self->hold }));
	int fast = gpu_file(self->dev, .ring = VGPU_RING_FAST);

	EXPECT_TRUE(signals(fast));
	EXPECT_EQ(0, status(slow));
	EXPECT_STREQ("slow", the_fence(slow).obj_name);
	release_held();
	EXPECT_TRUE(signals(slow));
	close(slow);
	close(fast);
}

TEST_F(jobs, jobs_across_the_rings)
{
	uint32_t s = syncobj(self->dev);
	int file;

	ASSERT_EQ(0, gpu(self->dev, IN({ .handle = self->hold }), OUT({ .handle = s })));
	for (uint32_t i = 1; i < 12; i++)
		ASSERT_EQ(0, gpu(self->dev, .ring = i % 2, .delay_ns = 100000,
				 IN({ .handle = s }), OUT({ .handle = s })));
	file = sync_file_of(self->dev, s);
	EXPECT_TRUE(stays_pending(file));
	release_held();
	EXPECT_TRUE(signals(file));
	EXPECT_EQ(1, status(file));
	close(file);
}

TEST_F(jobs, failed_dependency)
{
	uint32_t s = syncobj(self->dev), line = syncobj(self->dev);
	int passes, from_line, ignores, early;

	ASSERT_EQ(0, gpu(self->dev, .error = -EIO, IN({ .handle = self->hold }),
			 OUT({ .handle = s }, { .handle = line, .point = 1 })));
	passes = gpu_file(self->dev, .ring = VGPU_RING_SLOW, .flags = VGPU_SUBMIT_PASS_ERRORS,
			  IN({ .handle = s }));
	from_line = gpu_file(self->dev, .ring = VGPU_RING_SLOW, .flags = VGPU_SUBMIT_PASS_ERRORS,
			     IN({ .handle = line, .point = 1 }));
	ignores = gpu_file(self->dev, .ring = VGPU_RING_SLOW, IN({ .handle = s }));
	release_held();
	ASSERT_TRUE(signals(ignores));
	EXPECT_EQ(-EIO, status(passes));
	EXPECT_EQ(-EIO, status(from_line));
	EXPECT_EQ(1, status(ignores));
	/* It had failed before. */
	early = gpu_file(self->dev, .flags = VGPU_SUBMIT_PASS_ERRORS, IN({ .handle = s }));
	ASSERT_TRUE(signals(early));
	EXPECT_EQ(-EIO, status(early));
	close(passes);
	close(from_line);
	close(ignores);
	close(early);
}

/* As ioctl(), but one that fails must have left its argument alone. Returns 0, or -errno. */
static int refused_by(int dev, unsigned long cmd, void *arg)
{
	char before[128];
	int ret;

	memcpy(before, arg, _IOC_SIZE(cmd));
	ret = ioctl(dev, cmd, arg) ? -errno : 0;
	return ret && memcmp(before, arg, _IOC_SIZE(cmd)) ? HAS_CHANGED + ret : ret;
}

#define SUBMITTED(...)	DRM_IOCTL_VGPU_SUBMIT, &(struct drm_vgpu_submit){ .seqno = 99, __VA_ARGS__ }
#define CREATED(...)	DRM_IOCTL_VGPU_GEM_CREATE, &(struct drm_vgpu_gem_create){ __VA_ARGS__ }
#define MAPPED(...)	DRM_IOCTL_VGPU_GEM_MMAP, &(struct drm_vgpu_gem_mmap){ __VA_ARGS__ }
#define WAITED(...)	DRM_IOCTL_VGPU_GEM_WAIT, &(struct drm_vgpu_gem_wait){ __VA_ARGS__ }
#define WAS_RESET(...)	DRM_IOCTL_VGPU_RESET, &(struct drm_vgpu_reset){ __VA_ARGS__ }

TEST_F(jobs, invalid_arguments)
{
	static struct drm_vgpu_sync syncs[1025];
	static struct drm_vgpu_bo bos[1025];
	uint32_t empty = syncobj(self->dev), b = bo(self->dev);
	int dev = self->dev;
	struct gpu_job j = { OUT({ .handle = empty }) };

	EXPECT_EQ(-ENOENT, gpu(dev, BOS({ .handle = 777 })));
	EXPECT_EQ(-ENOENT, gpu(dev, IN({ .handle = 777 })));
	EXPECT_EQ(-ENOENT, gpu(dev, OUT({ .handle = 777 })));
	EXPECT_EQ(-EINVAL, gpu(dev, IN({ .handle = empty })));
	EXPECT_EQ(-EINVAL, gpu(dev, IN({ .handle = self->hold, .flags = 2 })));
	EXPECT_EQ(-EINVAL, gpu(dev, OUT({ .handle = empty, .flags = 1 })));
	EXPECT_EQ(-EINVAL, gpu(dev, BOS({ .handle = b, .flags = 4 })));

	EXPECT_EQ(-EINVAL, refused_by(dev, SUBMITTED(.error = 5)));
	EXPECT_EQ(-EINVAL, refused_by(dev, SUBMITTED(.error = -4096)));
	EXPECT_EQ(-EINVAL, refused_by(dev, SUBMITTED(.ring = 2)));
	EXPECT_EQ(-EINVAL, refused_by(dev, SUBMITTED(.flags = 4)));
	EXPECT_EQ(-EINVAL, refused_by(dev, SUBMITTED(.flags = 1u << 31)));
	EXPECT_EQ(-EINVAL, refused_by(dev, SUBMITTED(.delay_ns = LONGEST + 1)));

	/* All of them are there and valid, but one too many. */
	for (int i = 0; i < 1025; i++) {
		syncs[i].handle = self->hold;
		bos[i].handle = b;
	}
	EXPECT_EQ(-E2BIG, refused_by(dev, SUBMITTED(.bos = (uintptr_t)bos, .bo_count = 1025)));
	EXPECT_EQ(-E2BIG, refused_by(dev, SUBMITTED(.in_syncs = (uintptr_t)syncs,
						    .in_count = 1025)));
	EXPECT_EQ(-E2BIG, refused_by(dev, SUBMITTED(.out_syncs = (uintptr_t)syncs,
						    .out_count = 1025)));
	EXPECT_EQ(-EFAULT, refused_by(dev, SUBMITTED(.bos = 8, .bo_count = 1)));
	EXPECT_EQ(-EFAULT, refused_by(dev, SUBMITTED(.in_syncs = 8, .in_count = 1)));
	EXPECT_EQ(-EFAULT, refused_by(dev, SUBMITTED(.out_syncs = 8, .out_count = 1)));

	EXPECT_EQ(-EINVAL, refused_by(dev, CREATED(.size = 0)));
	EXPECT_EQ(-EINVAL, refused_by(dev, CREATED(.size = -1)));
	EXPECT_EQ(-EINVAL, refused_by(dev, CREATED(.size = PAGE, .pad = 1)));
	EXPECT_EQ(-EINVAL, refused_by(dev, MAPPED(.handle = b, .pad = 1)));
	EXPECT_EQ(-ENOENT, refused_by(dev, MAPPED(.handle = 777)));
	EXPECT_EQ(-EINVAL, refused_by(dev, WAITED(.handle = b, .flags = 2)));
	EXPECT_EQ(-ENOENT, refused_by(dev, WAITED(.handle = 777)));
	EXPECT_EQ(-EINVAL, refused_by(dev, WAS_RESET(.ring = 2)));
	EXPECT_EQ(-EINVAL, refused_by(dev, WAS_RESET(.pad = 1)));

	/* None of these was submitted, and none took anything. */
	ASSERT_EQ(0, submit_gpu(dev, &j));
	EXPECT_EQ(1, j.seqno);
	EXPECT_EQ(0, wait_syncobj(dev, empty));
	EXPECT_EQ(b + 1, bo(dev));
}

TEST_F(jobs, as_many_as_there_may_be)
{
	static struct drm_vgpu_sync in[1024], out[1024];
	static struct drm_vgpu_bo bos[1024];
	struct drm_vgpu_submit s = {
		.bos = (uintptr_t)bos, .bo_count = 1024,
		.in_syncs = (uintptr_t)in, .in_count = 1024,
		.out_syncs = (uintptr_t)out, .out_count = 1024,
		.error = -4095,
	};
	uint32_t b = bo(self->dev), line = syncobj(self->dev);

	for (int i = 0; i < 1024; i++) {
		bos[i] = (struct drm_vgpu_bo){ .handle = b, .flags = i % 4 };
		in[i].handle = self->hold;
		out[i] = (struct drm_vgpu_sync){ .handle = line, .point = i + 1 };
	}
	ASSERT_EQ(0, ioctl(self->dev, DRM_IOCTL_VGPU_SUBMIT, &s));
	EXPECT_EQ(-ETIME, gem_wait(self->dev, b, 0, 0));
	release_held();
	EXPECT_EQ(0, gem_wait(self->dev, b, VGPU_BO_WRITE, -1));
	EXPECT_EQ(0, wait_point(self->dev, line, 1024, WAIT_MSEC, 0));
}

/* These take it as it is, also from memory that cannot be written to. */
TEST_F(jobs, arguments_that_are_only_read)
{
	void *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(1, bo(self->dev));
	ASSERT_EQ(0, mprotect(page, PAGE, PROT_READ | PROT_WRITE));
	*(struct drm_vgpu_gem_wait *)page = (struct drm_vgpu_gem_wait){ .handle = 1 };
	ASSERT_EQ(0, mprotect(page, PAGE, PROT_READ));
	EXPECT_EQ(0, ioctl(self->dev, DRM_IOCTL_VGPU_GEM_WAIT, page));
	munmap(page, PAGE);
	page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT_EQ(0, ioctl(self->dev, DRM_IOCTL_VGPU_RESET, page));
	munmap(page, PAGE);
}

/* The most jobs that a ring has, in whatever state. */
#define MOST 512

TEST_F(jobs, too_many_jobs)
{
	struct drm_vgpu_sync out = { .handle = syncobj(self->dev) };
	struct gpu_job first = { IN({ .handle = self->hold }), OUT(out) }, j = { };
	uint64_t n = 1;
	int ret;

	ASSERT_EQ(0, submit_gpu(self->dev, &first));
	/* It need not count those that the hardware has. */
	while (!(ret = submit_gpu(self->dev, &j)) && n < MOST + 8)
		n++;
	ASSERT_EQ(-ENOSPC, ret);
	EXPECT_LE(MOST, n);
	/* Neither the argument changes, nor the syncobj, nor the other ring. */
	EXPECT_EQ(-ENOSPC, refused_by(self->dev, SUBMITTED(.out_syncs = (uintptr_t)&out,
							   .out_count = 1)));
	ASSERT_EQ(0, gpu(self->dev, .ring = VGPU_RING_SLOW));
	release_held();
	EXPECT_EQ(0, wait_syncobj(self->dev, out.handle));
	/* Jobs are cleaned up a little after they are done. */
	j = (struct gpu_job){ OUT(out) };
	while ((ret = submit_gpu(self->dev, &j)) == -ENOSPC)
		usleep(1000);
	ASSERT_EQ(0, ret);
	EXPECT_EQ(n + 1, j.seqno);
	EXPECT_EQ(0, wait_syncobj(self->dev, out.handle));
}

/* The job has the last reference to a buffer, which was mapped once. */
TEST_F(jobs, job_keeps_its_buffers)
{
	for (int i = 0; i < 8; i++) {
		uint32_t handle = bo(self->dev);
		char *p = map_bo(self->dev, handle, PAGE);
		int file;

		ASSERT_NE(MAP_FAILED, (void *)p);
		*p = 1;
		munmap(p, PAGE);
		file = gpu_file(self->dev, .ring = i % 2, .delay_ns = 100000,
				IN({ .handle = self->hold }),
				BOS({ .handle = handle, .flags = VGPU_BO_WRITE }));
		ASSERT_LE(0, file);
		ASSERT_EQ(0, gem_close(self->dev, handle));
		if (i == 6)
			release_held();
		EXPECT_TRUE(i < 6 || signals(file));
		close(file);
	}
}

TEST_HARNESS_MAIN
