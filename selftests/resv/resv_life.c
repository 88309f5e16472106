// SPDX-License-Identifier: GPL-2.0
/*
 * Fences, buffers and files that end in any order, and many of them.
 */
#include "resv_test.h"

#include <stdlib.h>
#include <sys/wait.h>

BUFFER_FIXTURE(life)

TEST_F(life, buffer_closed_while_a_fence_is_pending)
{
	int fence = manual(self->dev), buf = buffer();

	ASSERT_LE(0, fence);
	ASSERT_LE(0, buf);
	ASSERT_EQ(0, attach(self->dev, buf, fence, VFENCE_USAGE_WRITE));
	ASSERT_EQ(0, close(buf));
	EXPECT_FALSE(is_signaled(fence));
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_TRUE(signaled_within(fence, WAIT_MSEC));
	EXPECT_EQ(1, status(fence));
}

/* poll() has left a callback on the fence, which keeps the buffer. */
TEST_F(life, buffer_closed_while_it_is_polled)
{
	int fence = manual(self->dev), buf = buffer(), before;

	ASSERT_LE(0, fence);
	ASSERT_LE(0, buf);
	before = references(buf);
	ASSERT_LT(0, before);
	ASSERT_EQ(0, attach(self->dev, buf, fence, VFENCE_USAGE_WRITE));
	ASSERT_FALSE(is_ready(buf, POLLIN));
	ASSERT_FALSE(is_ready(buf, POLLOUT));
	EXPECT_EQ(before + 2, references(buf));
	ASSERT_EQ(0, close(buf));
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_TRUE(signaled_within(fence, WAIT_MSEC));
}

TEST_F(life, file_outlives_the_buffer)
{
	int fence = manual(self->dev), buf = buffer(), exported;

	ASSERT_LE(0, fence);
	ASSERT_LE(0, buf);
	ASSERT_EQ(0, attach(self->dev, buf, fence, VFENCE_USAGE_READ));
	exported = export(buf, DMA_BUF_SYNC_WRITE);
	ASSERT_LE(0, exported);
	ASSERT_EQ(0, close(buf));
	ASSERT_EQ(0, close(fence));
	EXPECT_FALSE(signaled_within(exported, 50));
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_TRUE(signaled_within(exported, WAIT_MSEC));
	EXPECT_EQ(1, status(exported));
}

/* The buffer alone keeps the fence. */
TEST_F(life, fence_outlives_its_files)
{
	int fence = manual(self->dev);

	ASSERT_LE(0, fence);
	ASSERT_EQ(0, attach(self->dev, self->buf, fence, VFENCE_USAGE_WRITE));
	ASSERT_EQ(0, close(fence));
	EXPECT_EQ(100, counts(self->dev, self->buf));
	EXPECT_FALSE(is_ready(self->buf, POLLIN));
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_TRUE(ready_within(self->buf, POLLIN, WAIT_MSEC));
}

TEST_F(life, fence_outlives_its_timeline)
{
	int other = timeline(), fence = manual(other), exported;

	ASSERT_LE(0, fence);
	ASSERT_EQ(0, attach(self->dev, self->buf, fence, VFENCE_USAGE_WRITE));
	exported = export(self->buf, DMA_BUF_SYNC_READ);
	ASSERT_LE(0, exported);
	ASSERT_FALSE(is_ready(self->buf, POLLIN));

	ASSERT_EQ(0, close(other));
	EXPECT_TRUE(ready_within(self->buf, POLLIN, WAIT_MSEC));
	ASSERT_TRUE(signaled_within(exported, WAIT_MSEC));
	EXPECT_EQ(-ENOENT, status(exported));
	EXPECT_EQ(-ENOENT, status(fence));
	EXPECT_EQ(0, counts(self->dev, self->buf));

	/* It still goes where it went. */
	EXPECT_EQ(0, attach(self->dev, self->buf, fence, VFENCE_USAGE_KERNEL));
	EXPECT_EQ(0, counts(self->dev, self->buf));
}

TEST_F(life, process_that_dies_holds_up_nobody)
{
	pid_t child;
	int st;

	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		int other = timeline(), fence = manual(other);

		if (attach(other, self->buf, fence, VFENCE_USAGE_KERNEL))
			_exit(1);
		raise(SIGKILL);
	}
	ASSERT_EQ(child, waitpid(child, &st, 0));
	ASSERT_TRUE(WIFSIGNALED(st));
	EXPECT_TRUE(ready_within(self->buf, POLLIN, WAIT_MSEC));
	EXPECT_TRUE(ready_within(self->buf, POLLOUT, WAIT_MSEC));
	EXPECT_EQ(0, counts(self->dev, self->buf));
}

