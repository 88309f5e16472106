// SPDX-License-Identifier: GPL-2.0
/*
 * usage: vfence_cost NODE...: what the ioctls of sw_sync cost on each node, in ns. In a guest
 * whose clock counts instructions (qemu/vm --icount), these are instructions. Prints a line
 * for each operation: its name, and a figure for each node.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <linux/vfence.h>

#define ROUNDS 500
#define DOWNWARDS 30000
#define MANY 100000

static int fds[MANY];

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static int open_node(const char *node)
{
	int dev = open(node, O_RDWR | O_CLOEXEC);

	if (dev < 0) {
		perror(node);
		exit(1);
	}
	return dev;
}

static int point(int dev, uint32_t value)
{
	struct vfence_sw_sync_create c = { .value = value };

	if (ioctl(dev, VFENCE_IOC_SW_SYNC_CREATE, &c)) {
		perror("create");
		exit(1);
	}
	return c.fence;
}

static void increment(int dev, uint32_t by)
{
	if (ioctl(dev, VFENCE_IOC_SW_SYNC_INC, &by)) {
		perror("increment");
		exit(1);
	}
}

static void close_all(int count)
{
	for (int i = 0; i < count; i++)
		close(fds[i]);
}

static long create_signal_close(const char *node)
{
	int dev = open_node(node);
	long begin = 0;

	/* The first few warm the allocator up. */
	for (int i = -50; i < ROUNDS; i++) {
		int fd;

		if (!i)
			begin = now();
		fd = point(dev, i + 51);
		increment(dev, 1);
		close(fd);
	}
	begin = now() - begin;
	close(dev);
	return begin / ROUNDS;
}

static long high_to_low(const char *node)
{
	int dev = open_node(node);
	long ns;

	for (int i = 0; i < DOWNWARDS; i++) {
		if (i == 50)
			ns = now();
		fds[i] = point(dev, DOWNWARDS - i);
	}
	ns = now() - ns;
	increment(dev, DOWNWARDS);
	close_all(DOWNWARDS);
	close(dev);
	return ns / (DOWNWARDS - 50);
}

enum what { MADE, SIGNALLED, CLOSED, RELEASED };

/*
 * What MANY pending fences cost, each: to make, to signal, to have cancelled by the close, or that
 * and to be released. sw_sync leaves it to the release of a fence to take it from the timeline.
 */
static long many(const char *node, enum what what)
{
	int dev = open_node(node);
	long begin[4], end;

	begin[0] = now();
	for (int i = 0; i < MANY; i++)
		fds[i] = point(dev, i + 1);
	begin[1] = now();
	if (what == SIGNALLED)
		increment(dev, MANY);
	begin[2] = now();
	close(dev);
	/* A close may leave the rest to others: the last one has been signalled then. */
	if (what >= CLOSED)
		poll(&(struct pollfd){ .fd = fds[MANY - 1], .events = POLLIN }, 1, -1);
	begin[3] = now();
	close_all(MANY);
	end = now();
	if (what == RELEASED)
		return (end - begin[2]) / MANY;
	return (begin[what + 1] - begin[what]) / MANY;
}

static long many_made(const char *node)
{
	return many(node, MADE);
}

static long many_signalled(const char *node)
{
	return many(node, SIGNALLED);
}

static long many_closed(const char *node)
{
	return many(node, CLOSED);
}

static long many_released(const char *node)
{
	return many(node, RELEASED);
}

struct waiter {
	int fd;
	long woken;
};

static void *wait_for(void *arg)
{
	struct waiter *w = arg;

	poll(&(struct pollfd){ .fd = w->fd, .events = POLLIN }, 1, -1);
	w->woken = now();
	return NULL;
}

static long wake_up(const char *node)
{
	int dev = open_node(node);
	long sum = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct waiter w = { .fd = point(dev, i + 1) };
		pthread_t thread;
		long begin;

		if (pthread_create(&thread, NULL, wait_for, &w))
			abort();
		/* It sleeps by then. */
		usleep(1000);
		begin = now();
		increment(dev, 1);
		pthread_join(thread, NULL);
		sum += w.woken - begin;
		close(w.fd);
	}
	close(dev);
	return sum / ROUNDS;
}

int main(int count, char **nodes)
{
	static const struct {
		const char *name;
		long (*run)(const char *node);
	} operations[] = {
		{ "create_signal_close", create_signal_close },
		{ "create_high_to_low", high_to_low },
		{ "create_100000", many_made },
		{ "signal_100000", many_signalled },
		{ "close_100000", many_closed },
		{ "close_100000_and_fences", many_released },
		{ "wake_up", wake_up },
	};
	struct rlimit limit = { MANY + 100, MANY + 100 };

	if (count < 2 || setrlimit(RLIMIT_NOFILE, &limit)) {
		perror("usage: vfence_cost NODE..., as root");
		return 1;
	}
	for (unsigned int i = 0; i < sizeof(operations) / sizeof(*operations); i++) {
		printf("%s", operations[i].name);
		for (int n = 1; n < count; n++)
			printf(" %ld", operations[i].run(nodes[n]));
		printf("\n");
		fflush(stdout);
	}
	return 0;
}
