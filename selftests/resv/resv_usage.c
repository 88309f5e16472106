// SPDX-License-Identifier: GPL-2.0
/*
 * What each usage of a fence means to who else uses the buffer.
 */
#include "resv_test.h"

FIXTURE(usage) {
	int dev, buf, fence;
	uint64_t seqno;
};

FIXTURE_VARIANT(usage) {
	uint32_t usage;
	bool reader_waits, writer_waits;
	int counts;
};

FIXTURE_VARIANT_ADD(usage, kernel)
{
	.usage = VFENCE_USAGE_KERNEL, .reader_waits = true, .writer_waits = true, .counts = 1000,
};

FIXTURE_VARIANT_ADD(usage, write)
{
	.usage = VFENCE_USAGE_WRITE, .reader_waits = true, .writer_waits = true, .counts = 100,
};

FIXTURE_VARIANT_ADD(usage, read)
{
	.usage = VFENCE_USAGE_READ, .reader_waits = false, .writer_waits = true, .counts = 10,
};

FIXTURE_VARIANT_ADD(usage, bookkeep)
{
	.usage = VFENCE_USAGE_BOOKKEEP, .reader_waits = false, .writer_waits = false, .counts = 1,
};

FIXTURE_SETUP(usage)
{
	self->dev = timeline();
	if (self->dev < 0 && errno == ENOENT)
		SKIP(return, "there is no /dev/vfence");
	ASSERT_LE(0, self->dev);
	self->buf = buffer();
	if (self->buf == -ENOENT)
		SKIP(return, "there is no /dev/udmabuf");
	ASSERT_LE(0, self->buf);
	self->fence = manual_at(self->dev, &self->seqno);
	ASSERT_LE(0, self->fence);
	ASSERT_EQ(0, attach(self->dev, self->buf, self->fence, variant->usage));
}

FIXTURE_TEARDOWN(usage)
{
	close(self->fence);
	close(self->buf);
	close(self->dev);
}

TEST_F(usage, poll_says_who_waits)
{
	EXPECT_EQ(!variant->reader_waits, is_ready(self->buf, POLLIN));
	EXPECT_EQ(!variant->writer_waits, is_ready(self->buf, POLLOUT));
	/* Once more, with what the first time has left behind. */
	EXPECT_EQ(!variant->reader_waits, is_ready(self->buf, POLLIN));
	EXPECT_EQ(!variant->writer_waits, is_ready(self->buf, POLLOUT));

	ASSERT_EQ(0, complete(self->dev, self->seqno));
	EXPECT_TRUE(ready_within(self->buf, POLLIN, WAIT_MSEC));
	EXPECT_TRUE(ready_within(self->buf, POLLOUT, WAIT_MSEC));
	EXPECT_TRUE(ready_within(self->buf, POLLIN | POLLOUT, WAIT_MSEC));
}

/* Asleep in poll() by the time that the job is done; if it is done before, once more. */
TEST_F(usage, poll_wakes_up)
{
	int buf = buffer(), fence, round = 0;
	uint64_t start;
	bool waits;

	ASSERT_LE(0, buf);
	ASSERT_EQ(0, complete(self->dev, self->seqno));
	do {
		ASSERT_GT(20, round++);
		start = now_ns();
		fence = timed(self->dev, 50 * MSEC);
		ASSERT_LE(0, fence);
		ASSERT_EQ(0, attach(self->dev, buf, fence, variant->usage));
		waits = !is_signaled(fence);
		EXPECT_TRUE(ready_within(buf, POLLOUT, WAIT_MSEC));
		EXPECT_LE(variant->writer_waits ? 50 * MSEC : 0, now_ns() - start);
		EXPECT_TRUE(ready_within(buf, POLLIN, WAIT_MSEC));
		close(fence);
	} while (!waits);
}

