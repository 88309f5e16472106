// SPDX-License-Identifier: GPL-2.0
/*
 * A driver's module is unloaded, and has left things behind: what the kernel,
 * and whoever holds its fences, see then. The module is dma_buf_unload.ko, which
 * stands in the root directory or at $DMA_BUF_UNLOAD, as dma_buf_orphan.ko, which
 * depends on it, or at $DMA_BUF_ORPHAN; foreign fences are those of vfence. (Those
 * of sw_sync would do, but its use taints.)
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/sync_file.h>
#include <linux/vfence.h>

#include "kselftest_harness.h"

/* The module's parameter, see rust/dma_buf_unload. */
enum leave {
	LEAVE_CONTEXT,
	LEAVE_HANDLE,
	LEAVE_REGISTRATION,
	LEAVE_FORWARD,
	LEAVE_WORKS,
	LEAVE_CHAIN,
	LEAVE_NOTHING,
};

/* A bound on a hang, and no measure. */
#define WAIT_MSEC 20000

/* The lowest free descriptor, which the next one to be made will be. */
static int next_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static int load_file(const char *path, const char *parameters)
{
	int file, ret;

	/* High up, so that the module's descriptors are where they are expected. */
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	ret = fcntl(file, F_DUPFD_CLOEXEC, 100);
	close(file);
	if (ret < 0)
		return -errno;
	file = ret;
	ret = syscall(SYS_finit_module, file, parameters, 0) ? -errno : 0;
	close(file);
	return ret;
}

static int load(enum leave leave, int foreign)
{
	const char *path = getenv("DMA_BUF_UNLOAD");
	char parameters[64];

	snprintf(parameters, sizeof(parameters), "leave=%d fd=%d", leave, foreign);
	return load_file(path ? path : "/dma_buf_unload.ko", parameters);
}

static int load_orphan(void)
{
	const char *path = getenv("DMA_BUF_ORPHAN");

	return load_file(path ? path : "/dma_buf_orphan.ko", "");
}

