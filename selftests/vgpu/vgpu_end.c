// SPDX-License-Identifier: GPL-2.0
/*
 * Clients that close, rings that are reset, and a module that is unloaded, with jobs left.
 */
#include "module.h"
#include "vgpu_test.h"

VGPU_FIXTURE(end)

TEST_F(end, close_cancels)
{
	uint32_t b = bo(self->dev), other_hold;
	int files[4], other = vgpu(), after;

	for (int i = 0; i < 4; i++) {
		struct gpu_job j = { .ring = i % 2, .delay_ns = LONGEST, BOS({ .handle = b }) };

		if (i >= 2) {
			j.in[0].handle = self->hold;
			j.in_count = 1;
		}
		files[i] = gpu_file_job(self->dev, &j);
		ASSERT_LE(0, files[i]);
	}
	/* Another client waits for one of them, and is not cancelled. */
	other_hold = syncobj_with(other, files[3]);
	after = gpu_file(other, IN({ .handle = other_hold }));
	EXPECT_TRUE(stays_pending(after));
	close(self->dev);
	self->dev = -1;
	for (int i = 0; i < 4; i++) {
		ASSERT_TRUE(signals(files[i]));
		EXPECT_EQ(-ECANCELED, status(files[i]));
		close(files[i]);
	}
	EXPECT_TRUE(signals(after));
	EXPECT_EQ(1, status(after));
	close(after);
	close(other);
	release_held();
}

/* Also if what it waits for signals meanwhile. */
TEST_F(end, close_beside_signals)
{
	for (int i = 0; i < 20; i++) {
		int dev = vgpu(), held = manual(self->vf), file;
		uint32_t hold = syncobj_with(dev, held);

		for (int j = 0; j < 5; j++)
			ASSERT_EQ(0, gpu(dev, .ring = j % 2, .delay_ns = j * 10000,
					 IN({ .handle = hold })));
		file = gpu_file(dev, IN({ .handle = hold }));
		ASSERT_EQ(0, complete(self->vf, i + 2));
		close(dev);
		EXPECT_TRUE(signals(file));
		EXPECT_TRUE(status(file) == 1 || status(file) == -ECANCELED);
		close(file);
		close(held);
	}
}

TEST_F(end, reset_fails_what_hangs)
{
	for (uint32_t ring = 0; ring < 2; ring++) {
		int hangs = gpu_file(self->dev, .ring = ring, .flags = VGPU_SUBMIT_HANG);
		int waits = gpu_file(self->dev, .ring = ring, IN({ .handle = self->hold }));
		int other = gpu_file(self->dev, .ring = !ring);

		EXPECT_TRUE(stays_pending(hangs));
		EXPECT_TRUE(signals(other));
		ASSERT_EQ(0, reset(self->dev, ring));
		EXPECT_EQ(-EIO, status(hangs));
		EXPECT_EQ(0, status(waits));
		if (ring) {
			release_held();
			EXPECT_TRUE(signals(waits));
			EXPECT_EQ(1, status(waits));
		} else {
			/* So that it is not in the way below. */
			close(self->dev);
			self->dev = vgpu();
			self->hold = syncobj_with(self->dev, self->held);
		}
		close(hangs);
		close(waits);
		close(other);
	}
}

static void *reset_often(void *arg)
{
	int dev = *(int *)arg;

	for (int i = 0; i < 50; i++)
		reset(dev, VGPU_RING_FAST);
	return NULL;
}

TEST_F(end, reset_beside_jobs)
{
	pthread_t threads[2];
	int file;

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, reset_often, &self->dev));
	for (int i = 0; i < 300; i++)
		ASSERT_EQ(0, gpu(self->dev, .delay_ns = i * 100,
				 .flags = i % 3 ? 0 : VGPU_SUBMIT_HANG));
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	file = gpu_file(self->dev);
	for (int i = 0; !signaled_within(file, 1); i++)
		ASSERT_EQ(0, reset(self->dev, VGPU_RING_FAST));
	close(file);
	file = gpu_file(self->dev);
	EXPECT_TRUE(signals(file));
	EXPECT_EQ(1, status(file));
	close(file);
}

/* The driver: the same tests are run on one in C. */
static const char *driver(void)
{
	return getenv("MODULE") ?: "vgpu";
}

static int load(void)
{
	return load_module(driver(), "timeout_ms=600000");
}

static int unload(void)
{
	return unload_module(driver());
}

/* The module is there again after each test, for the next. */
static int unload_and_load(void)
{
	return unload() ?: load();
}

