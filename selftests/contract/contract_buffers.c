// SPDX-License-Identifier: GPL-2.0
/*
 * Fences in reservation objects of another driver's: a buffer of udmabuf's, which is
 * waited for in all the ways that there are.
 */
#include "contract_test.h"

BUFFER_FIXTURE(buffers)

static int sync_buffer(int buf, uint64_t flags)
{
	struct dma_buf_sync s = { .flags = flags };

	return ioctl(buf, DMA_BUF_IOCTL_SYNC, &s) ? -errno : 0;
}

TEST_F(buffers, of_another_driver)
{
	struct a_while w = a_while();

	while (goes_on(&w)) {
		uint32_t usage = w.rounds % USAGES;
		int fd = timed(self->dev, MSEC / 2), in, fence, other;

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, attach(self->dev, self->buf, fd, usage));
		/* A job that runs when the buffer may be written to, and writes to it. */
		in = export(self->buf, DMA_BUF_SYNC_WRITE);
		ASSERT_LE(0, in);
		fence = submit(self->dev, .in_fences = (uintptr_t)&in, .in_count = 1);
		ASSERT_LE(0, fence);
		ASSERT_EQ(0, import(self->buf, fence, DMA_BUF_SYNC_WRITE));

		if (w.rounds % 2) {
			ASSERT_EQ(0, sync_buffer(self->buf, DMA_BUF_SYNC_START |
							    DMA_BUF_SYNC_RW));
			ASSERT_EQ(0, sync_buffer(self->buf, DMA_BUF_SYNC_END |
							    DMA_BUF_SYNC_RW));
		} else {
			ASSERT_TRUE(ready_within(self->buf, POLLOUT, WAIT_MSEC));
		}
		ASSERT_EQ(1, status(fence));
		/* What only uses it may go on; it is over soon, too. */
		ASSERT_TRUE(signals(fd));
		ASSERT_EQ(0, pending(self->dev, self->buf, VFENCE_USAGE_BOOKKEEP));

		/* Buffers come and go. */
		other = buffer();
		ASSERT_LE(0, other);
		ASSERT_EQ(0, attach(self->dev, other, fence, usage));
		close(other);
		close(fence);
		close(in);
		close(fd);
	}
}

TEST_HARNESS_MAIN
