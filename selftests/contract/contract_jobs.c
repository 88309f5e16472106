// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs that wait for each other's fences, across timelines of all kinds.
 */
#include "contract_test.h"

#define TIMELINES 4
#define JOBS 32

FIXTURE(jobs) {
	int dev[TIMELINES];
};

FIXTURE_SETUP(jobs)
{
	for (int i = 0; i < TIMELINES; i++) {
		self->dev[i] = timeline();
		if (self->dev[i] < 0 && errno == ENOENT)
			SKIP(return, "there is no /dev/vfence");
		ASSERT_EQ(0, setup(self->dev[i], i % 2 ? VFENCE_KIND_UNORDERED :
							 VFENCE_KIND_ORDERED));
	}
}

FIXTURE_TEARDOWN(jobs)
{
	for (int i = 0; i < TIMELINES; i++)
		close(self->dev[i]);
}

/*
 * Each job waits for the last two on the other timelines. Some take time, some fail
 * and hand that on, and some are completed by hand.
 */
TEST_F(jobs, that_wait_for_each_other)
{
	struct a_while w = a_while();
	struct vfence_submit s;
	int fd[JOBS];

	while (goes_on(&w)) {
		for (int i = 0; i < JOBS; i++) {
			int in = i < 2 ? i : 2, dev = self->dev[i % TIMELINES];

			s = (struct vfence_submit){
				.in_fences = in ? (uintptr_t)(fd + i - in) : 0,
				.in_count = in,
				.delay_ns = i % 3 * MSEC / 10,
				.flags = i % 4 ? VFENCE_SUBMIT_IN_ERROR : 0,
				.error = i % 16 == 7 ? -EIO : 0,
			};
			fd[i] = submit_job(dev, &s);
			ASSERT_LE(0, fd[i]);
			ASSERT_EQ(0, i % 8 == 5 ? complete_one(dev, s.seqno) : 0);
		}
		ASSERT_TRUE(signals(fd[JOBS - 1]));
		for (int i = 0; i < TIMELINES; i++)
			ASSERT_EQ(0, complete(self->dev[i], query(self->dev[i]).last));
		for (int i = 0; i < JOBS; i++) {
			ASSERT_TRUE(signals(fd[i]));
			ASSERT_NE(0, status(fd[i]));
			close(fd[i]);
		}
	}
}

TEST_HARNESS_MAIN
