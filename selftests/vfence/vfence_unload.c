// SPDX-License-Identifier: GPL-2.0
/*
 * The module is unloaded, and sync_files of it are left.
 */
#include "fault.h"
#include "module.h"
#include "vfence_test.h"

#include <pthread.h>
#include <stdatomic.h>

/* The bound is above what any test takes. */
static int load(void)
{
	return load_module("vfence", "bound_ms=3600000");
}

static int unload(void)
{
	return unload_module("vfence");
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

TEST_F(unload, not_while_its_debugfs_is_open)
{
	static const char *const names[] = { "counters", "timelines" };

	if (access("/sys/kernel/debug/vfence", R_OK))
		SKIP(return, "there is no debugfs");
	close(self->dev);
	self->dev = -1;
	for (int i = 0; i < 2; i++) {
		char path[64], c;
		int fd;

		snprintf(path, sizeof(path), "/sys/kernel/debug/vfence/%s", names[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		ASSERT_LE(0, fd);
		EXPECT_EQ(-EWOULDBLOCK, unload());
		EXPECT_LE(0, read(fd, &c, 1));
		close(fd);
	}
	EXPECT_EQ(0, unload());
	ASSERT_EQ(0, load());
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

/*
 * A module's init fails for want of memory, at each of its last allocations in turn, while
 * another thread opens what it makes. A failed init frees the module even if it is open, so
 * it must not have been opened by then.
 */
static const char *const nodes[] = {
	"/dev/vfence", "/dev/sw_sync", "/sys/kernel/debug/vfence/counters",
};

/* How many allocations before the last one. Most before these are the module loader's own. */
#define LAST_ALLOCATIONS 80

static atomic_int done;

/* There were as many allocations as that. */
static bool has_failed;

/* How often all nodes have been tried, and how many are open. */
static atomic_int rounds, opened;

/* Opens the nodes as soon as they are there, and keeps them until it is told to end. */
static void *opener(void *unused)
{
	int fd[3] = { -1, -1, -1 };

	while (!done) {
		for (int i = 0; i < 3; i++)
			if (fd[i] < 0) {
				fd[i] = open(nodes[i], O_RDONLY | O_CLOEXEC);
				opened += fd[i] >= 0;
			}
		rounds++;
	}
	for (int i = 0; i < 3; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	return NULL;
}

/*
 * Loads with the n-th allocation failing, with an opener at work. If that succeeds, waits for
 * the opener to have opened `expected` nodes.
 */
static int load_failing(const char *name, const char *parameters, int n, int expected)
{
	int faults = open_faults(), ret;
	pthread_t thread;

	if (faults < 0)
		return faults;
	done = 0;
	rounds = 0;
	opened = 0;
	if (pthread_create(&thread, NULL, opener, NULL))
		abort();
	while (!rounds)
		usleep(100);
	arm(faults, n);
	ret = load_module(name, parameters);
	has_failed = disarm(faults);
	close(faults);
	while (!ret && opened < expected)
		usleep(100);
	done = 1;
	pthread_join(thread, NULL);
	return ret;
}

/* Who has a node open may keep the module for a moment. */
static void unload_soon(const char *name)
{
	for (int i = 0; i < 60000 && unload_module(name); i++)
		usleep(1000);
}

TEST_F_TIMEOUT(unload, init_that_fails, 1200)
{
	static const struct {
		const char *name, *parameters;
	} module[] = { { "dma_buf_rs", "" }, { "vfence", "sw_sync=1" } };

	if (inject_faults() || !has_module("dma_buf_rs"))
		SKIP(return, "the kernel injects no faults, or the modules are elsewhere");
	close(self->dev);
	self->dev = -1;
	ASSERT_EQ(0, unload());
	ASSERT_EQ(0, unload_module("dma_buf_rs"));

	for (int m = 0; m < 2; m++) {
		int low = 1, high = 1024, failed = 0;

		/* The first that is above all. */
		while (low < high) {
			int n = (low + high) / 2, ret;

			ret = load_failing(module[m].name, module[m].parameters, n, m);
			if (has_failed)
				low = n + 1;
			else
				high = n;
			if (!ret)
				unload_soon(module[m].name);
		}
		for (int n = low; n > 0 && n > low - LAST_ALLOCATIONS; n--) {
			/* The other node, and debugfs, may be what there is no memory for. */
			int ret = load_failing(module[m].name, module[m].parameters, n, m);

			if (ret) {
				failed++;
				EXPECT_EQ(0, opened)
					TH_LOG("%s, allocation %d", module[m].name, n);
			}
			if (!ret)
				unload_soon(module[m].name);
		}
		TH_LOG("%s: %d of the last %d allocations failed it", module[m].name, failed,
		       low < LAST_ALLOCATIONS ? low : LAST_ALLOCATIONS);
		EXPECT_LT(0, failed);
		ASSERT_EQ(0, load_module(module[m].name, ""));
	}
}

TEST_HARNESS_MAIN
