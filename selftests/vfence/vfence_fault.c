// SPDX-License-Identifier: GPL-2.0
/*
 * What /dev/vfence does when something runs out: each allocation of a call is failed in turn,
 * there is no descriptor left, a page of the caller's comes late or never, or the caller is
 * killed. A call that fails has changed nothing, and the next one works.
 *
 * The kernel must inject faults (CONFIG_FAILSLAB, CONFIG_FAIL_PAGE_ALLOC); userfaultfd is for the
 * pages.
 */
#include "buffer.h"
#include "fault.h"
#include "vfence_test.h"

#include <linux/dma-buf.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/*
 * As in vfence_test.h.
 *
 * checkpatch: COMPLEX_MACRO: they are two arguments of a function
 */
#define ATTACH(...)	VFENCE_IOC_ATTACH, &(struct vfence_attach){ __VA_ARGS__ }
#define RESV(...)	VFENCE_IOC_RESV, &(struct vfence_resv){ __VA_ARGS__ }
#define MERGE(...)	SYNC_IOC_MERGE, &(struct sync_merge_data){ .name = "m", __VA_ARGS__ }

/* Where a call returns a descriptor; NONE if it does not. */
#define IN(type, field)	((int)offsetof(struct type, field))
#define NONE		-1

static int faults = -1;

static int prepare(void)
{
	faults = open_faults();
	/*
	 * A page of the caller's that is not there, or that the fork has left shared, is allocated
	 * when the kernel writes to it, and is then what fails: with EFAULT.
	 */
	return faults < 0 || mlockall(MCL_CURRENT) || inject_faults();
}

static int result_of(const void *arg, int result)
{
	int fd = -1;

	if (result != NONE)
		memcpy(&fd, (const char *)arg + result, sizeof(fd));
	return fd;
}

/* How many allocations calls had, and how many of these were failed with ENOMEM. */
static unsigned int reached, refusals;

/*
 * Makes the call once for each allocation in it, which fails, and at last once without. Both
 * are right when one fails: ENOMEM, and then nothing has changed; or success, as of what the
 * kernel does without, or tries otherwise.
 */
static void in_turn(struct __test_metadata *_metadata, int observed, int dev, unsigned long cmd,
		    const void *arg, int result)
{
	static struct unchanged before, after;
	char copy[256];
	bool failed;

	for (unsigned int n = 1; n < 1000; n++) {
		int ret, fd;

		memset(copy, 0, sizeof(copy));
		memcpy(copy, arg, _IOC_SIZE(cmd));
		observe(&before, observed, cmd, copy);
		arm(faults, n);
		ret = call(dev, cmd, copy);
		failed = disarm(faults);
		fd = result_of(copy, result);
		if (!ret && fd >= 0)
			close(fd);
		if (!failed) {
			EXPECT_EQ(0, ret);
			return;
		}
		reached++;
		if (!ret)
			continue;
		refusals++;
		ASSERT_EQ(-ENOMEM, ret);
		observe(&after, observed, cmd, copy);
		ASSERT_EQ(0, memcmp(&before, &after, sizeof(before))) {
			TH_LOG("changed by the failure of allocation %u", n);
		}
	}
	ASSERT_TRUE(!failed);
}

/* IN_TURN(descriptor, request, argument, where it returns a descriptor) */
#define IN_TURN(...) in_turn(_metadata, self->dev, __VA_ARGS__)

FIXTURE(fault) {
	int dev, other, points;
	/* Of four timelines, and one of all. */
	int timelines[4], fences[4], all;
};

