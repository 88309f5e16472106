// SPDX-License-Identifier: GPL-2.0
/*
 * Fences that go into a buffer and out of it as sync_files, by the kernel's own
 * ioctls and by vfence's.
 */
#include "resv_test.h"

FIXTURE(files) {
	int dev, buf, other, a, b;
};

FIXTURE_SETUP(files)
{
	self->dev = timeline();
	if (self->dev < 0 && errno == ENOENT)
		SKIP(return, "there is no /dev/vfence");
	ASSERT_LE(0, self->dev);
	self->buf = buffer();
	if (self->buf == -ENOENT)
		SKIP(return, "there is no /dev/udmabuf");
	ASSERT_LE(0, self->buf);
	self->other = timeline();
	ASSERT_LE(0, self->other);
	self->a = manual(self->dev);
	ASSERT_LE(0, self->a);
	self->b = manual(self->other);
	ASSERT_LE(0, self->b);
}

FIXTURE_TEARDOWN(files)
{
	close(self->a);
	close(self->b);
	close(self->other);
	close(self->buf);
	close(self->dev);
}

TEST_F(files, imported_as_read_is_a_read)
{
	ASSERT_EQ(0, import(self->buf, self->a, DMA_BUF_SYNC_READ));
	EXPECT_EQ(10, counts(self->dev, self->buf));
	EXPECT_EQ(0, pending(self->dev, self->buf, VFENCE_USAGE_WRITE));
	EXPECT_EQ(1, pending(self->dev, self->buf, VFENCE_USAGE_READ));
	EXPECT_TRUE(is_ready(self->buf, POLLIN));
	EXPECT_FALSE(is_ready(self->buf, POLLOUT));

	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_TRUE(ready_within(self->buf, POLLOUT, WAIT_MSEC));
	EXPECT_EQ(0, counts(self->dev, self->buf));
}

