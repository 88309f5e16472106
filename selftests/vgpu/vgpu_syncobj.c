// SPDX-License-Identifier: GPL-2.0
/*
 * Syncobjs as in- and out-syncs of jobs.
 */
#include "vgpu_test.h"

VGPU_FIXTURE(syncobj)

TEST_F(syncobj, binary)
{
	uint32_t s = syncobj(self->dev);

	ASSERT_EQ(0, gpu(self->dev, IN({ .handle = self->hold }), OUT({ .handle = s })));
	EXPECT_EQ(-ETIME, wait_point(self->dev, s, 0, SETTLE_MSEC, 0));
	release_held();
	EXPECT_EQ(0, wait_syncobj(self->dev, s));
}

TEST_F(syncobj, timeline)
{
	uint32_t t = syncobj(self->dev), b = syncobj(self->dev);

	ASSERT_EQ(0, gpu(self->dev, IN({ .handle = self->hold }),
			 OUT({ .handle = t, .point = 1 })));
	ASSERT_EQ(0, gpu(self->dev, OUT({ .handle = t, .point = 5 })));
	EXPECT_EQ(0, query_point(self->dev, t));
	/* A point in a gap stands for the next, and one that is not there is an error. */
	ASSERT_EQ(0, gpu(self->dev, .ring = VGPU_RING_SLOW, IN({ .handle = t, .point = 3 }),
			 OUT({ .handle = b })));
	EXPECT_EQ(-EINVAL, gpu(self->dev, IN({ .handle = t, .point = 6 })));
	EXPECT_EQ(-ETIME, wait_point(self->dev, b, 0, SETTLE_MSEC, 0));
	release_held();
	EXPECT_EQ(0, wait_syncobj(self->dev, b));
	EXPECT_EQ(5, query_point(self->dev, t));
	EXPECT_EQ(0, wait_point(self->dev, t, 5, WAIT_MSEC, 0));
	EXPECT_EQ(-EINVAL, wait_point(self->dev, t, 6, 0, 0));
	/* A point that has passed. */
	ASSERT_EQ(0, gpu(self->dev, IN({ .handle = t, .point = 1 }), OUT({ .handle = b })));
	EXPECT_EQ(0, wait_syncobj(self->dev, b));
}

TEST_F(syncobj, many_at_once)
{
	struct gpu_job j = { .in_count = 16, .out_count = 16 };
	uint32_t in[16], out[16];

	for (int i = 0; i < 16; i++) {
		int file = manual(self->vf);

		in[i] = syncobj_with(self->dev, file);
		out[i] = syncobj(self->dev);
		j.in[i].handle = in[i];
		j.out[i] = (struct drm_vgpu_sync){ .handle = out[i], .point = i % 2 ? i : 0 };
		close(file);
	}
	ASSERT_EQ(0, submit_gpu(self->dev, &j));
	ASSERT_EQ(0, complete(self->vf, 16));
	EXPECT_EQ(-ETIME, wait_point(self->dev, out[0], 0, SETTLE_MSEC, 0));
	ASSERT_EQ(0, complete(self->vf, 17));
	for (int i = 0; i < 16; i++)
		EXPECT_EQ(0, wait_point(self->dev, out[i], j.out[i].point, WAIT_MSEC, 0));
}

struct late {
	int dev;
	uint32_t handle;
	uint64_t point;
	int result;
};

static void *submit_late(void *arg)
{
	struct late *l = arg;

	usleep(SETTLE_MSEC * 1000);
	l->result = gpu(l->dev, OUT({ .handle = l->handle, .point = l->point }));
	return NULL;
}

TEST_F(syncobj, user_space_waits_for_submit)
{
	struct late l = { self->dev, syncobj(self->dev), 7 };
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, submit_late, &l));
	EXPECT_EQ(0, wait_point(self->dev, l.handle, 7, WAIT_MSEC,
				DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, l.result);
}

/* A fence that may not be there yet. */
static struct drm_vgpu_sync later(uint32_t handle, uint64_t point)
{
	return (struct drm_vgpu_sync){
		.handle = handle, .point = point, .flags = VGPU_SYNC_WAIT_FOR_SUBMIT,
	};
}

TEST_F(syncobj, submission_waits_for_submit)
{
	for (uint64_t point = 0; point < 8; point += 7) {
		struct late l = { self->dev, syncobj(self->dev), point };
		uint32_t out = syncobj(self->dev);
		pthread_t thread;

		ASSERT_EQ(0, pthread_create(&thread, NULL, submit_late, &l));
		EXPECT_EQ(0, gpu(self->dev, .ring = VGPU_RING_SLOW,
				 IN(later(l.handle, point)), OUT({ .handle = out })));
		pthread_join(thread, NULL);
		EXPECT_EQ(0, l.result);
		EXPECT_EQ(0, wait_syncobj(self->dev, out));
	}
}