TEST_F(life, closing_one_of_two_buffers)
{
	int fence = manual(self->dev), buf = buffer();

	ASSERT_LE(0, fence);
	ASSERT_LE(0, buf);
	ASSERT_EQ(0, attach(self->dev, buf, fence, VFENCE_USAGE_WRITE));
	ASSERT_EQ(0, attach(self->dev, self->buf, fence, VFENCE_USAGE_WRITE));
	ASSERT_EQ(0, close(buf));
	EXPECT_EQ(100, counts(self->dev, self->buf));
	EXPECT_FALSE(is_ready(self->buf, POLLIN));
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_TRUE(ready_within(self->buf, POLLIN, WAIT_MSEC));
}

#define MANY 200

/* Each timeline has one job, so that none takes another's place. */
TEST_F(life, many_timelines)
{
	int other[MANY], fence[MANY], all, here = self->dev;
	struct vfence_resv r = { .dmabuf_fd = self->buf, .usage = VFENCE_USAGE_BOOKKEEP };

	for (int n = 0; n < MANY; n++) {
		other[n] = timeline();
		ASSERT_LE(0, other[n]);
		fence[n] = manual(other[n]);
		ASSERT_LE(0, fence[n]);
		ASSERT_EQ(0, attach(here, self->buf, fence[n], n % USAGES));
	}
	ASSERT_EQ(0, ioctl(here, VFENCE_IOC_RESV, &r));
	EXPECT_EQ(MANY, r.pending);
	for (int u = 0; u < USAGES; u++)
		EXPECT_EQ(MANY / USAGES, r.counts[u]);

	all = export(self->buf, DMA_BUF_SYNC_RW);
	ASSERT_LE(0, all);
	EXPECT_EQ(MANY / USAGES * VFENCE_USAGE_BOOKKEEP, fences_in(all));

	for (int n = MANY - 1; n >= 0; n--) {
		EXPECT_FALSE(is_signaled(all));
		ASSERT_EQ(0, complete(other[n], 1));
		ASSERT_TRUE(signaled_within(fence[n], WAIT_MSEC));
	}
	EXPECT_TRUE(signaled_within(all, WAIT_MSEC));
	EXPECT_EQ(1, status(all));
	EXPECT_TRUE(ready_within(self->buf, POLLOUT, WAIT_MSEC));
	EXPECT_EQ(0, counts(here, self->buf));
}

/* From the last to the first, as an earlier one does not take a later one's place. */
TEST_F(life, many_fences_of_a_timeline)
{
	int fence[MANY];

	for (int n = 0; n < MANY; n++) {
		fence[n] = manual(self->dev);
		ASSERT_LE(0, fence[n]);
	}
	for (int n = MANY - 1; n >= 0; n--)
		ASSERT_EQ(0, attach(self->dev, self->buf, fence[n], VFENCE_USAGE_READ));
	EXPECT_EQ(MANY, pending(self->dev, self->buf, VFENCE_USAGE_READ));
	EXPECT_EQ(0, pending(self->dev, self->buf, VFENCE_USAGE_WRITE));

	ASSERT_EQ(0, complete(self->dev, MANY / 2));
	ASSERT_TRUE(signaled_within(fence[MANY / 2 - 1], WAIT_MSEC));
	EXPECT_EQ(MANY / 2, pending(self->dev, self->buf, VFENCE_USAGE_READ));
	EXPECT_FALSE(ready_within(self->buf, POLLOUT, 50));
	ASSERT_EQ(0, complete(self->dev, MANY));
	EXPECT_TRUE(ready_within(self->buf, POLLOUT, WAIT_MSEC));
}

/* What one of several processes does over and over. */
static int come_and_go(int dev, int buf, unsigned int start)
{
	for (int n = 0; n < 50; n++) {
		uint32_t usage = (start + n) % USAGES;
		int fence, all;

		fence = timed(dev, n % 3 * MSEC);
		if (attach(dev, buf, fence, usage) || pending(dev, buf, usage) < 0)
			return 1;
		all = export(buf, DMA_BUF_SYNC_RW);
		if (import(buf, all, DMA_BUF_SYNC_READ) || !signaled_within(fence, WAIT_MSEC) ||
		    !signaled_within(all, WAIT_MSEC))
			return 1;
		close(fence);
		close(all);
	}
	return 0;
}

TEST_F(life, several_processes_at_a_buffer)
{
	pid_t child[4];
	int st;

	for (int i = 0; i < 4; i++) {
		child[i] = fork();
		ASSERT_LE(0, child[i]);
		if (!child[i])
			_exit(come_and_go(self->dev, self->buf, i));
	}
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(child[i], waitpid(child[i], &st, 0));
		EXPECT_EQ(0, st);
	}
	EXPECT_TRUE(ready_within(self->buf, POLLOUT, WAIT_MSEC));
	EXPECT_EQ(0, counts(self->dev, self->buf));
}

TEST_HARNESS_MAIN