/* The last reference may be dropped by a task work, or a work, a little later. */
static int eventually_unloads(void)
{
	int ret;

	for (int i = 0; i < 200; i++) {
		ret = unload_and_load();
		if (ret != -EWOULDBLOCK)
			break;
		usleep(20000);
	}
	return ret;
}

TEST_F(end, unload_with_fences_and_syncobjs_left)
{
	struct drm_syncobj_handle h = {};
	int files[3], again;
	uint32_t s;

	s = syncobj(self->dev);
	ASSERT_EQ(0, gpu(self->dev, OUT({ .handle = s })));
	ASSERT_EQ(0, wait_syncobj(self->dev, s));
	files[0] = sync_file_of(self->dev, s);
	files[1] = gpu_file(self->dev, .delay_ns = LONGEST);
	files[2] = gpu_file(self->dev, .ring = VGPU_RING_SLOW, IN({ .handle = self->hold }));
	ASSERT_EQ(0, gpu(self->dev, IN({ .handle = self->hold }),
			 OUT({ .handle = s, .point = 3 })));
	h.handle = s;
	ASSERT_EQ(0, ioctl(self->dev, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &h));
	EXPECT_EQ(-EWOULDBLOCK, unload());
	close(self->dev);
	self->dev = -1;
	ASSERT_EQ(0, eventually_unloads());

	EXPECT_EQ(1, status(files[0]));
	EXPECT_EQ(-ECANCELED, status(files[1]));
	EXPECT_EQ(-ECANCELED, status(files[2]));
	for (int i = 0; i < 3; i++) {
		EXPECT_STREQ(DETACHED, the_fence(files[i]).driver_name);
		EXPECT_TRUE(is_signaled(files[i]));
		close(files[i]);
	}
	/* The syncobj, with its fence, goes on with a device that is new. */
	again = vgpu();
	ASSERT_LE(0, again);
	h.handle = 0;
	ASSERT_EQ(0, ioctl(again, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &h));
	EXPECT_EQ(3, query_point(again, h.handle));
	files[0] = gpu_file(again, IN({ .handle = h.handle, .point = 3 }));
	EXPECT_TRUE(signals(files[0]));
	close(files[0]);
	close(again);
	close(h.fd);
	/* What they waited for may come now. */
	release_held();
}

TEST_F(end, dma_bufs_and_maps_keep_the_module)
{
	uint32_t b = bo(self->dev);
	int buf = export_dmabuf(self->dev, b), other;
	char *p = map_bo(self->dev, b, PAGE);
	int file = gpu_file(self->dev, .delay_ns = LONGEST,
			    BOS({ .handle = b, .flags = VGPU_BO_WRITE }));

	ASSERT_NE(MAP_FAILED, (void *)p);
	close(self->dev);
	self->dev = -1;
	/* The map has the file, so its jobs are not cancelled. */
	EXPECT_EQ(-EWOULDBLOCK, unload());
	EXPECT_EQ(0, status(file));
	strcpy(p, "still");
	munmap(p, PAGE);
	ASSERT_TRUE(signals(file));
	EXPECT_EQ(-ECANCELED, status(file));
	close(file);

	EXPECT_EQ(-EWOULDBLOCK, unload());
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, buf, 0);
	ASSERT_NE(MAP_FAILED, (void *)p);
	close(buf);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	EXPECT_STREQ("still", p);
	munmap(p, PAGE);
	EXPECT_EQ(0, eventually_unloads());

	other = vgpu();
	EXPECT_LE(0, other);
	close(other);
}

TEST_F(end, imported_buffers_keep_the_module)
{
	int vgem = drm_node("vgem", "renderD"), buf;
	uint32_t b = bo(self->dev);

	if (vgem == -ENOENT)
		SKIP(return, "there is no vgem");
	buf = export_dmabuf(self->dev, b);
	ASSERT_NE(0, import_dmabuf(vgem, buf));
	close(buf);
	close(self->dev);
	self->dev = -1;
	EXPECT_EQ(-EWOULDBLOCK, unload());
	close(vgem);
	EXPECT_EQ(0, eventually_unloads());
}

TEST_F(end, unload_between_jobs)
{
	close(self->dev);
	self->dev = -1;
	for (int i = 0; i < 10; i++) {
		int dev = vgpu();
		uint32_t b = bo(dev);

		for (int j = 0; j < i * 5; j++)
			ASSERT_EQ(0, gpu(dev, .ring = j % 2, .delay_ns = j * 50000,
					 BOS({ .handle = b, .flags = j % 4 })));
		close(dev);
		ASSERT_EQ(0, eventually_unloads());
	}
}

TEST_HARNESS_MAIN