FIXTURE_SETUP(fault)
{
	self->dev = timeline();
	if (self->dev < 0 && errno == ENOENT)
		SKIP(return, "there is no /dev/vfence");
	ASSERT_LE(0, self->dev);
	if (prepare())
		SKIP(return, "this kernel does not inject faults");
	self->other = timeline();
	self->points = timeline();
	ASSERT_EQ(0, setup(self->points, VFENCE_KIND_POINTS));
	for (int i = 0; i < 4; i++) {
		self->timelines[i] = timeline();
		self->fences[i] = manual(self->timelines[i]);
		ASSERT_LE(0, self->fences[i]);
	}
	self->all = combine(self->dev, VFENCE_COMBINE_ARRAY, self->fences, 4);
	ASSERT_LE(0, self->all);
	ASSERT_EQ(0, setup(self->dev, VFENCE_KIND_ORDERED));
	reached = 0;
	refusals = 0;
}

FIXTURE_TEARDOWN(fault)
{
	if (reached)
		TH_LOG("allocations failed: %u, calls that failed for it: %u", reached, refusals);
	close(self->dev);
	close(self->other);
	close(self->points);
	for (int i = 0; i < 4; i++) {
		close(self->timelines[i]);
		close(self->fences[i]);
	}
	close(self->all);
	close(faults);
}

static int opened(uint32_t kind)
{
	int dev = timeline();

	if (dev < 0)
		return -errno;
	if (kind) {
		struct vfence_setup s = { .kind = kind, .name = "a timeline" };

		if (ioctl(dev, VFENCE_IOC_SETUP, &s)) {
			int ret = -errno;

			close(dev);
			return ret;
		}
	}
	return dev;
}

TEST_F(fault, open_and_setup)
{
	for (uint32_t kind = 0; kind <= VFENCE_KIND_POINTS; kind++) {
		bool failed = true;

		for (unsigned int n = 1; failed; n++) {
			int fds = open_fds(), fd;

			arm(faults, n);
			fd = opened(kind);
			failed = disarm(faults);
			if (fd >= 0)
				close(fd);
			else
				EXPECT_EQ(-ENOMEM, fd);
			EXPECT_EQ(fds, open_fds());
			EXPECT_TRUE(failed || fd >= 0);
			reached += failed;
			refusals += fd < 0;
			ASSERT_GT(1000, n);
		}
	}
	EXPECT_LT(0, refusals);
}

/* The first use of a timeline makes it what it is. */
TEST_F(fault, first_job)
{
	for (unsigned int n = 1; n < 1000; n++) {
		struct vfence_submit s = { .fd = -1 };
		int dev = timeline(), ret;
		bool failed;

		arm(faults, n);
		ret = call(dev, VFENCE_IOC_SUBMIT, &s);
		failed = disarm(faults);
		reached += failed;
		refusals += ret != 0;
		if (ret) {
			EXPECT_EQ(-ENOMEM, ret);
			EXPECT_EQ(VFENCE_KIND_UNUSED, query(dev).kind);
			EXPECT_EQ(0, call(dev, VFENCE_IOC_SUBMIT, &s));
		}
		EXPECT_EQ(1, s.seqno);
		EXPECT_TRUE(signals(s.fd));
		close(s.fd);
		close(dev);
		if (!failed)
			return;
	}
	ASSERT_TRUE(false);
}

TEST_F(fault, submit)
{
	struct vfence_chain c = { .point = 1, .tail = -1, .fence = self->fences[0] };
	uintptr_t fences = (uintptr_t)self->fences;

	ASSERT_EQ(0, call(self->other, VFENCE_IOC_CHAIN, &c));
	IN_TURN(self->dev, SUBMIT(.delay_ns = 1000), IN(vfence_submit, fd));
	IN_TURN(self->dev, SUBMIT(.flags = VFENCE_SUBMIT_MANUAL), IN(vfence_submit, fd));
	IN_TURN(self->dev, SUBMIT(.in_fences = fences, .in_count = 4), IN(vfence_submit, fd));
	IN_TURN(self->dev, SUBMIT(.in_fences = (uintptr_t)&self->all, .in_count = 1,
				  .flags = VFENCE_SUBMIT_IN_ERROR), IN(vfence_submit, fd));
	IN_TURN(self->dev, SUBMIT(.out = VFENCE_OUT_ARRAY, .out_fences = fences, .out_count = 4),
		IN(vfence_submit, fd));
	IN_TURN(self->dev, SUBMIT(.out = VFENCE_OUT_CHAIN, .point = 2, .chain_fd = c.fd),
		IN(vfence_submit, fd));
	IN_TURN(self->dev, SUBMIT(.out = VFENCE_OUT_CHAIN, .point = 1, .chain_fd = -1),
		IN(vfence_submit, fd));
	EXPECT_LT(0, refusals);
	close(c.fd);
}

