// SPDX-License-Identifier: GPL-2.0
/*
 * Implicit synchronisation: between jobs, clients and drivers that share buffers.
 */
#include "vgpu_test.h"

#include <signal.h>
#include <sys/time.h>

#include <linux/udmabuf.h>
#include <drm/vgem_drm.h>

VGPU_FIXTURE(buffers)

#define READ	DMA_BUF_SYNC_READ
#define WRITE	DMA_BUF_SYNC_WRITE

/* A job that is held and uses a buffer with these flags; returns its sync_file. */
static int held_job(int dev, uint32_t hold, uint32_t handle, uint32_t flags)
{
	return gpu_file(dev, IN({ .handle = hold }), BOS({ .handle = handle, .flags = flags }));
}

/* A job of another client, on the other ring, with the same buffer. */
static int later_job(int dev, uint32_t handle, uint32_t flags)
{
	return gpu_file(dev, .ring = VGPU_RING_SLOW,
			BOS({ .handle = handle, .flags = flags }));
}

FIXTURE(usage) { int dev, other, vf, held, buf; uint32_t hold, mine, theirs; };
FIXTURE_VARIANT(usage) { uint32_t first, second; int waits; };

FIXTURE_VARIANT_ADD(usage, read_read) { 0, 0, 0 };
FIXTURE_VARIANT_ADD(usage, read_write) { 0, VGPU_BO_WRITE, 1 };
FIXTURE_VARIANT_ADD(usage, write_read) { VGPU_BO_WRITE, 0, 1 };
FIXTURE_VARIANT_ADD(usage, write_write) { VGPU_BO_WRITE, VGPU_BO_WRITE, 1 };
FIXTURE_VARIANT_ADD(usage, explicit_read) { VGPU_BO_EXPLICIT, 0, 0 };
FIXTURE_VARIANT_ADD(usage, explicit_write) { VGPU_BO_EXPLICIT | VGPU_BO_WRITE, VGPU_BO_WRITE, 0 };
FIXTURE_VARIANT_ADD(usage, write_explicit) { VGPU_BO_WRITE, VGPU_BO_EXPLICIT, 0 };

FIXTURE_SETUP(usage)
{
	self->dev = vgpu();
	self->other = vgpu();
	self->vf = timeline();
	if (self->dev == -ENOENT || self->vf < 0)
		SKIP(return, "there is no vgpu, or no vfence");
	self->held = manual(self->vf);
	self->hold = syncobj_with(self->dev, self->held);
	self->mine = bo(self->dev);
	self->buf = export_dmabuf(self->dev, self->mine);
	ASSERT_LE(0, self->buf);
	self->theirs = import_dmabuf(self->other, self->buf);
	ASSERT_NE(0, self->theirs);
}

FIXTURE_TEARDOWN(usage)
{
	close(self->buf);
	close(self->held);
	close(self->vf);
	close(self->dev);
	close(self->other);
}

TEST_F(usage, waits)
{
	int first = held_job(self->dev, self->hold, self->mine, variant->first);
	int second = later_job(self->other, self->theirs, variant->second);

	ASSERT_LE(0, first);
	ASSERT_LE(0, second);
	EXPECT_EQ(variant->waits,
		  !signaled_within(second, variant->waits ? SETTLE_MSEC : WAIT_MSEC));
	EXPECT_EQ(0, status(first));
	release_held();
	EXPECT_TRUE(signals(first));
	EXPECT_TRUE(signals(second));
	close(first);
	close(second);
}

TEST_F(buffers, seen_through_the_dma_buf)
{
	uint32_t read = bo(self->dev), write = bo(self->dev), explicit = bo(self->dev);
	int bufs[] = { export_dmabuf(self->dev, read), export_dmabuf(self->dev, write),
		       export_dmabuf(self->dev, explicit) };
	int file;

	ASSERT_EQ(0, gpu(self->dev, IN({ .handle = self->hold }),
			 BOS({ .handle = read }, { .handle = write, .flags = VGPU_BO_WRITE },
			     { .handle = explicit, .flags = VGPU_BO_EXPLICIT })));
	for (int i = 0; i < 3; i++) {
		file = fences_of(bufs[i], READ);
		EXPECT_EQ(i != 1, is_signaled(file));
		close(file);
		file = fences_of(bufs[i], WRITE);
		EXPECT_EQ(i == 2, is_signaled(file));
		close(file);
	}
	file = fences_of(bufs[1], WRITE);
	release_held();
	EXPECT_TRUE(signals(file));
	close(file);
	for (int i = 0; i < 3; i++)
		close(bufs[i]);
}