static int unload_module(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

static int unload(void)
{
	return unload_module("dma_buf_unload");
}

/*
 * The references to the library's module that no other module accounts for, or
 * INT32_MIN.
 */
static int kept(void)
{
	FILE *file = fopen("/sys/module/dma_buf_rs/refcnt", "re");
	DIR *holders = opendir("/sys/module/dma_buf_rs/holders");
	int count = INT32_MIN, one;
	struct dirent *entry;

	if (file && holders && fscanf(file, "%d", &one) == 1) {
		count = one;
		while ((entry = readdir(holders)))
			count -= entry->d_name[0] != '.';
	}
	if (holders)
		closedir(holders);
	if (file)
		fclose(file);
	return count;
}

/* The status of a fence, 0 while it is pending, or INT32_MIN. */
static int status(int fence, char *driver)
{
	struct sync_fence_info one = {};
	struct sync_file_info info = {
		.num_fences = 1, .sync_fence_info = (uintptr_t)&one,
	};

	if (ioctl(fence, SYNC_IOC_FILE_INFO, &info) || info.num_fences != 1)
		return INT32_MIN;
	if (driver)
		memcpy(driver, one.driver_name, sizeof(one.driver_name));
	return one.status;
}

static int signalled_within(int fence, int msec)
{
	struct pollfd p = { .fd = fence, .events = POLLIN };

	return poll(&p, 1, msec) == 1 && p.revents == POLLIN;
}

/* Long enough for what is left to run, or not to. */
static void settle(void)
{
	usleep(300000);
}

FIXTURE(unload) {
	int timeline;
	int foreign;
};

FIXTURE_SETUP(unload)
{
	struct vfence_submit submit = { .flags = VFENCE_SUBMIT_MANUAL };

	self->timeline = open("/dev/vfence", O_RDWR | O_CLOEXEC);
	if (self->timeline < 0)
		SKIP(return, "there is no /dev/vfence");
	ASSERT_EQ(0, ioctl(self->timeline, VFENCE_IOC_SUBMIT, &submit));
	self->foreign = submit.fd;
}

FIXTURE_TEARDOWN(unload)
{
	close(self->foreign);
	close(self->timeline);
}

/* 0 once the foreign fence has signalled. */
static int signal_foreign(int timeline, int foreign)
{
	struct vfence_signal signal = { .seqno = 1 };

	if (ioctl(timeline, VFENCE_IOC_SIGNAL, &signal))
		return -errno;
	return signalled_within(foreign, WAIT_MSEC) ? 0 : -ETIME;
}

TEST_F(unload, leaked_context_completes_its_fences)
{
	char driver[32] = "";
	int first = next_fd(), second;

	ASSERT_EQ(0, load(LEAVE_CONTEXT, -1));
	second = first + 1;
	EXPECT_EQ(0, status(first, driver));
	EXPECT_STREQ("unload", driver);
	EXPECT_EQ(0, status(second, NULL));
	ASSERT_EQ(0, unload());
	EXPECT_TRUE(signalled_within(first, 0));
	EXPECT_EQ(-ECANCELED, status(first, driver));
	EXPECT_STREQ("detached-driver", driver);
	/* What was done keeps its result. */
	EXPECT_EQ(-EIO, status(second, NULL));
	close(first);
	close(second);
	settle();
}

TEST_F(unload, leaked_handle_keeps_nothing_of_the_module)
{
	int fence = next_fd(), before = kept();

	ASSERT_EQ(0, load(LEAVE_HANDLE, -1));
	EXPECT_EQ(-ECANCELED, status(fence, NULL));
	ASSERT_EQ(0, unload());
	EXPECT_EQ(-ECANCELED, status(fence, NULL));
	EXPECT_EQ(before, kept());
	close(fence);
	settle();
}

TEST_F(unload, leaked_registration_does_not_reach_the_module)
{
	int before = kept();

	ASSERT_LE(0, before);
	ASSERT_EQ(0, load(LEAVE_REGISTRATION, self->foreign));
	ASSERT_EQ(0, unload());
	/* What the fence will call is the library's, which stays: once is enough. */
	EXPECT_EQ(before ? before : 1, kept());
	ASSERT_EQ(0, signal_foreign(self->timeline, self->foreign));
	EXPECT_EQ(1, status(self->foreign, NULL));
	settle();
}

TEST_F(unload, leaked_forward_is_cut_off)
{
	int target = next_fd();

	ASSERT_EQ(0, load(LEAVE_FORWARD, self->foreign));
	EXPECT_EQ(0, status(target, NULL));
	ASSERT_EQ(0, unload());
	EXPECT_EQ(-ECANCELED, status(target, NULL));
	ASSERT_EQ(0, signal_foreign(self->timeline, self->foreign));
	settle();
	EXPECT_EQ(-ECANCELED, status(target, NULL));
	close(target);
}

TEST_F(unload, leaked_works_do_not_run_any_more)
{
	ASSERT_EQ(0, load(LEAVE_WORKS, -1));
	ASSERT_EQ(0, unload());
	/* They were to run after a second. */
	usleep(1500000);
}

TEST_F(unload, drops_that_lead_to_drops_are_waited_for)
{
	ASSERT_EQ(0, load(LEAVE_CHAIN, -1));
	ASSERT_EQ(0, unload());
	settle();
}

TEST_F(unload, context_outlives_the_module_that_made_it)
{
	char driver[32] = "";
	int fence = next_fd();

	ASSERT_EQ(0, load(LEAVE_NOTHING, -1));
	ASSERT_EQ(0, load_orphan());
	ASSERT_EQ(0, unload_module("dma_buf_orphan"));
	settle();
	/* Which, as it goes, uses the context, and hands out a fence. */
	ASSERT_EQ(0, unload());
	EXPECT_EQ(-ECANCELED, status(fence, driver));
	EXPECT_STREQ("detached-driver", driver);
	close(fence);
	settle();
}

TEST_HARNESS_MAIN
