// SPDX-License-Identifier: GPL-2.0
/*
 * Timelines and fences in several hands: copies, children, other processes, threads.
 */
#include "socket.h"
#include "vfence_test.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#define THREADS 16
#define FENCES 32
#define JOBS 25

TIMELINE_FIXTURE(share)

/* In a child; what it returns. */
#define IN_CHILD(expression) ({					\
	pid_t child = fork();					\
	int st = -1;						\
								\
	if (!child)						\
		_exit(expression);				\
	waitpid(child, &st, 0);					\
	WIFEXITED(st) ? WEXITSTATUS(st) : -1;			\
})

TEST_F(share, copies_are_one_timeline)
{
	int copy = dup(self->dev), fd = manual(self->dev);

	EXPECT_EQ(1, query(copy).last);
	ASSERT_EQ(0, close(self->dev));
	self->dev = copy;
	EXPECT_EQ(0, status(fd));
	ASSERT_EQ(0, complete(copy, 1));
	EXPECT_EQ(1, status(fd));
}

TEST_F(share, closed_descriptor)
{
	int closed = dup(self->dev);

	close(closed);
	EXPECT_EQ(-EBADF, call(closed, SUBMIT()));
	EXPECT_EQ(-EBADF, call(-1, SUBMIT()));
}

/* What a descriptor may be used for is no matter: it is an ioctl. */
TEST_F(share, opened_otherwise)
{
	int fd = open("/dev/vfence", O_RDONLY | O_CLOEXEC);
	char byte;

	EXPECT_LE(0, manual(fd));
	EXPECT_EQ(-1, read(fd, &byte, 1));
	EXPECT_EQ(-1, write(fd, "", 1));
	close(fd);
	fd = open("/dev/vfence", O_PATH);
	EXPECT_EQ(-EBADF, call(fd, SUBMIT()));
}

TEST_F(share, child_inherits)
{
	int fd = manual(self->dev);

	EXPECT_EQ(0, IN_CHILD(manual(self->dev) < 0));
	EXPECT_EQ(2, query(self->dev).last);
	/* What it leaves does not go with it. */
	EXPECT_EQ(2, query(self->dev).pending);
	EXPECT_EQ(0, IN_CHILD(complete(self->dev, 1)));
	EXPECT_EQ(1, status(fd));
	EXPECT_EQ(0, IN_CHILD(close(self->dev) || status(fd) != 1));
	EXPECT_EQ(1, query(self->dev).pending);
}

TEST_F(share, last_descriptor_is_a_childs)
{
	int dev = timeline(), fd = manual(dev), go[2];
	pid_t child;

	ASSERT_EQ(0, pipe(go));
	child = fork();
	if (!child) {
		char byte;

		close(go[1]);
		_exit(read(go[0], &byte, 1) != 0);
	}
	ASSERT_EQ(0, close(dev));
	EXPECT_EQ(0, status(fd));
	close(go[1]);
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	ASSERT_TRUE(signals(fd));
	EXPECT_EQ(-ENOENT, status(fd));
}

TEST_F(share, not_after_exec)
{
	char path[32];
	int dev = timeline();

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dev);
	EXPECT_EQ(FD_CLOEXEC, fcntl(manual(dev), F_GETFD));
	EXPECT_EQ(1, IN_CHILD(execlp("test", "test", "-e", path, NULL)));
	ASSERT_EQ(0, fcntl(dev, F_SETFD, 0));
	EXPECT_EQ(0, IN_CHILD(execlp("test", "test", "-e", path, NULL)));
}

TEST_F(share, sent_to_another_process)
{
	int pair[2], dev, fd;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		SKIP(return, "the kernel has no CONFIG_UNIX");
	child = fork();
	if (!child) {
		dev = timeline();
		fd = manual(dev);
		_exit(send_fd(pair[1], dev) || send_fd(pair[1], fd));
	}
	dev = receive_fd(pair[0]);
	fd = receive_fd(pair[0]);
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	EXPECT_EQ(1, query(dev).pending);
	EXPECT_EQ(0, status(fd));
	/* In flight, it stays. */
	ASSERT_EQ(0, send_fd(pair[0], dev));
	ASSERT_EQ(0, close(dev));
	EXPECT_TRUE(stays_pending(fd));
	dev = receive_fd(pair[1]);
	ASSERT_EQ(0, complete(dev, 1));
	EXPECT_EQ(1, status(fd));
}