TEST_F(fault, submit_unordered)
{
	ASSERT_EQ(0, setup(self->other, VFENCE_KIND_UNORDERED));
	in_turn(_metadata, self->other, self->other, SUBMIT(.delay_ns = 1000),
		IN(vfence_submit, fd));
	in_turn(_metadata, self->other, self->other,
		SUBMIT(.in_fences = (uintptr_t)self->fences, .in_count = 4), IN(vfence_submit, fd));
	EXPECT_LT(0, refusals);
}

TEST_F(fault, combine)
{
	uintptr_t fences = (uintptr_t)self->fences;

	for (uint32_t how = 0; how <= VFENCE_COMBINE_MERGE; how++) {
		int both[] = { self->all, self->fences[0] };

		IN_TURN(self->dev, COMBINE(.how = how, .fences = fences, .count = 4),
			IN(vfence_combine, fd));
		IN_TURN(self->dev, COMBINE(.how = how, .fences = (uintptr_t)both, .count = 2),
			IN(vfence_combine, fd));
	}
	EXPECT_LT(0, refusals);
}

TEST_F(fault, chain)
{
	struct vfence_chain c = { .point = 1, .tail = -1, .fence = self->fences[0] };

	ASSERT_EQ(0, call(self->other, VFENCE_IOC_CHAIN, &c));
	IN_TURN(self->dev, CHAIN(.point = 1, .tail = -1, .fence = self->all), IN(vfence_chain, fd));
	IN_TURN(self->dev, CHAIN(.point = 2, .tail = c.fd, .fence = self->fences[1]),
		IN(vfence_chain, fd));
	IN_TURN(self->dev, CHAIN(.point = 2, .tail = c.fd, .fence = c.fd), IN(vfence_chain, fd));
	EXPECT_LT(0, refusals);
	close(c.fd);
}

TEST_F(fault, points)
{
	int ten = point(self->points, 10);
	struct vfence_sw_sync_deadline d = { .fence_fd = ten };

	ASSERT_LE(0, ten);
	for (uint32_t value = 5; value <= 15; value += 5)
		in_turn(_metadata, self->points, self->points, CREATE(.value = value),
			IN(vfence_sw_sync_create, fence));
	EXPECT_LT(0, refusals);
	EXPECT_EQ(0, set_deadline(ten, 1000));
	in_turn(_metadata, self->points, self->points, VFENCE_IOC_SW_SYNC_DEADLINE, &d, NONE);
	in_turn(_metadata, self->points, self->points, INC(1), NONE);
	close(ten);
}

/* These have nothing to allocate. */
TEST_F(fault, control)
{
	for (int i = 0; i < 3; i++) {
		IN_TURN(self->dev, SUBMIT(.flags = VFENCE_SUBMIT_MANUAL), IN(vfence_submit, fd));
		IN_TURN(self->dev, SIGNAL(.seqno = 1), NONE);
		IN_TURN(self->dev, HANG(), NONE);
		IN_TURN(self->dev, QUERY(), NONE);
		IN_TURN(self->dev, RESET(.error = -ETIME), NONE);
		IN_TURN(self->dev, INFO(), NONE);
	}
}

