// SPDX-License-Identifier: GPL-2.0
/*
 * Fences of another driver, sw_sync's, which signals in process context: jobs wait for
 * them, and they go into the same arrays, merged files and buffers.
 */
#include "contract_test.h"

FIXTURE(foreign) {
	int dev;
	int sw;
	int buf;
};

FIXTURE_SETUP(foreign)
{
	self->dev = timeline();
	if (self->dev < 0 && errno == ENOENT)
		SKIP(return, "there is no /dev/vfence");
	ASSERT_LE(0, self->dev);
	self->sw = sw_sync();
	if (self->sw < 0 && errno == ENOENT)
		SKIP(return, "there is no sw_sync");
	ASSERT_LE(0, self->sw);
	self->buf = buffer();
	if (self->buf == -ENOENT)
		SKIP(return, "there is no /dev/udmabuf");
	ASSERT_LE(0, self->buf);
}

FIXTURE_TEARDOWN(foreign)
{
	close(self->buf);
	close(self->sw);
	close(self->dev);
}

TEST_F(foreign, fences)
{
	struct a_while w = a_while();

	while (goes_on(&w)) {
		int theirs = point(self->sw, w.rounds), ours, merged, array, members[2];

		ASSERT_LE(0, theirs);
		ours = submit(self->dev, .in_fences = (uintptr_t)&theirs, .in_count = 1);
		ASSERT_LE(0, ours);
		merged = merge(theirs, ours);
		ASSERT_LE(0, merged);
		members[0] = theirs;
		members[1] = ours;
		array = combine(self->dev, VFENCE_COMBINE_ARRAY, members, 2);
		ASSERT_LE(0, array);
		ASSERT_EQ(0, attach(self->dev, self->buf, array, VFENCE_USAGE_WRITE));
		ASSERT_EQ(0, attach(self->dev, self->buf, theirs, VFENCE_USAGE_READ));
		ASSERT_FALSE(is_signaled(ours));

		ASSERT_EQ(0, call(self->sw, INC(1)));
		ASSERT_TRUE(is_signaled(theirs));
		ASSERT_TRUE(signals(merged));
		ASSERT_TRUE(signals(array));
		ASSERT_EQ(1, status(ours));
		ASSERT_TRUE(ready_within(self->buf, POLLOUT, WAIT_MSEC));
		close(array);
		close(merged);
		close(ours);
		close(theirs);
	}
}

TEST_HARNESS_MAIN
