// SPDX-License-Identifier: GPL-2.0
/*
 * Deadlines: set with SYNC_IOC_SET_DEADLINE, asked for as sw_sync does it.
 */
#include "vfence_test.h"

TIMELINE_FIXTURE(deadline)

/* The deadline of the fence in a sync_file, or -errno. */
static int64_t of(int dev, int fd)
{
	struct vfence_sw_sync_deadline d = { .fence_fd = fd };

	return ioctl(dev, VFENCE_IOC_SW_SYNC_DEADLINE, &d) ? -errno : (int64_t)d.deadline_ns;
}

TEST_F(deadline, earliest_counts)
{
	int fd = manual(self->dev), other = manual(self->dev);

	EXPECT_EQ(-ENOENT, of(self->dev, fd));
	ASSERT_EQ(0, set_deadline(fd, 2000));
	EXPECT_EQ(2000, of(self->dev, fd));
	ASSERT_EQ(0, set_deadline(fd, 3000));
	EXPECT_EQ(2000, of(self->dev, fd));
	ASSERT_EQ(0, set_deadline(fd, 1000));
	EXPECT_EQ(1000, of(self->dev, fd));
	EXPECT_EQ(-ENOENT, of(self->dev, other));
}

TEST_F(deadline, limits)
{
	static const int64_t all[] = { INT64_MAX, 1, 0 };

	for (int i = 0; i < 3; i++) {
		int fd = manual(self->dev);

		ASSERT_EQ(0, set_deadline(fd, all[i]));
		EXPECT_EQ(all[i], of(self->dev, fd));
	}
}

/* Of every kind of timeline, and also when that is closed. */
TEST_F(deadline, stays_after_the_signal)
{
	for (uint32_t kind = VFENCE_KIND_ORDERED; kind <= VFENCE_KIND_POINTS; kind++) {
		int dev = timeline(), fd[2];

		ASSERT_EQ(0, setup(dev, kind));
		for (int i = 0; i < 2; i++) {
			fd[i] = kind == VFENCE_KIND_POINTS ? point(dev, i + 1) : manual(dev);
			ASSERT_LE(0, fd[i]);
		}
		ASSERT_EQ(0, set_deadline(fd[0], 5));
		ASSERT_EQ(0, kind == VFENCE_KIND_POINTS ? call(dev, INC(2)) : complete(dev, 2));
		EXPECT_EQ(5, of(dev, fd[0]));
		EXPECT_EQ(-ENOENT, of(dev, fd[1]));
		/* It is too late for another one. */
		ASSERT_EQ(0, set_deadline(fd[0], 4));
		ASSERT_EQ(0, set_deadline(fd[1], 4));
		EXPECT_EQ(5, of(dev, fd[0]));
		EXPECT_EQ(-ENOENT, of(dev, fd[1]));
		close(dev);
		EXPECT_EQ(5, of(self->dev, fd[0]));
		EXPECT_EQ(-ENOENT, of(self->dev, fd[1]));
	}
}

TEST_F(deadline, of_what_is_in_a_container)
{
	int fd[4], all[3];

	ASSERT_EQ(0, setup(self->dev, VFENCE_KIND_UNORDERED));
	for (int i = 0; i < 4; i++)
		fd[i] = manual(self->dev);
	all[0] = combine(self->dev, VFENCE_COMBINE_ARRAY, fd, 2);
	all[1] = chain(self->dev, 1, -1, fd[2]);
	ASSERT_EQ(0, set_deadline(all[0], 7));
	ASSERT_EQ(0, set_deadline(all[1], 8));
	EXPECT_EQ(7, of(self->dev, fd[0]));
	EXPECT_EQ(7, of(self->dev, fd[1]));
	EXPECT_EQ(8, of(self->dev, fd[2]));
	EXPECT_EQ(-ENOENT, of(self->dev, fd[3]));
	all[2] = merge(fd[2], fd[3]);
	ASSERT_EQ(0, set_deadline(all[2], 6));
	EXPECT_EQ(6, of(self->dev, fd[2]));
	EXPECT_EQ(6, of(self->dev, fd[3]));
	/* A container is none of the device's fences. */
	EXPECT_EQ(-EINVAL, of(self->dev, all[0]));
	EXPECT_EQ(-EINVAL, of(self->dev, all[1]));
}

