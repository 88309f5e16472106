// SPDX-License-Identifier: GPL-2.0
/*
 * The module is unloaded, and sync_files of it are left. It is where the guest's are,
 * or at $VFENCE_KO.
 */
#include "vfence_test.h"

#include <sys/syscall.h>

static int load(void)
{
	const char *path = getenv("VFENCE_KO");
	int file = open(path ?: "/lib/modules/vfence.ko", O_RDONLY | O_CLOEXEC), ret;

	if (file < 0)
		return -errno;
	ret = syscall(SYS_finit_module, file, "", 0) ? -errno : 0;
	close(file);
	return ret;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "vfence", O_NONBLOCK) ? -errno : 0;
}

TIMELINE_FIXTURE(unload)

TEST_F(unload, not_while_it_is_open)
{
	int fd = manual(self->dev);

	EXPECT_EQ(-EWOULDBLOCK, unload());
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_EQ(1, status(fd));
	EXPECT_EQ(-EWOULDBLOCK, unload());
}

TEST_F(unload, fences_stay)
{
	struct sync_fence_info f[2];
	struct sync_file_info info;
	int fd[6], other = timeline(), merged, again;

	fd[0] = manual(self->dev);
	fd[1] = submit(self->dev, .flags = VFENCE_SUBMIT_MANUAL, .error = -EIO);
	fd[2] = manual(self->dev);
	fd[3] = point(other, 5);
	fd[4] = combine(other, VFENCE_COMBINE_ARRAY, &fd[2], 2);
	fd[5] = chain(other, 1, -1, fd[3]);
	ASSERT_LE(0, fd[5]);
	ASSERT_EQ(0, complete(self->dev, 2));
	close(self->dev);
	close(other);
	self->dev = -1;
	ASSERT_EQ(0, unload());

	EXPECT_EQ(1, status(fd[0]));
	EXPECT_EQ(-EIO, status(fd[1]));
	EXPECT_EQ(-ENOENT, status(fd[2]));
	EXPECT_EQ(-ENOENT, status(fd[3]));
	for (int i = 0; i < 4; i++) {
		EXPECT_TRUE(is_signaled(fd[i]));
		EXPECT_STREQ(DETACHED, the_fence(fd[i]).driver_name);
		EXPECT_STREQ("signaled-timeline", the_fence(fd[i]).obj_name);
	}
	ASSERT_EQ(2, describe(fd[4], &info, f, 2));
	EXPECT_STREQ(DETACHED, f[0].driver_name);
	EXPECT_STREQ(DETACHED, f[1].driver_name);
	EXPECT_TRUE(signals(fd[4]));
	EXPECT_TRUE(signals(fd[5]));
	EXPECT_EQ(0, set_deadline(fd[3], 5));
	merged = merge(fd[2], fd[3]);
	EXPECT_TRUE(signals(merged));

	/* Another module is the same to them as any driver's. */
	ASSERT_EQ(0, load());
	self->dev = timeline();
	ASSERT_LE(0, self->dev);
	again = submit(self->dev, .in_fences = (uintptr_t)fd, .in_count = 6,
		       .flags = VFENCE_SUBMIT_IN_ERROR);
	ASSERT_TRUE(signals(again));
	EXPECT_EQ(-EIO, status(again));
	EXPECT_EQ(-EINVAL, refused(self->dev, SW_DEADLINE(.fence_fd = fd[3])));
}

/* The last descriptor of a timeline goes as it is unloaded, or before. */
TEST_F(unload, right_behind_the_close)
{
	for (int i = 0; i < 10; i++) {
		int fd = timed(self->dev, (i % 4) * MSEC), ret;

		ASSERT_LE(0, fd);
		close(self->dev);
		do {
			ret = unload();
		} while (ret == -EWOULDBLOCK);
		ASSERT_EQ(0, ret);
		EXPECT_TRUE(is_signaled(fd));
		ASSERT_EQ(0, load());
		self->dev = timeline();
		ASSERT_LE(0, self->dev);
		close(fd);
	}
}

TEST_HARNESS_MAIN
