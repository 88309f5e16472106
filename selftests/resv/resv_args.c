// SPDX-License-Identifier: GPL-2.0
/*
 * What is refused when a fence meets a buffer, and that nothing half-done is left
 * of it.
 */
#include "fault.h"
#include "resv_test.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

FIXTURE(refused) {
	int dev, buf, fence, pipe[2], closed;
};

FIXTURE_SETUP(refused)
{
	self->dev = timeline();
	if (self->dev < 0 && errno == ENOENT)
		SKIP(return, "there is no /dev/vfence");
	ASSERT_LE(0, self->dev);
	self->buf = buffer();
	if (self->buf == -ENOENT)
		SKIP(return, "there is no /dev/udmabuf");
	ASSERT_LE(0, self->buf);
	self->fence = manual(self->dev);
	ASSERT_LE(0, self->fence);
	ASSERT_EQ(0, pipe(self->pipe));
	self->closed = dup(self->fence);
	ASSERT_EQ(0, close(self->closed));
}

FIXTURE_TEARDOWN(refused)
{
	close(self->pipe[0]);
	close(self->pipe[1]);
	close(self->fence);
	close(self->buf);
	close(self->dev);
}

/* The error, with nothing attached, no descriptor given out and no buffer kept. */
#define refuses(attach_args...)							\
	refuses_any(self->dev, self->buf, &(struct vfence_attach){		\
		.dmabuf_fd = self->buf, .fence_fd = self->fence, ##attach_args })

static int refuses_any(int dev, int buf, struct vfence_attach *a)
{
	int refs = references(buf), before = counts(dev, buf), ret;

	ret = refused(dev, VFENCE_IOC_ATTACH, a);
	if (references(buf) != refs)
		return -1001;
	return counts(dev, buf) == before ? ret : -1002;
}

TEST_F(refused, dmabuf_that_is_not_open)
{
	EXPECT_EQ(-EBADF, refuses(.dmabuf_fd = self->closed));
	EXPECT_EQ(-EBADF, refuses(.dmabuf_fd = -1));
	EXPECT_EQ(-EBADF, refuses(.dmabuf_fd = INT_MAX));
	EXPECT_EQ(-EBADF, refuses(.dmabuf_fd = INT_MIN));
}

TEST_F(refused, dmabuf_that_is_another_file)
{
	EXPECT_EQ(-EINVAL, refuses(.dmabuf_fd = self->pipe[0]));
	EXPECT_EQ(-EINVAL, refuses(.dmabuf_fd = self->pipe[1]));
	EXPECT_EQ(-EINVAL, refuses(.dmabuf_fd = self->dev));
	EXPECT_EQ(-EINVAL, refuses(.dmabuf_fd = self->fence));
}

TEST_F(refused, sync_file_that_is_not_open)
{
	EXPECT_EQ(-EINVAL, refuses(.fence_fd = self->closed));
	EXPECT_EQ(-EINVAL, refuses(.fence_fd = -1));
	EXPECT_EQ(-EINVAL, refuses(.fence_fd = INT_MAX));
	EXPECT_EQ(-EINVAL, refuses(.fence_fd = INT_MIN));
}

TEST_F(refused, sync_file_that_is_another_file)
{
	EXPECT_EQ(-EINVAL, refuses(.fence_fd = self->pipe[0]));
	EXPECT_EQ(-EINVAL, refuses(.fence_fd = self->pipe[1]));
	EXPECT_EQ(-EINVAL, refuses(.fence_fd = self->dev));
	EXPECT_EQ(-EINVAL, refuses(.fence_fd = self->buf));
}

TEST_F(refused, one_for_the_other)
{
	EXPECT_EQ(-EINVAL, refuses(.dmabuf_fd = self->fence, .fence_fd = self->buf));
}

TEST_F(refused, unknown_usage)
{
	EXPECT_EQ(-EINVAL, refuses(.usage = VFENCE_USAGE_BOOKKEEP + 1));
	EXPECT_EQ(-EINVAL, refuses(.usage = 1U << 31));
	EXPECT_EQ(-EINVAL, refuses(.usage = UINT32_MAX));
}

TEST_F(refused, unknown_flags)
{
	for (int bit = 0; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, refuses(.flags = 1U << bit));
}

/*
 * Adding them would take time that grows with the square of their number; adding as many as are
 * allowed takes minutes where a guest is emulated, and other guests run.
 */
TEST_F_TIMEOUT(refused, too_many_fences, 1200)
{
	int timeline_fd = timeline(), few[16], fd[256], all;

	ASSERT_EQ(0, setup(timeline_fd, VFENCE_KIND_UNORDERED));
	for (int i = 0; i < 16; i++) {
		for (int j = 0; j < 256; j++) {
			fd[j] = manual(timeline_fd);
			ASSERT_LE(0, fd[j]);
		}
		few[i] = combine(timeline_fd, VFENCE_COMBINE_ARRAY, fd, 256);
		ASSERT_LE(0, few[i]);
		if (i < 15)
			for (int j = 0; j < 256; j++)
				close(fd[j]);
	}
	all = combine(timeline_fd, VFENCE_COMBINE_ARRAY, few, 16);
	ASSERT_LE(0, all);
	EXPECT_EQ(-E2BIG, refuses(.fence_fd = merge(all, self->fence)));
	ASSERT_EQ(0, attach(self->dev, self->buf, all, VFENCE_USAGE_READ));
	EXPECT_EQ(-E2BIG, refuses(.fence_fd = self->fence));
	/* Fences that have signalled do not count. */
	ASSERT_EQ(0, complete(timeline_fd, 16));
	EXPECT_EQ(0, attach(self->dev, self->buf, self->fence, VFENCE_USAGE_READ));
	close(timeline_fd);
}

TEST_F(refused, nothing_is_changed)
{
	ASSERT_EQ(0, attach(self->dev, self->buf, self->fence, VFENCE_USAGE_READ));
	EXPECT_EQ(-EINVAL, refuses(.usage = VFENCE_USAGE_WRITE, .flags = 1));
	EXPECT_EQ(-EINVAL, refuses(.usage = UINT32_MAX));
	EXPECT_EQ(-EINVAL, refuses(.usage = VFENCE_USAGE_WRITE, .fence_fd = -1));
	EXPECT_EQ(10, counts(self->dev, self->buf));
	/* Only what was refused was wrong. */
	EXPECT_EQ(-1002, refuses(.usage = VFENCE_USAGE_WRITE));
	EXPECT_EQ(100, counts(self->dev, self->buf));
}

static int ask(int dev, struct vfence_resv r)
{
	return ioctl(dev, VFENCE_IOC_RESV, &r) ? -errno : 0;
}

TEST_F(refused, query)
{
	int files = open_fds(), refs = references(self->buf), dev = self->dev;

#define Q(args...) ask(dev, (struct vfence_resv){ .dmabuf_fd = self->buf, ##args })
	EXPECT_EQ(-EBADF, Q(.dmabuf_fd = self->closed));
	EXPECT_EQ(-EBADF, Q(.dmabuf_fd = -1));
	EXPECT_EQ(-EINVAL, Q(.dmabuf_fd = self->pipe[0]));
	EXPECT_EQ(-EINVAL, Q(.dmabuf_fd = self->dev));
	EXPECT_EQ(-EINVAL, Q(.dmabuf_fd = self->fence));
	EXPECT_EQ(-EINVAL, Q(.usage = VFENCE_USAGE_BOOKKEEP + 1));
	EXPECT_EQ(-EINVAL, Q(.usage = UINT32_MAX));
	for (int bit = 0; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, Q(.flags = 1U << bit));
	/* What it gives back is not looked at. */
	EXPECT_EQ(0, Q(.pending = UINT32_MAX, .counts = { 1, 2, 3, 4 }));
#undef Q
	EXPECT_EQ(files, open_fds());
	EXPECT_EQ(refs, references(self->buf));
}

TEST_F(refused, bad_address)
{
	struct vfence_resv *r;

	EXPECT_EQ(-1, ioctl(self->dev, VFENCE_IOC_ATTACH, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->dev, VFENCE_IOC_RESV, (void *)8));
	EXPECT_EQ(EFAULT, errno);

	r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, r);
	r->dmabuf_fd = self->buf;
	ASSERT_EQ(0, mprotect(r, sizeof(*r), PROT_READ));
	EXPECT_EQ(-1, ioctl(self->dev, VFENCE_IOC_RESV, r));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, attach(self->dev, self->buf, self->fence, VFENCE_USAGE_READ));
}