TEST_F(syncobj, submit_that_never_comes)
{
	uint32_t empty = syncobj(self->dev);

	EXPECT_EQ(-ETIME, gpu(self->dev, IN(later(empty, 3))));
	EXPECT_EQ(-ENOENT, gpu(self->dev, IN(later(777, 0))));
}

/* Were it to wait first, each would end with ETIME. */
TEST_F(syncobj, refused_before_it_waits)
{
	struct drm_vgpu_sync never = later(syncobj(self->dev), 0);
	struct drm_vgpu_submit s = {
		.in_syncs = (uintptr_t)&never, .in_count = 1, .out_count = 1025,
	};
	int dev = self->dev;

	EXPECT_EQ(-EINVAL, gpu(dev, IN(never), .flags = 4));
	EXPECT_EQ(-EINVAL, gpu(dev, IN(never), .ring = 2));
	EXPECT_EQ(-ENOENT, gpu(dev, IN(never), BOS({ .handle = 777 })));
	EXPECT_EQ(-EINVAL, gpu(dev, IN(never), BOS({ .handle = bo(dev), .flags = 4 })));
	EXPECT_EQ(-ENOENT, gpu(dev, IN(never), OUT({ .handle = 777 })));
	EXPECT_EQ(-EINVAL, gpu(dev, IN(never), OUT({ .handle = self->hold, .flags = 1 })));
	EXPECT_EQ(-ENOENT, gpu(dev, IN(never, later(777, 0))));
	EXPECT_EQ(-EINVAL, gpu(dev, IN(never, { .handle = self->hold, .flags = 2 })));
	EXPECT_EQ(-EINVAL, gpu(dev, IN(never, { .handle = never.handle })));
	EXPECT_TRUE(ioctl(dev, DRM_IOCTL_VGPU_SUBMIT, &s) && errno == E2BIG);
}

TEST_F(syncobj, of_another_client)
{
	struct drm_syncobj_handle h = { .handle = syncobj(self->dev) };
	struct drm_syncobj_handle i = {};
	int other = vgpu();

	ASSERT_EQ(0, ioctl(self->dev, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &h));
	i.fd = h.fd;
	ASSERT_EQ(0, ioctl(other, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &i));
	close(h.fd);
	ASSERT_EQ(0, gpu(self->dev, IN({ .handle = self->hold }),
			 OUT({ .handle = h.handle, .point = 4 })));
	ASSERT_EQ(0, gpu(other, IN({ .handle = i.handle, .point = 4 }),
			 OUT({ .handle = i.handle, .point = 9 })));
	release_held();
	EXPECT_EQ(0, wait_point(self->dev, h.handle, 9, WAIT_MSEC, 0));
	close(other);
}

TEST_F(syncobj, transfer_and_arrays)
{
	int a = gpu_file(self->dev, IN({ .handle = self->hold }));
	int b = gpu_file(self->dev, .ring = VGPU_RING_SLOW, IN({ .handle = self->hold }));
	int both = merge(a, b), file;
	uint32_t array = syncobj_with(self->dev, both), line = syncobj(self->dev);
	struct drm_syncobj_transfer t = {
		.src_handle = array, .dst_handle = line, .dst_point = 3,
	};

	EXPECT_EQ(2, fences_in(both));
	ASSERT_EQ(0, ioctl(self->dev, DRM_IOCTL_SYNCOBJ_TRANSFER, &t));
	/* An array, and a link with an array in it. */
	file = gpu_file(self->dev, IN({ .handle = array }, { .handle = line, .point = 3 }));
	EXPECT_TRUE(stays_pending(file));
	release_held();
	EXPECT_TRUE(signals(file));
	close(a);
	close(b);
	close(both);
	close(file);
}

/* Fences of vfence into vgpu, and back. */
TEST_F(syncobj, there_and_back)
{
	int file = self->held;

	for (int i = 0; i < 6; i++) {
		int next;

		if (i % 2) {
			next = submit(self->vf, .in_fences = (uintptr_t)&file, .in_count = 1);
		} else {
			uint32_t s = syncobj_with(self->dev, file);

			next = gpu_file(self->dev, .ring = i / 2 % 2, IN({ .handle = s }));
		}
		ASSERT_LE(0, next);
		if (file != self->held)
			close(file);
		file = next;
	}
	EXPECT_TRUE(stays_pending(file));
	release_held();
	EXPECT_TRUE(signals(file));
	EXPECT_EQ(1, status(file));
	close(file);
}

TEST_HARNESS_MAIN