TEST_F(fault, buffers)
{
	int buf = buffer();
	struct dma_buf_export_sync_file e = { .flags = DMA_BUF_SYNC_RW };
	struct dma_buf_import_sync_file i = { .flags = DMA_BUF_SYNC_WRITE, .fd = self->all };

	if (buf < 0)
		SKIP(return, "there is no udmabuf");
	IN_TURN(self->dev, RESV(.dmabuf_fd = buf), NONE);
	IN_TURN(self->dev, ATTACH(buf, self->fences[0], VFENCE_USAGE_WRITE), NONE);
	IN_TURN(self->dev, ATTACH(buf, self->all, VFENCE_USAGE_READ), NONE);
	IN_TURN(self->dev, RESV(.dmabuf_fd = buf, .usage = VFENCE_USAGE_BOOKKEEP), NONE);
	IN_TURN(buf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &i, NONE);
	IN_TURN(buf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &e, IN(dma_buf_export_sync_file, fd));
	EXPECT_LT(0, refusals);
	close(buf);
}

TEST_F(fault, sync_files)
{
	struct sync_fence_info rows[4];
	struct sync_file_info i = { .num_fences = 4, .sync_fence_info = (uintptr_t)rows };
	struct sync_set_deadline d = { .deadline_ns = 1000 };

	IN_TURN(self->all, MERGE(.fd2 = self->fences[0]), IN(sync_merge_data, fence));
	IN_TURN(self->fences[1], MERGE(.fd2 = self->fences[0]), IN(sync_merge_data, fence));
	IN_TURN(self->all, SYNC_IOC_FILE_INFO, &i, NONE);
	IN_TURN(self->all, SYNC_IOC_SET_DEADLINE, &d, NONE);
	EXPECT_LT(0, refusals);
}

static int read_all(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;
	char text[4096];

	if (fd < 0)
		return -errno;
	do
		ret = read(fd, text, sizeof(text));
	while (ret > 0);
	ret = ret ? -errno : 0;
	close(fd);
	return ret;
}

TEST_F(fault, debugfs)
{
	static const char *const path[] = {
		"/sys/kernel/debug/vfence/counters", "/sys/kernel/debug/vfence/timelines",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(path); i++) {
		bool failed = true;

		for (unsigned int n = 1; failed; n++) {
			int fds = open_fds(), ret;

			arm(faults, n);
			ret = read_all(path[i]);
			failed = disarm(faults);
			EXPECT_TRUE(!ret || (failed && ret == -ENOMEM));
			EXPECT_EQ(fds, open_fds());
			reached += failed;
			refusals += ret != 0;
			ASSERT_GT(1000, n);
		}
	}
}

TEST_F(fault, descriptors_run_out)
{
	struct rlimit limit, none;
	int buf = buffer();

	ASSERT_LE(0, buf);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = 0;

/* checkpatch: MACRO_ARG_REUSE: what it reuses are constants and the address of a literal */
#define NO_FD(on, request) ({								\
		static struct unchanged before, after;					\
		int ret;								\
		observe(&before, self->dev, request);					\
		setrlimit(RLIMIT_NOFILE, &none);					\
		ret = call(on, request);						\
		setrlimit(RLIMIT_NOFILE, &limit);					\
		observe(&after, self->dev, request);					\
		EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));			\
		ret;									\
	})
	EXPECT_EQ(-EMFILE, NO_FD(self->dev, SUBMIT()));
	EXPECT_EQ(-EMFILE, NO_FD(self->dev, SUBMIT(.out = VFENCE_OUT_CHAIN, .point = 1,
						   .chain_fd = -1)));
	EXPECT_EQ(-EMFILE, NO_FD(self->dev, COMBINE(.fences = (uintptr_t)self->fences,
						    .count = 4)));
	EXPECT_EQ(-EMFILE, NO_FD(self->dev, CHAIN(.point = 1, .tail = -1, .fence = self->all)));
	EXPECT_EQ(-EMFILE, NO_FD(self->points, CREATE(.value = 5)));
	EXPECT_EQ(-EMFILE, NO_FD(self->all, MERGE(.fd2 = self->fences[0])));
	/* These need none. */
	EXPECT_EQ(0, NO_FD(self->dev, SIGNAL(.seqno = 0)));
	EXPECT_EQ(0, NO_FD(self->dev, ATTACH(buf, self->all, VFENCE_USAGE_READ)));
	EXPECT_LE(0, submit(self->dev));
	close(buf);
}