TEST_F(refused, another_size)
{
	struct vfence_resv r = { .dmabuf_fd = self->buf };

	struct { struct vfence_resv r; uint32_t more; } grown = { r, 1 };

	EXPECT_EQ(-1, ioctl(self->dev, _IOW(VFENCE_IOC_MAGIC, 0x10, uint64_t), &r));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(self->dev, _IOWR(VFENCE_IOC_MAGIC, 0x11, uint64_t), &r));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(self->dev, _IOWR(VFENCE_IOC_MAGIC, 0x11, grown), &grown));
	EXPECT_EQ(E2BIG, errno);
	grown.more = 0;
	EXPECT_EQ(0, ioctl(self->dev, _IOWR(VFENCE_IOC_MAGIC, 0x11, grown), &grown));
	EXPECT_EQ(-1, ioctl(self->dev, _IOWR(VFENCE_IOC_MAGIC, 0x12, struct vfence_resv), &r));
	EXPECT_EQ(ENOTTY, errno);
}

TEST_F(refused, no_descriptor_is_needed)
{
	struct rlimit old, none;
	int ret[2];

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	none = (struct rlimit){ 0, old.rlim_max };
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	ret[0] = attach(self->dev, self->buf, self->fence, VFENCE_USAGE_WRITE);
	ret[1] = counts(self->dev, self->buf);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	EXPECT_EQ(0, ret[0]);
	EXPECT_EQ(100, ret[1]);
}