TEST_F(buffers, wait_for_a_buffer)
{
	uint32_t read = bo(self->dev), write = bo(self->dev);

	ASSERT_EQ(0, gpu(self->dev, IN({ .handle = self->hold }),
			 BOS({ .handle = read }, { .handle = write, .flags = VGPU_BO_WRITE })));
	EXPECT_EQ(0, gem_wait(self->dev, read, 0, 0));
	EXPECT_EQ(-ETIME, gem_wait(self->dev, read, VGPU_BO_WRITE, from_now(1)));
	EXPECT_EQ(-ETIME, gem_wait(self->dev, write, 0, from_now(1)));
	/* These have passed. */
	EXPECT_EQ(-ETIME, gem_wait(self->dev, write, 0, from_now(-1)));
	EXPECT_EQ(-ETIME, gem_wait(self->dev, write, 0, 0));
	release_held();
	EXPECT_EQ(0, gem_wait(self->dev, read, VGPU_BO_WRITE, -1));
	EXPECT_EQ(0, gem_wait(self->dev, write, VGPU_BO_WRITE, -1));
}

static void ignore(int signal)
{
}

/* Each signal restarts the ioctl. */
TEST_F(buffers, signals_do_not_prolong_a_wait)
{
	struct sigaction act = { .sa_handler = ignore, .sa_flags = SA_RESTART };
	struct itimerval timer = { .it_interval.tv_usec = 20000, .it_value.tv_usec = 20000 };
	uint32_t b = bo(self->dev);

	ASSERT_EQ(0, gpu(self->dev, IN({ .handle = self->hold }),
			 BOS({ .handle = b, .flags = VGPU_BO_WRITE })));
	ASSERT_EQ(0, sigaction(SIGALRM, &act, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
	EXPECT_EQ(-ETIME, gem_wait(self->dev, b, 0, from_now(200)));
	memset(&timer, 0, sizeof(timer));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
	release_held();
}

TEST_F(buffers, same_buffer_several_times)
{
	uint32_t b = bo(self->dev);
	int file = -1;

	for (int i = 0; i < 3; i++) {
		if (i)
			close(file);
		file = gpu_file(self->dev, IN({ .handle = self->hold }),
				BOS({ .handle = b }, { .handle = b, .flags = VGPU_BO_WRITE },
				    { .handle = b }, { .handle = b, .flags = VGPU_BO_EXPLICIT }));
		ASSERT_LE(0, file);
	}
	EXPECT_EQ(-ETIME, gem_wait(self->dev, b, 0, from_now(1)));
	release_held();
	EXPECT_TRUE(signals(file));
	close(file);
}

TEST_F(buffers, fence_attached_by_user_space)
{
	uint32_t b = bo(self->dev);
	int buf = export_dmabuf(self->dev, b), file;

	ASSERT_EQ(0, attach_fence(buf, WRITE, self->held));
	file = gpu_file(self->dev, BOS({ .handle = b }));
	EXPECT_TRUE(stays_pending(file));
	release_held();
	EXPECT_TRUE(signals(file));
	close(file);
	close(buf);
}

/* What is shared has the same memory and the same fences on both sides. */
static void both_sides(struct __test_metadata *_metadata,
		       struct _test_data_buffers *self, int buf)
{
	uint32_t handle = import_dmabuf(self->dev, buf);
	int first, second, file;
	char *p;

	ASSERT_NE(0, handle);
	/* The same dma-buf is the same object. */
	EXPECT_EQ(handle, import_dmabuf(self->dev, buf));
	p = map_bo(self->dev, handle, PAGE);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_STREQ("shared", p);
	munmap(p, PAGE);

	/* vgpu's fence is seen through the dma-buf, and another's is waited for. */
	first = held_job(self->dev, self->hold, handle, VGPU_BO_WRITE);
	file = fences_of(buf, READ);
	EXPECT_TRUE(stays_pending(file));
	second = later_job(self->dev, handle, 0);
	EXPECT_TRUE(stays_pending(second));
	ASSERT_EQ(0, complete(self->vf, 1));
	EXPECT_TRUE(signals(file));
	EXPECT_TRUE(signals(second));
	close(first);
	close(second);
	close(file);

	file = manual(self->vf);
	ASSERT_EQ(0, attach_fence(buf, WRITE, file));
	first = gpu_file(self->dev, BOS({ .handle = handle }));
	EXPECT_TRUE(stays_pending(first));
	ASSERT_EQ(0, complete(self->vf, 2));
	EXPECT_TRUE(signals(first));
	close(first);
	close(file);

	/* The job keeps it. */
	first = gpu_file(self->dev, .delay_ns = MSEC, BOS({ .handle = handle }));
	ASSERT_EQ(0, gem_close(self->dev, handle));
	close(buf);
	EXPECT_TRUE(signals(first));
	close(first);
}

TEST_F(buffers, imported_from_udmabuf)
{
	struct udmabuf_create create = { .size = PAGE };
	int udmabuf = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), buf;

	if (udmabuf < 0)
		SKIP(return, "there is no udmabuf");
	create.memfd = syscall(SYS_memfd_create, "vgpu", MFD_ALLOW_SEALING);
	ASSERT_EQ(0, ftruncate(create.memfd, PAGE));
	ASSERT_EQ(7, pwrite(create.memfd, "shared", 7, 0));
	ASSERT_EQ(0, fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK));
	buf = ioctl(udmabuf, UDMABUF_CREATE, &create);
	ASSERT_LE(0, buf);
	both_sides(_metadata, self, buf);
	close(create.memfd);
	close(udmabuf);
}