struct waiters {
	int fd[FENCES];
	int count;
	/* How many threads are about to wait. */
	int begun;
	pthread_t thread[THREADS];
};

/* Each returns how many of the fences it has seen signal. */
static void *poll_all(void *arg)
{
	struct waiters *w = arg;
	long seen = 0;

	__atomic_fetch_add(&w->begun, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < w->count; i++)
		seen += signals(w->fd[i]);
	return (void *)seen;
}

static void *epoll_all(void *arg)
{
	struct waiters *w = arg;
	struct epoll_event event;
	int epoll = epoll_create1(0);
	long seen = 0;

	for (int i = 0; i < w->count; i++) {
		event = (struct epoll_event){ .events = EPOLLIN | EPOLLONESHOT, .data.fd = i };
		epoll_ctl(epoll, EPOLL_CTL_ADD, w->fd[i], &event);
	}
	__atomic_fetch_add(&w->begun, 1, __ATOMIC_RELAXED);
	while (seen < w->count && epoll_wait(epoll, &event, 1, WAIT_MSEC) == 1)
		seen += event.events == EPOLLIN;
	close(epoll);
	return (void *)seen;
}

static void start(struct waiters *w, int (*make)(int dev), int dev, int count)
{
	w->count = count;
	w->begun = 0;
	for (int i = 0; i < count; i++)
		w->fd[i] = make(dev);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&w->thread[i], NULL, i % 2 ? poll_all : epoll_all, w);
	while (__atomic_load_n(&w->begun, __ATOMIC_RELAXED) < THREADS)
		usleep(1000);
	/* Most wait by then, and the others need not. */
	usleep(SETTLE_MSEC * 1000);
}

static int all_have_seen(struct waiters *w)
{
	int good = 0;

	for (int i = 0; i < THREADS; i++) {
		void *seen;

		pthread_join(w->thread[i], &seen);
		good += (long)seen == w->count;
	}
	return good;
}

TEST_F(share, many_wait_for_one)
{
	struct waiters w;

	start(&w, manual, self->dev, 1);
	ASSERT_EQ(0, complete(self->dev, 1));
	EXPECT_EQ(THREADS, all_have_seen(&w));
	EXPECT_EQ(1, status(w.fd[0]));
}

TEST_F(share, many_wait_for_many)
{
	struct waiters w;

	start(&w, manual, self->dev, FENCES);
	for (int i = 1; i <= FENCES; i++)
		ASSERT_EQ(0, complete(self->dev, i));
	EXPECT_EQ(THREADS, all_have_seen(&w));
}

TEST_F(share, closed_under_waiters)
{
	struct waiters w;

	start(&w, manual, self->dev, FENCES);
	ASSERT_EQ(0, close(self->dev));
	self->dev = -1;
	EXPECT_EQ(THREADS, all_have_seen(&w));
	for (int i = 0; i < FENCES; i++)
		EXPECT_EQ(-ENOENT, status(w.fd[i]));
}

static void *submit_many(void *dev)
{
	long good = 0;

	for (int i = 0; i < JOBS; i++) {
		int fd = timed((long)dev, 0);

		good += fd >= 0 && signals(fd) && status(fd) == 1;
		close(fd);
	}
	return (void *)good;
}

TEST_F(share, many_submit)
{
	pthread_t thread[THREADS];
	void *good;

	for (int i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, submit_many,
					    (void *)(long)self->dev));
	for (int i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(thread[i], &good));
		EXPECT_EQ(JOBS, (long)good);
	}
	EXPECT_EQ(JOBS * THREADS, query(self->dev).value);
	EXPECT_EQ(0, query(self->dev).pending);
}

TEST_HARNESS_MAIN