/* Those of the kernel's own debugging fail too, and do not matter to anybody. */
TEST_F(refused, out_of_memory)
{
	int faults = open_faults(), other = timeline(), m, ret = -1, failures = 0;

	if (faults < 0 || inject_faults())
		SKIP(return, "this kernel does not inject faults");
	m = merge(self->fence, manual(other));
	ASSERT_LE(0, m);

	for (unsigned int n = 1; n < 100; n++) {
		int buf = buffer(), files, refs;
		bool failed;

		ASSERT_LE(0, buf);
		files = open_fds();
		refs = references(buf);
		arm(faults, n);
		ret = attach(self->dev, buf, m, VFENCE_USAGE_WRITE);
		failed = disarm(faults);
		EXPECT_EQ(files, open_fds());
		EXPECT_EQ(refs, references(buf));
		EXPECT_TRUE(ret == 0 || (failed && ret == -ENOMEM));
		EXPECT_EQ(ret ? 0 : 200, counts(self->dev, buf));
		failures += ret != 0;
		close(buf);
		if (!failed)
			break;
	}
	EXPECT_EQ(0, ret);
	EXPECT_LT(0, failures);
}

#define MANY 100
/* So many signals have come while the lock was taken, or waited for, all the time. */
#define SIGNALS 3000

static atomic_int signals_seen;

static void count_signal(int sig)
{
	signals_seen++;
}

/* Either the lock is taken and the fence attached, or nothing is done. */
TEST_F(refused, interrupted)
{
	struct itimerval often = { { 0, 3000 }, { 0, 3000 } }, never = {};
	struct sigaction handler = { .sa_handler = count_signal };
	int interrupted = 0, good = 0, other = 0, many = self->fence, st, stop[2];
	pid_t child[3];

	/* The lock is held for long when there is much to add. */
	for (int i = 1; i < MANY; i++) {
		many = merge(many, manual(timeline()));
		ASSERT_LE(0, many);
	}
	/* Closed, it has the children stop. */
	ASSERT_EQ(0, pipe(stop));
	for (int i = 0; i < 3; i++) {
		struct pollfd p = { .fd = stop[0] };

		child[i] = fork();
		ASSERT_LE(0, child[i]);
		if (child[i])
			continue;
		close(stop[1]);
		while (!poll(&p, 1, 0))
			if (attach(self->dev, self->buf, many, VFENCE_USAGE_READ))
				_exit(1);
		_exit(0);
	}
	sigaction(SIGALRM, &handler, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	while ((interrupted < 3 || !good) && signals_seen < SIGNALS) {
		int ret = attach(self->dev, self->buf, many, VFENCE_USAGE_READ);

		interrupted += ret == -EINTR;
		good += !ret;
		other += ret && ret != -EINTR;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	close(stop[1]);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(child[i], waitpid(child[i], &st, 0));
		EXPECT_EQ(0, st);
	}
	TH_LOG("%d interrupted, %d not, of %d signals", interrupted, good, (int)signals_seen);
	EXPECT_LE(3, interrupted);
	EXPECT_LT(0, good);
	EXPECT_EQ(0, other);
	EXPECT_EQ(MANY, pending(self->dev, self->buf, VFENCE_USAGE_READ));
}

TEST_HARNESS_MAIN