TEST_F(usage, export_says_who_waits)
{
	static const uint32_t flags[] = {
		DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW,
	};
	int before[3];

	for (int i = 0; i < 3; i++) {
		bool waits = flags[i] == DMA_BUF_SYNC_READ ? variant->reader_waits :
							     variant->writer_waits;

		before[i] = export(self->buf, flags[i]);
		ASSERT_LE(0, before[i]);
		EXPECT_EQ(1, fences_in(before[i]));
		EXPECT_EQ(!waits, is_signaled(before[i]));
		EXPECT_EQ(!waits, status(before[i]));
	}
	ASSERT_EQ(0, complete(self->dev, self->seqno));
	ASSERT_TRUE(signaled_within(self->fence, WAIT_MSEC));
	for (int i = 0; i < 3; i++) {
		int after = export(self->buf, flags[i]);

		EXPECT_TRUE(is_signaled(before[i]));
		EXPECT_EQ(1, status(before[i]));
		ASSERT_LE(0, after);
		EXPECT_TRUE(is_signaled(after));
	}
}

/* Who asks for a usage is told of those before it, too. */
TEST_F(usage, counted_by_usage)
{
	EXPECT_EQ(variant->counts, counts(self->dev, self->buf));
	for (uint32_t u = 0; u < USAGES; u++)
		EXPECT_EQ(u >= variant->usage, pending(self->dev, self->buf, u));

	ASSERT_EQ(0, complete(self->dev, self->seqno));
	ASSERT_TRUE(signaled_within(self->fence, WAIT_MSEC));
	EXPECT_EQ(0, counts(self->dev, self->buf));
	for (uint32_t u = 0; u < USAGES; u++)
		EXPECT_EQ(0, pending(self->dev, self->buf, u));
}

TEST_F(usage, same_fence_twice_is_one)
{
	ASSERT_EQ(0, attach(self->dev, self->buf, self->fence, variant->usage));
	EXPECT_EQ(variant->counts, counts(self->dev, self->buf));
}

TEST_F(usage, other_buffers_have_nothing_to_wait_for)
{
	int buf = buffer();

	ASSERT_LE(0, buf);
	EXPECT_EQ(0, counts(self->dev, buf));
	EXPECT_TRUE(is_ready(buf, POLLIN | POLLOUT));
}

TEST_F(usage, two_buffers_have_the_same_fence)
{
	int buf = buffer();

	ASSERT_LE(0, buf);
	ASSERT_EQ(0, attach(self->dev, buf, self->fence, variant->usage));
	EXPECT_EQ(variant->counts, counts(self->dev, self->buf));
	EXPECT_EQ(variant->counts, counts(self->dev, buf));
	EXPECT_EQ(!variant->writer_waits, is_ready(buf, POLLOUT));
	EXPECT_EQ(!variant->writer_waits, is_ready(self->buf, POLLOUT));

	ASSERT_EQ(0, complete(self->dev, self->seqno));
	EXPECT_TRUE(ready_within(buf, POLLOUT, WAIT_MSEC));
	EXPECT_TRUE(ready_within(self->buf, POLLOUT, WAIT_MSEC));
	EXPECT_EQ(0, counts(self->dev, buf));
}

BUFFER_FIXTURE(promotion)