/* A buffer of vgem's; returns its handle, or 0. */
static uint32_t vgem_bo(int vgem, char **p)
{
	struct drm_mode_create_dumb create = { .width = 32, .height = 32, .bpp = 32 };
	struct drm_mode_map_dumb map = {};

	if (ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		return 0;
	map.handle = create.handle;
	if (ioctl(vgem, DRM_IOCTL_MODE_MAP_DUMB, &map))
		return 0;
	*p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, vgem, map.offset);
	return *p == MAP_FAILED ? 0 : create.handle;
}

TEST_F(buffers, imported_from_vgem)
{
	int vgem = drm_node("vgem", "card"), buf;
	uint32_t handle;
	char *p;

	if (vgem == -ENOENT)
		SKIP(return, "there is no vgem");
	handle = vgem_bo(vgem, &p);
	ASSERT_NE(0, handle);
	strcpy(p, "shared");
	munmap(p, PAGE);
	buf = export_dmabuf(vgem, handle);
	ASSERT_LE(0, buf);
	both_sides(_metadata, self, buf);
	close(vgem);
}

TEST_F(buffers, fence_of_vgem)
{
	struct drm_vgem_fence_attach attach = { .flags = VGEM_FENCE_WRITE };
	struct drm_vgem_fence_signal signal = {};
	int vgem = drm_node("vgem", "card"), buf, file;
	uint32_t mine;
	char *p;

	if (vgem == -ENOENT)
		SKIP(return, "there is no vgem");
	attach.handle = vgem_bo(vgem, &p);
	ASSERT_NE(0, attach.handle);
	munmap(p, PAGE);
	buf = export_dmabuf(vgem, attach.handle);
	mine = import_dmabuf(self->dev, buf);
	ASSERT_NE(0, mine);
	/* It times out by itself, after 10 s. */
	ASSERT_EQ(0, ioctl(vgem, DRM_IOCTL_VGEM_FENCE_ATTACH, &attach));
	file = gpu_file(self->dev, BOS({ .handle = mine }));
	EXPECT_TRUE(stays_pending(file));
	signal.fence = attach.out_fence;
	ASSERT_EQ(0, ioctl(vgem, DRM_IOCTL_VGEM_FENCE_SIGNAL, &signal));
	EXPECT_TRUE(signals(file));
	close(file);

	/* And vgem waits for vgpu: it does not attach where a fence is pending. */
	file = held_job(self->dev, self->hold, mine, VGPU_BO_WRITE);
	EXPECT_EQ(-1, ioctl(vgem, DRM_IOCTL_VGEM_FENCE_ATTACH, &attach));
	EXPECT_EQ(EBUSY, errno);
	release_held();
	EXPECT_TRUE(signals(file));
	close(file);
	close(buf);
	close(vgem);
}

TEST_F(buffers, exported_to_vgem)
{
	int vgem = drm_node("vgem", "renderD"), buf, file;
	uint32_t mine = bo(self->dev), theirs;
	char *p = map_bo(self->dev, mine, PAGE);

	if (vgem == -ENOENT)
		SKIP(return, "there is no vgem");
	ASSERT_NE(MAP_FAILED, (void *)p);
	strcpy(p, "shared");
	buf = export_dmabuf(self->dev, mine);
	theirs = import_dmabuf(vgem, buf);
	ASSERT_NE(0, theirs);
	close(buf);
	/* vgem's handle keeps the memory, and has vgpu's fence. */
	file = held_job(self->dev, self->hold, mine, VGPU_BO_WRITE);
	munmap(p, PAGE);
	ASSERT_EQ(0, gem_close(self->dev, mine));
	buf = export_dmabuf(vgem, theirs);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, buf, 0);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_STREQ("shared", p);
	munmap(p, PAGE);
	close(file);
	file = fences_of(buf, READ);
	EXPECT_TRUE(stays_pending(file));
	release_held();
	EXPECT_TRUE(signals(file));
	close(file);
	close(buf);
	close(vgem);
}

TEST_HARNESS_MAIN