TEST_F(deadline, of_a_point)
{
	int fd[4] = { point(self->dev, 5), point(self->dev, 6), point(self->dev, 5) };

	EXPECT_EQ(-ENOENT, of(self->dev, fd[0]));
	ASSERT_EQ(0, set_deadline(fd[0], 50));
	EXPECT_EQ(50, of(self->dev, fd[0]));
	/* They are one fence. */
	EXPECT_EQ(50, of(self->dev, fd[2]));
	EXPECT_EQ(-ENOENT, of(self->dev, fd[1]));
	ASSERT_EQ(0, call(self->dev, INC(0xfffffff0)));
	fd[3] = point(self->dev, 5);
	EXPECT_EQ(-ENOENT, of(self->dev, fd[3]));
	ASSERT_EQ(0, set_deadline(fd[3], 60));
	EXPECT_EQ(50, of(self->dev, fd[0]));
	EXPECT_EQ(60, of(self->dev, fd[3]));
}

/* A point that nobody has any more takes its deadline along, as with sw_sync. */
TEST_F(deadline, goes_with_its_fence)
{
	int fd = point(self->dev, 9), copy = dup(fd), later;

	ASSERT_EQ(0, set_deadline(fd, 100));
	close(fd);
	fd = point(self->dev, 9);
	EXPECT_EQ(100, of(self->dev, fd));
	close(fd);
	close(copy);
	fd = point(self->dev, 9);
	EXPECT_EQ(-ENOENT, of(self->dev, fd));
	ASSERT_EQ(0, set_deadline(fd, 500));
	EXPECT_EQ(500, of(self->dev, fd));
	/* One that is born signalled is another fence. */
	ASSERT_EQ(0, call(self->dev, INC(9)));
	later = point(self->dev, 9);
	EXPECT_EQ(-ENOENT, of(self->dev, later));
	EXPECT_EQ(500, of(self->dev, fd));
}

TEST_F(deadline, arguments)
{
	int other = timeline(), fd = point(self->dev, 1), two = merge(fd, manual(other));

	ASSERT_EQ(0, set_deadline(fd, 9));
	EXPECT_EQ(9, of(other, fd));
	EXPECT_EQ(-EINVAL, refused(self->dev, SW_DEADLINE(.fence_fd = fd, .deadline_ns = 1)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SW_DEADLINE(.fence_fd = fd,
							  .deadline_ns = 1ULL << 63)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SW_DEADLINE(.fence_fd = fd, .pad = 1)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SW_DEADLINE(.fence_fd = fd, .pad = 1U << 31)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SW_DEADLINE(.fence_fd = -1)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SW_DEADLINE(.fence_fd = self->dev)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SW_DEADLINE(.fence_fd = 0)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SW_DEADLINE(.fence_fd = two)));
}

/* Pending or signalled, a fence of sw_sync is none of the device's. */
TEST_F(deadline, of_another_drivers_fence)
{
	int sw = open("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC), fd;

	if (sw < 0)
		SKIP(return, "there is no sw_sync");
	fd = point(sw, 1);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, of(self->dev, fd));
	ASSERT_EQ(0, call(sw, INC(1)));
	EXPECT_EQ(-EINVAL, of(self->dev, fd));
	/* Nor is the fence that a merge makes of those that have signalled. */
	EXPECT_EQ(-EINVAL, of(self->dev, merge(fd, fd)));
	close(sw);
}

TEST_F(deadline, may_be_set_at_any_time)
{
	int fd = timed(self->dev, 20 * MSEC);

	EXPECT_EQ(0, set_deadline(fd, now_ns()));
	ASSERT_TRUE(signals(fd));
	EXPECT_EQ(0, set_deadline(fd, now_ns()));
}

TEST_HARNESS_MAIN