TEST_F(promotion, bookkeep_read_write_kernel)
{
	uint64_t seqno;
	int fence = manual_at(self->dev, &seqno);

	ASSERT_LE(0, fence);
	ASSERT_EQ(0, attach(self->dev, self->buf, fence, VFENCE_USAGE_BOOKKEEP));
	EXPECT_EQ(1, counts(self->dev, self->buf));
	EXPECT_TRUE(is_ready(self->buf, POLLOUT));

	ASSERT_EQ(0, attach(self->dev, self->buf, fence, VFENCE_USAGE_READ));
	EXPECT_EQ(10, counts(self->dev, self->buf));
	EXPECT_FALSE(is_ready(self->buf, POLLOUT));
	EXPECT_TRUE(is_ready(self->buf, POLLIN));

	ASSERT_EQ(0, attach(self->dev, self->buf, fence, VFENCE_USAGE_WRITE));
	EXPECT_EQ(100, counts(self->dev, self->buf));
	EXPECT_FALSE(is_ready(self->buf, POLLIN));

	ASSERT_EQ(0, attach(self->dev, self->buf, fence, VFENCE_USAGE_KERNEL));
	EXPECT_EQ(1000, counts(self->dev, self->buf));
	EXPECT_FALSE(is_ready(self->buf, POLLIN));

	ASSERT_EQ(0, complete(self->dev, seqno));
	EXPECT_TRUE(ready_within(self->buf, POLLIN, WAIT_MSEC));
	EXPECT_TRUE(ready_within(self->buf, POLLOUT, WAIT_MSEC));
}

/* What others rely on is not taken back. */
TEST_F(promotion, does_not_go_back)
{
	int fence = manual(self->dev);

	ASSERT_LE(0, fence);
	ASSERT_EQ(0, attach(self->dev, self->buf, fence, VFENCE_USAGE_WRITE));
	ASSERT_EQ(0, attach(self->dev, self->buf, fence, VFENCE_USAGE_READ));
	ASSERT_EQ(0, attach(self->dev, self->buf, fence, VFENCE_USAGE_BOOKKEEP));
	EXPECT_EQ(111, counts(self->dev, self->buf));
	EXPECT_FALSE(is_ready(self->buf, POLLIN));
}

/* Jobs of one timeline are done in order, so the last one tells all. */
TEST_F(promotion, later_job_of_a_timeline_takes_the_place)
{
	uint64_t seqno[2];
	int a = manual_at(self->dev, &seqno[0]), b = manual_at(self->dev, &seqno[1]);

	ASSERT_LE(0, b);
	ASSERT_EQ(0, attach(self->dev, self->buf, a, VFENCE_USAGE_READ));
	ASSERT_EQ(0, attach(self->dev, self->buf, b, VFENCE_USAGE_READ));
	EXPECT_EQ(10, counts(self->dev, self->buf));

	ASSERT_EQ(0, complete(self->dev, seqno[0]));
	ASSERT_TRUE(signaled_within(a, WAIT_MSEC));
	EXPECT_FALSE(ready_within(self->buf, POLLOUT, 50));
	EXPECT_EQ(10, counts(self->dev, self->buf));
	ASSERT_EQ(0, complete(self->dev, seqno[1]));
	EXPECT_TRUE(ready_within(self->buf, POLLOUT, WAIT_MSEC));
}

TEST_F(promotion, all_usages_at_once)
{
	int other[USAGES];

	for (uint32_t u = 0; u < USAGES; u++) {
		int fence;

		other[u] = timeline();
		ASSERT_LE(0, other[u]);
		fence = manual(other[u]);
		ASSERT_LE(0, fence);
		ASSERT_EQ(0, attach(self->dev, self->buf, fence, u));
	}
	EXPECT_EQ(1111, counts(self->dev, self->buf));
	for (uint32_t u = 0; u < USAGES; u++)
		EXPECT_EQ(u + 1, pending(self->dev, self->buf, u));

	/* A reader may go once the writer and the kernel are done. */
	close(other[VFENCE_USAGE_WRITE]);
	EXPECT_FALSE(ready_within(self->buf, POLLIN, 50));
	close(other[VFENCE_USAGE_KERNEL]);
	EXPECT_TRUE(ready_within(self->buf, POLLIN, WAIT_MSEC));
	EXPECT_FALSE(is_ready(self->buf, POLLOUT));
	close(other[VFENCE_USAGE_READ]);
	EXPECT_TRUE(ready_within(self->buf, POLLOUT, WAIT_MSEC));
	EXPECT_EQ(1, counts(self->dev, self->buf));
}

TEST_HARNESS_MAIN