/*
 * A page that is filled as it is touched: first `meanwhile` is done, and while that lasts the
 * kernel waits for the page.
 */
struct late_page {
	int uffd;
	char *page, *content;
	void (*meanwhile)(void *arg);
	void *arg;
	bool never;
	pthread_t thread;
};

static void *fill(void *arg)
{
	struct late_page *p = arg;
	struct uffd_msg msg;
	struct uffdio_copy copy = {
		.dst = (uintptr_t)p->page, .src = (uintptr_t)p->content, .len = page_size(),
	};

	if (read(p->uffd, &msg, sizeof(msg)) != sizeof(msg))
		return NULL;
	if (p->meanwhile)
		p->meanwhile(p->arg);
	if (!p->never && ioctl(p->uffd, UFFDIO_COPY, &copy))
		abort();
	return NULL;
}

/* Makes a page with this at its end. Returns where that is, or NULL without userfaultfd. */
static void *late_page(struct late_page *p, const void *content, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	p->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (p->uffd < 0 || ioctl(p->uffd, UFFDIO_API, &api))
		return NULL;
	p->content = calloc(1, page_size());
	p->page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	reg.range.start = (uintptr_t)p->page;
	reg.range.len = page_size();
	if (!p->content || p->page == MAP_FAILED || ioctl(p->uffd, UFFDIO_REGISTER, &reg))
		return NULL;
	memcpy(p->content + page_size() - size, content, size);
	if (pthread_create(&p->thread, NULL, fill, p))
		return NULL;
	return p->page + page_size() - size;
}

static void end_page(struct late_page *p)
{
	pthread_join(p->thread, NULL);
	munmap(p->page, page_size());
	free(p->content);
	close(p->uffd);
}

static void reset_it(void *arg)
{
	int dev = *(int *)arg;

	call(dev, HANG());
	call(dev, RESET(.error = -ECANCELED));
}

/* The timeline is reset while an ioctl waits for a page of its argument or of an array. */
TEST_F(fault, pages_that_come_late)
{
	struct vfence_submit s = { .in_count = 4, .fd = -1 };
	struct vfence_combine c = { .count = 4, .fd = -1 };
	struct late_page page = { .meanwhile = reset_it, .arg = &self->dev };
	void *late;

	late = late_page(&page, self->fences, sizeof(self->fences));
	if (!late)
		SKIP(return, "this kernel has no userfaultfd");
	s.in_fences = (uintptr_t)late;
	EXPECT_EQ(0, call(self->dev, VFENCE_IOC_SUBMIT, &s));
	EXPECT_FALSE(is_signaled(s.fd));
	end_page(&page);
	EXPECT_EQ(0, call(self->dev, RESET(.error = -ECANCELED)));
	EXPECT_EQ(-ECANCELED, status(s.fd));
	close(s.fd);

	c.fences = (uintptr_t)late_page(&page, self->fences, sizeof(self->fences));
	EXPECT_EQ(0, call(self->dev, VFENCE_IOC_COMBINE, &c));
	EXPECT_FALSE(is_signaled(c.fd));
	end_page(&page);
	close(c.fd);

	s.in_fences = 0;
	s.in_count = 0;
	late = late_page(&page, &s, sizeof(s));
	EXPECT_EQ(0, call(self->dev, VFENCE_IOC_SUBMIT, late));
	memcpy(&s, late, sizeof(s));
	EXPECT_TRUE(signals(s.fd));
	end_page(&page);
	close(s.fd);
}

