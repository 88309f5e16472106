// SPDX-License-Identifier: GPL-2.0
/*
 * Arrays of descriptors, as three ioctls take them: what a job waits for, what goes
 * into an array with it, and what is combined.
 */
#include "vfence_test.h"

#include <sys/mman.h>

FIXTURE(fds) {
	int dev;
	/* As many as the device takes, and one more. */
	int fd[VFENCE_MAX_FDS + 1];
};

FIXTURE_VARIANT(fds) {
	int (*pass)(int dev, const void *fds, uint32_t count);
	int error_of_none;
};

static int pass_in(int dev, const void *fds, uint32_t count)
{
	return refused(dev, SUBMIT(.flags = VFENCE_SUBMIT_MANUAL, .in_fences = (uintptr_t)fds,
				   .in_count = count));
}

static int pass_out(int dev, const void *fds, uint32_t count)
{
	return refused(dev, SUBMIT(.flags = VFENCE_SUBMIT_MANUAL, .out = VFENCE_OUT_ARRAY,
				   .out_fences = (uintptr_t)fds, .out_count = count));
}

static int pass_combined(int dev, const void *fds, uint32_t count)
{
	return refused(dev, COMBINE(.fences = (uintptr_t)fds, .count = count));
}

static int pass_merged(int dev, const void *fds, uint32_t count)
{
	return refused(dev, COMBINE(.how = VFENCE_COMBINE_MERGE, .fences = (uintptr_t)fds,
				    .count = count));
}

FIXTURE_VARIANT_ADD(fds, in) { .pass = pass_in };
FIXTURE_VARIANT_ADD(fds, out) { .pass = pass_out };
FIXTURE_VARIANT_ADD(fds, combined) { .pass = pass_combined, .error_of_none = -EINVAL };
FIXTURE_VARIANT_ADD(fds, merged) { .pass = pass_merged, .error_of_none = -EINVAL };

FIXTURE_SETUP(fds)
{
	self->dev = timeline();
	if (self->dev < 0 && errno == ENOENT)
		SKIP(return, "there is no /dev/vfence");
	ASSERT_LE(0, self->dev);
	self->fd[0] = manual(self->dev);
	ASSERT_LE(0, self->fd[0]);
	for (int i = 1; i <= VFENCE_MAX_FDS; i++)
		self->fd[i] = self->fd[0];
}

FIXTURE_TEARDOWN(fds)
{
	close(self->dev);
}

TEST_F(fds, counts)
{
	EXPECT_EQ(variant->error_of_none, variant->pass(self->dev, NULL, 0));
	EXPECT_EQ(0, variant->pass(self->dev, self->fd, 1));
	EXPECT_EQ(0, variant->pass(self->dev, self->fd, 2));
	EXPECT_EQ(0, variant->pass(self->dev, self->fd, VFENCE_MAX_FDS));
}

TEST_F(fds, too_many)
{
	EXPECT_EQ(-EINVAL, variant->pass(self->dev, self->fd, VFENCE_MAX_FDS + 1));
	EXPECT_EQ(-EINVAL, variant->pass(self->dev, self->fd, 1U << 30));
	EXPECT_EQ(-EINVAL, variant->pass(self->dev, self->fd, UINT32_MAX));
}

TEST_F(fds, pointer_without_a_count)
{
	EXPECT_EQ(-EINVAL, variant->pass(self->dev, self->fd, 0));
	EXPECT_EQ(-EINVAL, variant->pass(self->dev, (void *)8, 0));
}

TEST_F(fds, bad_pointer)
{
	EXPECT_EQ(-EFAULT, variant->pass(self->dev, NULL, 1));
	EXPECT_EQ(-EFAULT, variant->pass(self->dev, (void *)8, 1));
	EXPECT_EQ(-EFAULT, variant->pass(self->dev, (void *)-4L, 1));
	EXPECT_EQ(-EFAULT, variant->pass(self->dev, (void *)(1L << 63), VFENCE_MAX_FDS));
}

TEST_F(fds, array_that_ends_too_early)
{
	long page = sysconf(_SC_PAGESIZE);
	char *area = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	ASSERT_NE(MAP_FAILED, area);
	ASSERT_EQ(0, mprotect(area + page, page, PROT_NONE));
	memcpy(area + page - 2 * sizeof(int), self->fd, 2 * sizeof(int));
	EXPECT_EQ(0, variant->pass(self->dev, area + page - 2 * sizeof(int), 2));
	EXPECT_EQ(-EFAULT, variant->pass(self->dev, area + page - 2 * sizeof(int), 3));
	memcpy(area + page - 6, self->fd, 6);
	EXPECT_EQ(0, variant->pass(self->dev, area + page - 6, 1));
	EXPECT_EQ(-EFAULT, variant->pass(self->dev, area + page - 6, 2));
}

TEST_F(fds, other_kinds_of_descriptors)
{
	int end[2], bad[8], places[] = { 0, VFENCE_MAX_FDS / 2, VFENCE_MAX_FDS - 1 };

	ASSERT_EQ(0, pipe(end));
	bad[0] = self->dev;
	bad[1] = end[0];
	bad[2] = open("/dev/null", O_RDWR);
	bad[3] = open("/", O_RDONLY);
	bad[4] = open("/proc/self/exe", O_PATH);
	bad[5] = -1;
	bad[6] = INT32_MAX;
	bad[7] = end[1];
	close(end[1]);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, variant->pass(self->dev, &bad[i], 1));
		for (unsigned int at = 0; at < ARRAY_SIZE(places); at++) {
			self->fd[places[at]] = bad[i];
			EXPECT_EQ(-EINVAL, variant->pass(self->dev, self->fd, VFENCE_MAX_FDS));
			self->fd[places[at]] = self->fd[VFENCE_MAX_FDS];
		}
	}
	EXPECT_EQ(0, variant->pass(self->dev, self->fd, VFENCE_MAX_FDS));
}

/* Signalled, a container, another's: all are sync_files. */
TEST_F(fds, all_kinds_of_sync_files)
{
	int other = timeline(), all[5];

	ASSERT_LE(0, other);
	all[0] = manual(other);
	all[1] = submit(other, .error = -EIO);
	ASSERT_EQ(0, complete(other, 2));
	all[2] = combine(self->dev, VFENCE_COMBINE_ARRAY, self->fd, 2);
	all[3] = chain(self->dev, 1, -1, self->fd[0]);
	all[4] = merge(self->fd[0], manual(other));
	for (int i = 0; i < 5; i++) {
		ASSERT_LE(0, all[i]);
		EXPECT_EQ(0, variant->pass(self->dev, &all[i], 1));
	}
	EXPECT_EQ(0, variant->pass(self->dev, all, 5));
}

TEST_HARNESS_MAIN
