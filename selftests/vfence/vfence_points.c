// SPDX-License-Identifier: GPL-2.0
/*
 * Timelines of points: what sw_sync does.
 */
#include "vfence_test.h"

TIMELINE_FIXTURE(points)

static int inc(int dev, uint32_t by)
{
	return call(dev, INC(by));
}

TEST_F(points, inc_has_signalled_when_it_returns)
{
	for (uint32_t i = 1; i <= 200; i++) {
		int fd = point(self->dev, i);

		ASSERT_LE(0, fd);
		ASSERT_FALSE(is_signaled(fd));
		ASSERT_EQ(0, inc(self->dev, 1));
		ASSERT_TRUE(is_signaled(fd));
		ASSERT_EQ(1, status(fd));
		close(fd);
	}
}

TEST_F(points, inc_passes_several)
{
	int fd[10];

	for (int i = 0; i < 10; i++)
		fd[i] = point(self->dev, 10 * (i + 1));
	ASSERT_EQ(0, inc(self->dev, 9));
	EXPECT_FALSE(is_signaled(fd[0]));
	ASSERT_EQ(0, inc(self->dev, 0));
	EXPECT_FALSE(is_signaled(fd[0]));
	ASSERT_EQ(0, inc(self->dev, 41));
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(i < 5, is_signaled(fd[i]));
	EXPECT_EQ(50, query(self->dev).value);
	EXPECT_EQ(5, query(self->dev).pending);
}

TEST_F(points, born_signalled)
{
	int fd = point(self->dev, 0);

	ASSERT_LE(0, fd);
	EXPECT_TRUE(is_signaled(fd));
	ASSERT_EQ(0, inc(self->dev, 5));
	EXPECT_EQ(1, status(point(self->dev, 0)));
	EXPECT_EQ(1, status(point(self->dev, 4)));
	EXPECT_EQ(1, status(point(self->dev, 5)));
	EXPECT_EQ(0, status(point(self->dev, 6)));
	EXPECT_EQ(1, query(self->dev).pending);
}

TEST_F(points, in_any_order)
{
	static const uint32_t order[] = { 5, 2, 9, 1, 7, 3, 10, 4, 8, 6 };
	int fd[11];

	for (int i = 0; i < 10; i++) {
		fd[order[i]] = point(self->dev, order[i]);
		ASSERT_LE(0, fd[order[i]]);
	}
	for (int value = 1; value <= 10; value++) {
		ASSERT_EQ(0, inc(self->dev, 1));
		for (int i = 1; i <= 10; i++)
			ASSERT_EQ(i <= value, is_signaled(fd[i]));
	}
	for (int i = 2; i <= 10; i++)
		EXPECT_LE(timestamp(fd[i - 1]), timestamp(fd[i]));
}

TEST_F(points, equal)
{
	int a = point(self->dev, 3), b = point(self->dev, 3), c = point(self->dev, 3);

	ASSERT_LE(0, c);
	close(a);
	ASSERT_EQ(0, inc(self->dev, 2));
	EXPECT_FALSE(is_signaled(b));
	EXPECT_FALSE(is_signaled(c));
	ASSERT_EQ(0, inc(self->dev, 1));
	EXPECT_EQ(1, status(b));
	EXPECT_EQ(1, status(c));
}

TEST_F(points, merged_are_the_latest)
{
	int m = merge(point(self->dev, 9), point(self->dev, 4));

	EXPECT_EQ(1, fences_in(m));
	ASSERT_EQ(0, inc(self->dev, 8));
	EXPECT_FALSE(is_signaled(m));
	ASSERT_EQ(0, inc(self->dev, 1));
	EXPECT_TRUE(is_signaled(m));
}

TEST_F(points, nobody_has_it_any_more)
{
	int fd = point(self->dev, 1001);

	ASSERT_LE(0, fd);
	for (int i = 1; i <= 1000; i++)
		close(point(self->dev, i));
	ASSERT_EQ(0, inc(self->dev, 1001));
	EXPECT_EQ(1, status(fd));
	EXPECT_EQ(0, query(self->dev).pending);
}

TEST_F(points, wrap_around)
{
	int fd[4];

	ASSERT_EQ(0, inc(self->dev, 0xfffffff0));
	EXPECT_EQ(0xfffffff0, query(self->dev).value);
	fd[0] = point(self->dev, 0xffffffff);
	fd[1] = point(self->dev, 0);
	fd[2] = point(self->dev, 0x10);
	fd[3] = point(self->dev, 0xffffffef);
	for (int i = 0; i < 3; i++)
		EXPECT_FALSE(is_signaled(fd[i]));
	EXPECT_TRUE(is_signaled(fd[3]));
	EXPECT_EQ(0x100000010, query(self->dev).last);
	ASSERT_EQ(0, inc(self->dev, 0xf));
	EXPECT_TRUE(is_signaled(fd[0]));
	EXPECT_FALSE(is_signaled(fd[1]));
	ASSERT_EQ(0, inc(self->dev, 1));
	EXPECT_TRUE(is_signaled(fd[1]));
	EXPECT_FALSE(is_signaled(fd[2]));
	ASSERT_EQ(0, inc(self->dev, 0x10));
	EXPECT_TRUE(is_signaled(fd[2]));
	EXPECT_EQ(0x100000010, query(self->dev).value);
}