static void tell(void *arg)
{
	if (write(*(int *)arg, "", 1) != 1)
		abort();
}

/* Killed while the kernel waits for a page: nothing is left of the call. */
TEST_F(fault, killed_for_a_page)
{
	static struct unchanged before, after;
	unsigned long none = 0;
	int ready[2];

	ASSERT_EQ(0, pipe(ready));
	observe(&before, self->dev, _IOC(0, 0, 0, 1), &none);
	for (int which = 0; which < 3; which++) {
		struct vfence_submit s = { .in_count = 4, .fd = -1 };
		struct vfence_combine c = { .count = 4, .fd = -1 };
		char byte;
		pid_t child = fork();

		ASSERT_LE(0, child);
		if (!child) {
			struct late_page page = {
				.meanwhile = tell, .arg = &ready[1], .never = true,
			};
			void *late;

			if (which == 2)
				late = late_page(&page, &s, sizeof(s));
			else
				late = late_page(&page, self->fences, sizeof(self->fences));
			if (!late) {
				tell(&ready[1]);
				_exit(4);
			}
			s.in_fences = (uintptr_t)late;
			c.fences = (uintptr_t)late;
			if (which == 0)
				call(self->dev, VFENCE_IOC_SUBMIT, &s);
			else if (which == 1)
				call(self->dev, VFENCE_IOC_COMBINE, &c);
			else
				call(self->dev, VFENCE_IOC_SUBMIT, late);
			_exit(1);
		}
		ASSERT_EQ(1, read(ready[0], &byte, 1));
		kill(child, SIGKILL);
		int how;

		ASSERT_EQ(child, waitpid(child, &how, 0));
		if (WIFEXITED(how) && WEXITSTATUS(how) == 4)
			SKIP(return, "this kernel has no userfaultfd");
		EXPECT_TRUE(WIFSIGNALED(how));
		observe(&after, self->dev, _IOC(0, 0, 0, 1), &none);
		EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	}
	close(ready[0]);
	close(ready[1]);
}

/* What the killed process does: all kinds of calls on a timeline of its own and on a shared one. */
static void be_busy(int shared)
{
	for (;;) {
		int dev = timeline(), fd[3];

		fd[0] = timed(dev, 200000);
		fd[1] = submit(dev, .in_fences = (uintptr_t)fd, .in_count = 1);
		fd[2] = submit(shared, .in_fences = (uintptr_t)fd, .in_count = 2);
		close(combine(dev, VFENCE_COMBINE_MERGE, fd, 3));
		close(chain(dev, 1, -1, fd[2]));
		call(dev, SIGNAL(.seqno = 2));
		call(dev, RESET(.error = -ECANCELED));
		signaled_within(fd[2], 1);
		for (int i = 0; i < 3; i++)
			close(fd[i]);
		close(dev);
	}
}

/* At any time: what it had made signals, and nothing stays. */
TEST_F(fault, killed)
{
	long pending = counter("pending");

	for (int round = 0; round < 200; round++) {
		pid_t child = fork();

		ASSERT_LE(0, child);
		if (!child)
			be_busy(self->other);
		usleep(round * 37 % 3000);
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, NULL, 0));
	}
	for (int i = 0; i < WAIT_MSEC && counter("pending") != pending; i++)
		usleep(1000);
	EXPECT_EQ(pending, counter("pending"));
	EXPECT_EQ(0, query(self->other).pending);
	EXPECT_LE(0, submit(self->other));
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* Each wait that a signal may interrupt: of poll, and for the lock of a buffer. */
TEST_F(fault, interrupted)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct pollfd p = { .fd = self->all, .events = POLLIN };

	sigaction(SIGALRM, &action, NULL);
	ualarm(20000, 0);
	EXPECT_EQ(-1, poll(&p, 1, WAIT_MSEC));
	EXPECT_EQ(EINTR, errno);
	EXPECT_EQ(0, status(self->all));
}

TEST_HARNESS_MAIN