TEST_F(files, imported_as_write_is_a_write)
{
	ASSERT_EQ(0, import(self->buf, self->a, DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(100, counts(self->dev, self->buf));
	EXPECT_EQ(0, pending(self->dev, self->buf, VFENCE_USAGE_KERNEL));
	EXPECT_EQ(1, pending(self->dev, self->buf, VFENCE_USAGE_WRITE));
	EXPECT_FALSE(is_ready(self->buf, POLLIN));
	EXPECT_FALSE(is_ready(self->buf, POLLOUT));

	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_TRUE(ready_within(self->buf, POLLIN, WAIT_MSEC));
	EXPECT_TRUE(ready_within(self->buf, POLLOUT, WAIT_MSEC));
}

TEST_F(files, imported_as_both_is_a_write)
{
	ASSERT_EQ(0, import(self->buf, self->a, DMA_BUF_SYNC_RW));
	EXPECT_EQ(100, counts(self->dev, self->buf));
}

TEST_F(files, imported_merge_counts_by_fence)
{
	int m = merge(self->a, self->b);

	ASSERT_LE(0, m);
	ASSERT_EQ(0, import(self->buf, m, DMA_BUF_SYNC_READ));
	EXPECT_EQ(20, counts(self->dev, self->buf));
	ASSERT_EQ(0, complete(self->dev, 1));
	ASSERT_TRUE(signaled_within(self->a, WAIT_MSEC));
	EXPECT_EQ(10, counts(self->dev, self->buf));
}

/* Explicit synchronisation that takes part in implicit one after all. */
TEST_F(files, import_promotes_bookkeeping)
{
	ASSERT_EQ(0, attach(self->dev, self->buf, self->a, VFENCE_USAGE_BOOKKEEP));
	ASSERT_EQ(0, import(self->buf, self->a, DMA_BUF_SYNC_READ));
	EXPECT_EQ(10, counts(self->dev, self->buf));
	EXPECT_FALSE(is_ready(self->buf, POLLOUT));
}

/* A fence of a third driver, that never heard of this one. */
TEST_F(files, fence_of_another_driver)
{
	struct { uint32_t value; char name[32]; int32_t fence; } create = { .value = 1 };
	uint32_t one = 1;
	int sw_sync = open("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC);

	if (sw_sync < 0)
		SKIP(return, "there is no sw_sync");
	ASSERT_EQ(0, ioctl(sw_sync, _IOWR('W', 0, create), &create));
	ASSERT_EQ(0, attach(self->dev, self->buf, create.fence, VFENCE_USAGE_KERNEL));
	EXPECT_EQ(1000, counts(self->dev, self->buf));
	EXPECT_FALSE(is_ready(self->buf, POLLIN));
	ASSERT_EQ(0, ioctl(sw_sync, _IOW('W', 1, uint32_t), &one));
	EXPECT_TRUE(ready_within(self->buf, POLLIN, WAIT_MSEC));
	EXPECT_EQ(0, counts(self->dev, self->buf));
}

TEST_F(files, merge_is_attached_fence_by_fence)
{
	int m = merge(self->a, self->b);

	ASSERT_LE(0, m);
	ASSERT_EQ(0, attach(self->dev, self->buf, m, VFENCE_USAGE_WRITE));
	EXPECT_EQ(200, counts(self->dev, self->buf));

	/* So that one of them can be promoted. */
	ASSERT_EQ(0, attach(self->dev, self->buf, self->a, VFENCE_USAGE_KERNEL));
	EXPECT_EQ(1100, counts(self->dev, self->buf));

	ASSERT_EQ(0, complete(self->dev, 1));
	ASSERT_TRUE(signaled_within(self->a, WAIT_MSEC));
	EXPECT_EQ(100, counts(self->dev, self->buf));
	EXPECT_FALSE(is_ready(self->buf, POLLIN));
	ASSERT_EQ(0, complete(self->other, 1));
	EXPECT_TRUE(ready_within(self->buf, POLLIN, WAIT_MSEC));
}

TEST_F(files, merge_of_which_a_part_is_done)
{
	int m = merge(self->a, self->b);

	ASSERT_LE(0, m);
	ASSERT_EQ(0, complete(self->dev, 1));
	ASSERT_TRUE(signaled_within(self->a, WAIT_MSEC));
	ASSERT_EQ(0, attach(self->dev, self->buf, m, VFENCE_USAGE_READ));
	EXPECT_EQ(10, counts(self->dev, self->buf));
}

TEST_F(files, done_fence_holds_up_nobody)
{
	int fence;

	ASSERT_EQ(0, complete(self->dev, 1));
	ASSERT_TRUE(signaled_within(self->a, WAIT_MSEC));
	for (uint32_t u = 0; u < USAGES; u++)
		ASSERT_EQ(0, attach(self->dev, self->buf, self->a, u));
	EXPECT_EQ(0, counts(self->dev, self->buf));
	EXPECT_TRUE(is_ready(self->buf, POLLIN | POLLOUT));
	fence = export(self->buf, DMA_BUF_SYNC_RW);
	ASSERT_LE(0, fence);
	EXPECT_TRUE(is_signaled(fence));
}

TEST_F(files, export_of_several_signals_with_the_last)
{
	int reads, writes;

	ASSERT_EQ(0, attach(self->dev, self->buf, self->a, VFENCE_USAGE_WRITE));
	ASSERT_EQ(0, attach(self->dev, self->buf, self->b, VFENCE_USAGE_READ));
	reads = export(self->buf, DMA_BUF_SYNC_READ);
	writes = export(self->buf, DMA_BUF_SYNC_WRITE);
	ASSERT_LE(0, reads);
	ASSERT_LE(0, writes);
	EXPECT_EQ(1, fences_in(reads));
	EXPECT_EQ(2, fences_in(writes));

	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_TRUE(signaled_within(reads, WAIT_MSEC));
	EXPECT_FALSE(signaled_within(writes, 50));
	ASSERT_EQ(0, complete(self->other, 1));
	EXPECT_TRUE(signaled_within(writes, WAIT_MSEC));
	EXPECT_EQ(1, status(writes));
}

/* It is what was there then, and not what comes after. */
TEST_F(files, export_is_of_a_moment)
{
	int before;

	ASSERT_EQ(0, attach(self->dev, self->buf, self->a, VFENCE_USAGE_WRITE));
	before = export(self->buf, DMA_BUF_SYNC_RW);
	ASSERT_LE(0, before);
	ASSERT_EQ(0, attach(self->dev, self->buf, self->b, VFENCE_USAGE_WRITE));
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_TRUE(signaled_within(before, WAIT_MSEC));
	EXPECT_FALSE(ready_within(self->buf, POLLIN, 50));
}

/* What the kernel makes of several is an array, which has no place in a buffer. */
TEST_F(files, export_is_attached_fence_by_fence)
{
	int buf = buffer(), both;

	ASSERT_LE(0, buf);
	ASSERT_EQ(0, attach(self->dev, self->buf, self->a, VFENCE_USAGE_WRITE));
	ASSERT_EQ(0, attach(self->dev, self->buf, self->b, VFENCE_USAGE_READ));
	both = export(self->buf, DMA_BUF_SYNC_RW);
	ASSERT_LE(0, both);
	ASSERT_EQ(0, attach(self->dev, buf, both, VFENCE_USAGE_BOOKKEEP));
	EXPECT_EQ(2, counts(self->dev, buf));
	/* Back to where they come from, where they are. */
	ASSERT_EQ(0, attach(self->dev, self->buf, both, VFENCE_USAGE_WRITE));
	EXPECT_EQ(200, counts(self->dev, self->buf));
}

TEST_F(files, error_of_a_job)
{
	int fence, before, both, after;

	/* Held up by the first, to be pending when it is exported. */
	fence = submit(self->dev, .error = -EIO);
	ASSERT_LE(0, fence);
	ASSERT_EQ(0, attach(self->dev, self->buf, fence, VFENCE_USAGE_WRITE));
	before = export(self->buf, DMA_BUF_SYNC_READ);
	ASSERT_LE(0, before);
	ASSERT_EQ(0, attach(self->dev, self->buf, self->b, VFENCE_USAGE_READ));
	both = export(self->buf, DMA_BUF_SYNC_WRITE);
	ASSERT_LE(0, both);
	EXPECT_EQ(2, fences_in(both));

	ASSERT_EQ(0, complete(self->dev, 1));
	/* Failed or not, nobody has to wait any more. */
	EXPECT_TRUE(ready_within(self->buf, POLLIN, WAIT_MSEC));
	EXPECT_EQ(10, counts(self->dev, self->buf));
	ASSERT_TRUE(signaled_within(before, WAIT_MSEC));
	EXPECT_EQ(-EIO, status(before));
	ASSERT_EQ(0, complete(self->other, 1));
	ASSERT_TRUE(signaled_within(both, WAIT_MSEC));
	EXPECT_EQ(-EIO, status(both));
	after = export(self->buf, DMA_BUF_SYNC_READ);
	ASSERT_LE(0, after);
	EXPECT_EQ(1, status(after));
}

TEST_HARNESS_MAIN
