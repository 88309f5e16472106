// SPDX-License-Identifier: GPL-2.0
/*
 * The device, its memory, and jobs: their order, results, and arguments.
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

	if (card < 0)
		SKIP(return, "there is no card node");
	EXPECT_EQ(-1, ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &d));
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

TEST_F(jobs, order_is_that_of_submission)
{
	int files[20];

	for (int i = 0; i < 20; i++) {
		struct gpu_job j = { .delay_ns = (20 - i) * 1000 };

		if (!i) {
			j.in[0].handle = self->hold;
			j.in_count = 1;
		}
		files[i] = gpu_file_job(self->dev, &j);
		ASSERT_LE(0, files[i]);
		EXPECT_EQ(i + 1, j.seqno);
	}
	/* None overtakes the one that waits. */
	EXPECT_TRUE(stays_pending(files[19]));
	release_held();
	ASSERT_TRUE(signals(files[19]));
	for (int i = 0; i < 20; i++) {
		EXPECT_EQ(1, status(files[i]));
		EXPECT_LE(timestamp(files[i ? i - 1 : 0]), timestamp(files[i]));
	}
	for (int i = 0; i < 20; i++)
		close(files[i]);
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
	uint32_t s = syncobj(self->dev);
	int passes, ignores, early;

	ASSERT_EQ(0, gpu(self->dev, .error = -EIO, IN({ .handle = self->hold }),
			 OUT({ .handle = s })));
	passes = gpu_file(self->dev, .ring = VGPU_RING_SLOW, .flags = VGPU_SUBMIT_PASS_ERRORS,
			  IN({ .handle = s }));
	ignores = gpu_file(self->dev, .ring = VGPU_RING_SLOW, IN({ .handle = s }));
	release_held();
	ASSERT_TRUE(signals(ignores));
	EXPECT_EQ(-EIO, status(passes));
	EXPECT_EQ(1, status(ignores));
	/* It had failed before. */
	early = gpu_file(self->dev, .flags = VGPU_SUBMIT_PASS_ERRORS, IN({ .handle = s }));
	ASSERT_TRUE(signals(early));
	EXPECT_EQ(-EIO, status(early));
	close(passes);
	close(ignores);
	close(early);
}

TEST_F(jobs, invalid_arguments)
{
	uint32_t empty = syncobj(self->dev), b = bo(self->dev);
	struct drm_vgpu_gem_create c = { .size = 0 };
	struct drm_vgpu_submit s = {};

	EXPECT_EQ(-ENOENT, gpu(self->dev, BOS({ .handle = 777 })));
	EXPECT_EQ(-ENOENT, gpu(self->dev, IN({ .handle = 777 })));
	EXPECT_EQ(-ENOENT, gpu(self->dev, OUT({ .handle = 777 })));
	EXPECT_EQ(-EINVAL, gpu(self->dev, IN({ .handle = empty })));
	EXPECT_EQ(-EINVAL, gpu(self->dev, IN({ .handle = empty, .flags = 8 })));
	EXPECT_EQ(-EINVAL, gpu(self->dev, OUT({ .handle = empty, .flags = 1 })));
	EXPECT_EQ(-EINVAL, gpu(self->dev, BOS({ .handle = b, .flags = 4 })));
	EXPECT_EQ(-EINVAL, gpu(self->dev, .error = 5));
	EXPECT_EQ(-EINVAL, gpu(self->dev, .error = -4096));
	EXPECT_EQ(-EINVAL, gpu(self->dev, .ring = 2));
	EXPECT_EQ(-EINVAL, gpu(self->dev, .flags = 1 << 31));
	EXPECT_EQ(-EINVAL, gpu(self->dev, .delay_ns = LONGEST + 1));
	s.bo_count = 1025;
	EXPECT_TRUE(ioctl(self->dev, DRM_IOCTL_VGPU_SUBMIT, &s) && errno == E2BIG);
	s.bo_count = 1;
	s.bos = 8;
	EXPECT_TRUE(ioctl(self->dev, DRM_IOCTL_VGPU_SUBMIT, &s) && errno == EFAULT);
	EXPECT_TRUE(ioctl(self->dev, DRM_IOCTL_VGPU_GEM_CREATE, &c) && errno == EINVAL);
	c.size = -1;
	EXPECT_TRUE(ioctl(self->dev, DRM_IOCTL_VGPU_GEM_CREATE, &c));
	EXPECT_EQ(-EINVAL, reset(self->dev, 2));
	EXPECT_EQ(-EINVAL, gem_wait(self->dev, b, 2, 0));
	EXPECT_EQ(-ENOENT, gem_wait(self->dev, 777, 0, 0));
	/* None of these was submitted. */
	ASSERT_EQ(0, gpu(self->dev, OUT({ .handle = empty })));
	EXPECT_EQ(0, wait_syncobj(self->dev, empty));
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