TEST_F(points, nearest_to_the_counter)
{
	EXPECT_EQ(0, status(point(self->dev, 0x7fffffff)));
	EXPECT_EQ(1, status(point(self->dev, 0x80000000)));
	EXPECT_EQ(1, status(point(self->dev, 0xffffffff)));
	ASSERT_EQ(0, inc(self->dev, 0x40000000));
	EXPECT_EQ(0, status(point(self->dev, 0xbfffffff)));
	EXPECT_EQ(1, status(point(self->dev, 0xc0000000)));
	EXPECT_EQ(1, status(point(self->dev, 0x3fffffff)));
	EXPECT_EQ(0, status(point(self->dev, 0x40000001)));
	EXPECT_EQ(0xbfffffff, query(self->dev).last);
}

TEST_F(points, largest_step)
{
	int fd = point(self->dev, 0x7fffffff), far;

	ASSERT_EQ(0, inc(self->dev, UINT32_MAX));
	EXPECT_TRUE(is_signaled(fd));
	EXPECT_EQ(UINT32_MAX, query(self->dev).value);
	ASSERT_EQ(0, inc(self->dev, 0x7fffffff));
	far = point(self->dev, 0xfffffffd);
	EXPECT_EQ(0x1fffffffd, query(self->dev).last);
	EXPECT_FALSE(is_signaled(far));
	ASSERT_EQ(0, inc(self->dev, UINT32_MAX));
	EXPECT_TRUE(is_signaled(far));
	EXPECT_EQ(0x27ffffffd, query(self->dev).value);
}

TEST_F(points, context_and_name)
{
	char name[VFENCE_NAME_LEN];
	int fd;

	memset(name, 'x', sizeof(name));
	for (int i = 0; i < 2; i++) {
		struct vfence_sw_sync_create c = { .value = 1 + i, .fence = -1 };

		/* Not looked at: not even its end. */
		memcpy(c.name, name, sizeof(name));
		ASSERT_EQ(0, call(self->dev, VFENCE_IOC_SW_SYNC_CREATE, &c));
		EXPECT_EQ(FD_CLOEXEC, fcntl(c.fence, F_GETFD));
		EXPECT_STREQ("vfence", the_fence(c.fence).driver_name);
		EXPECT_NE('x', the_fence(c.fence).obj_name[0]);
		fd = c.fence;
	}
	EXPECT_EQ(1, fences_in(merge(fd, point(self->dev, 1))));
}

TEST_F(points, close_completes_what_is_pending)
{
	int other = timeline(), fd[3];

	fd[0] = point(other, 1);
	fd[1] = point(other, 3);
	fd[2] = point(other, 2);
	ASSERT_EQ(0, inc(other, 1));
	ASSERT_EQ(0, close(other));
	EXPECT_TRUE(is_signaled(fd[1]));
	EXPECT_TRUE(is_signaled(fd[2]));
	EXPECT_EQ(1, status(fd[0]));
	EXPECT_EQ(-ENOENT, status(fd[1]));
	EXPECT_EQ(-ENOENT, status(fd[2]));
	EXPECT_LE(timestamp(fd[2]), timestamp(fd[1]));
}

TEST_F(points, bad_addresses)
{
	ASSERT_LE(0, point(self->dev, 1));
	EXPECT_EQ(-EFAULT, refused(self->dev, VFENCE_IOC_SW_SYNC_CREATE, NULL));
	EXPECT_EQ(-EFAULT, refused(self->dev, VFENCE_IOC_SW_SYNC_CREATE, (void *)-8L));
	EXPECT_EQ(-EFAULT, refused(self->dev, VFENCE_IOC_SW_SYNC_INC, NULL));
	EXPECT_EQ(-EFAULT, refused(self->dev, VFENCE_IOC_SW_SYNC_DEADLINE, NULL));
	/* Read-only data: the answer cannot be given. */
	EXPECT_EQ(-EFAULT, refused(self->dev, VFENCE_IOC_SW_SYNC_CREATE, (void *)DETACHED));
}

TEST_F(points, other_numbers)
{
	char buffer[64] = "";

	EXPECT_EQ(-ENOTTY, refused(self->dev, _IO('W', 0), buffer));
	EXPECT_EQ(-ENOTTY, refused(self->dev, _IOW('W', 0, struct vfence_sw_sync_create), buffer));
	EXPECT_EQ(-ENOTTY, refused(self->dev, _IOWR('W', 1, uint32_t), buffer));
	EXPECT_EQ(-ENOTTY, refused(self->dev, _IOW('W', 3, uint32_t), buffer));
	EXPECT_EQ(0xc0285700, VFENCE_IOC_SW_SYNC_CREATE);
	EXPECT_EQ(0x40045701, VFENCE_IOC_SW_SYNC_INC);
	EXPECT_EQ(0xc0105702, VFENCE_IOC_SW_SYNC_DEADLINE);
}

TEST_F(points, a_merge_of_many_timelines)
{
	int dev[32], all = -1, next;

	for (int i = 0; i < 32; i++) {
		dev[i] = timeline();
		ASSERT_LE(0, dev[i]);
		next = point(dev[i], i + 1);
		all = all < 0 ? next : merge(all, next);
	}
	EXPECT_EQ(32, fences_in(all));
	for (int i = 31; i >= 0; i--) {
		EXPECT_FALSE(is_signaled(all));
		ASSERT_EQ(0, inc(dev[i], i + 1));
	}
	/* The array signals from an irq_work of the core's. */
	EXPECT_TRUE(signals(all));
	EXPECT_EQ(1, status(all));
}

TEST_HARNESS_MAIN
