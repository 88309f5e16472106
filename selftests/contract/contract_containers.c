// SPDX-License-Identifier: GPL-2.0
/*
 * Arrays and chains that two timelines make of each other's.
 */
#include "contract_test.h"

#define ROUNDS 8

FIXTURE(containers) {
	int arrays;
	int chains;
};

FIXTURE_SETUP(containers)
{
	self->arrays = timeline();
	if (self->arrays < 0 && errno == ENOENT)
		SKIP(return, "there is no /dev/vfence");
	self->chains = timeline();
	ASSERT_LE(0, self->chains);
}

FIXTURE_TEARDOWN(containers)
{
	close(self->arrays);
	close(self->chains);
}

/*
 * A job's array takes in the other timeline's chain, a job's link waits for that array,
 * and comes after the chain; both are merged.
 */
TEST_F(containers, that_feed_each_other)
{
	struct a_while w = a_while();

	while (goes_on(&w)) {
		int array = -1, chain = -1, both;

		for (int i = 1; i <= ROUNDS; i++) {
			int old_array = array, old_chain = chain;

			array = submit(self->arrays, .delay_ns = MSEC / 10,
				       .out = VFENCE_OUT_ARRAY,
				       .out_fences = i > 1 ? (uintptr_t)&old_chain : 0,
				       .out_count = i > 1);
			ASSERT_LE(0, array);
			chain = submit(self->chains, .in_fences = (uintptr_t)&array,
				       .in_count = 1, .out = VFENCE_OUT_CHAIN, .point = i,
				       .chain_fd = old_chain);
			ASSERT_LE(0, chain);
			close(old_array);
			close(old_chain);
		}
		both = merge(array, chain);
		ASSERT_LE(0, both);
		ASSERT_TRUE(signals(chain));
		ASSERT_TRUE(signals(array));
		ASSERT_TRUE(signals(both));
		ASSERT_EQ(1, status(array));
		close(both);
		close(array);
		close(chain);
	}
}

TEST_HARNESS_MAIN
