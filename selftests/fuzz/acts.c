// SPDX-License-Identifier: GPL-2.0
/*
 * What a thread does at random: ioctls for the most part, and what comes between them.
 */
#include "fuzz.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fault.h"
#include "module.h"
#include "socket.h"

const char *const parameters = "bound_ms=400 max_fences=40 max_contexts=64 sw_sync=1";

static int sockets[2];
static struct rlimit descriptors;
/* Taken by what only one thread can do at a time, and others then leave out. */
static pthread_mutex_t modules = PTHREAD_MUTEX_INITIALIZER, cpus = PTHREAD_MUTEX_INITIALIZER;

static void nothing(int number)
{
}

void prepare_acts(void)
{
	/* Without SA_RESTART, so that calls are interrupted. */
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = nothing }, NULL);
	getrlimit(RLIMIT_NOFILE, &descriptors);
	/* Some kernels have none. */
	inject_faults();
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets))
		abort();
}

static void set_cpu(bool online)
{
	int ret;

	while ((ret = write_text("/sys/devices/system/cpu/cpu1/online", online ? "1" : "0")) ==
	       -EINTR || ret == -EBUSY || ret == -EMFILE)
		usleep(1000);
}

void end_acts(void)
{
	set_cpu(true);
	close(sockets[0]);
	close(sockets[1]);
}

static void open_something(struct thread *t)
{
	static const enum kind kinds[] = { TIMELINE, TIMELINE, TIMELINE, FENCE, BUFFER, OTHER };

	open_one(t, kinds[below(&t->random, 6)]);
}

static void duplicate(struct thread *t)
{
	int old = pick_any(t);

	put_like(t, old, fcntl(old, F_DUPFD_CLOEXEC, 0));
}

static void wait_for_some(struct thread *t)
{
	struct pollfd p[4];
	int n = 1 + below(&t->random, 4);

	for (int i = 0; i < n; i++)
		p[i] = (struct pollfd){
			.fd = one_in(&t->random, 3) ? pick_any(t) : pick(t, FENCE),
			.events = below(&t->random, 2) ? POLLIN : POLLIN | POLLOUT,
		};
	poll(p, n, below(&t->random, 4));
}

/* Descriptors are in flight from the one to the other; where they arrive is by chance. */
static int receive(struct thread *t)
{
	int fd = receive_fd(sockets[1]);

	if (fd >= 0)
		put(t, below(&t->random, KINDS), fd);
	return fd;
}

static void send_or_receive(struct thread *t)
{
	int fd = pick_any(t);

	if (fd < 0 || one_in(&t->random, 2)) {
		receive(t);
		return;
	}
	send_fd(sockets[0], fd);
}

static void interrupt_another(struct thread *t)
{
	if (!t->is_child)
		pthread_kill(threads[below(&t->random, thread_count)].thread, SIGUSR1);
}

/* What is for files of other kinds. */
static void misuse(struct thread *t)
{
	char buffer[256];
	struct stat st;
	void *memory;
	int fd = one_in(&t->random, 2) ? pick(t, OTHER) : pick_any(t);

	switch (below(&t->random, 6)) {
	case 0:
		lseek(fd, below(&t->random, 1000), SEEK_SET);
		break;
	case 1:
		if (write(fd, buffer, 0) < 0)
			fstat(fd, &st);
		break;
	case 2:
		memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
		if (memory != MAP_FAILED)
			munmap(memory, 4096);
		break;
	case 3:
		ioctl(fd, next(&t->random), buffer);
		break;
	default:
		while (read(fd, buffer, sizeof(buffer)) > 0 && !one_in(&t->random, 8))
			;
	}
}

/* A child goes on with all descriptors for a while, or until it is killed. */
static void have_child(struct thread *t)
{
	struct stream random = { next(&t->random) };
	int count = 1 + below(&t->random, 20), status;
	bool is_killed = one_in(&t->random, 2);
	pid_t child;

	if (t->is_child)
		return;
	child = fork();
	if (!child) {
		t->is_child = true;
		t->seen = NULL;
		t->random = random;
		complaints = 0;
		for (int i = 0; i < count; i++)
			act(t);
		_exit(complaints != 0);
	}
	if (child < 0)
		return;
	if (is_killed) {
		usleep(below(&random, 5000));
		kill(child, SIGKILL);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status))
		complain(t, "so says a child");
}

static void without_descriptors(struct thread *t)
{
	struct rlimit none = { .rlim_cur = 0, .rlim_max = descriptors.rlim_max };

	setrlimit(RLIMIT_NOFILE, &none);
	call_once(t);
	setrlimit(RLIMIT_NOFILE, &descriptors);
}

/* One of the ioctl's allocations fails, or one that it would make if it went on. */
static void without_memory(struct thread *t)
{
	sigset_t signals;

	/* A signal's frame needs memory, too, and a process that gets none for it is killed. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	t->faults = open_faults();
	call_once(t);
	if (t->faults >= 0)
		close(t->faults);
	t->faults = -1;
	pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

int reload(void)
{
	int ret = load_module("vfence", parameters);

	coverage_modules();
	return ret;
}

/* The library has a user, so it stays; the device goes if nothing of it is open. */
static void unload(struct thread *t)
{
	int ret;

	if (t->is_child || pthread_mutex_trylock(&modules))
		return;
	if (!unload_module("dma_buf_rs"))
		complain(t, "the library was unloaded under the device");
	if (has_module("vfence")) {
		ret = unload_module("vfence");
		/* One that children, or calls that are just going on, may still keep. */
		if (ret && one_in(&t->random, 4)) {
			is_quiet = true;
			for (int i = 0; ret && i < 20; i++) {
				close_all(t);
				while (receive(t) != -EAGAIN)
					;
				ret = unload_module("vfence");
				usleep(1000);
			}
			is_quiet = false;
		}
		if (!ret) {
			coverage_take(t);
			/* Without memory, or descriptors. */
			while ((ret = reload()) == -ENOMEM || ret == -EMFILE)
				usleep(1000);
			if (ret)
				complain(t, "the device cannot be loaded again: %s",
					 strerror(-ret));
		}
	}
	pthread_mutex_unlock(&modules);
}

static void change_cpus(struct thread *t)
{
	if (t->is_child || pthread_mutex_trylock(&cpus))
		return;
	set_cpu(false);
	usleep(below(&t->random, 20000));
	set_cpu(true);
	pthread_mutex_unlock(&cpus);
}

static const struct {
	const char *name;
	void (*act)(struct thread *t);
	uint32_t weight;
} acts[] = {
	{ "an ioctl", call_once, 3000 },
	{ "an ioctl over and over", call_often, 20 },
	{ "open", open_something, 300 },
	{ "close", close_one, 300 },
	{ "dup", duplicate, 100 },
	{ "poll", wait_for_some, 150 },
	{ "SCM_RIGHTS", send_or_receive, 150 },
	{ "a signal", interrupt_another, 150 },
	{ "read, mmap or the like", misuse, 100 },
	{ "an ioctl without descriptors", without_descriptors, 20 },
	{ "an ioctl without memory", without_memory, 300 },
	{ "fork", have_child, 20 },
	{ "rmmod", unload, 20 },
	{ "a CPU that goes offline", change_cpus, 2 },
};

#define ACTS (sizeof(acts) / sizeof(acts[0]))

void act(struct thread *t)
{
	uint32_t all = 0, at, i = 0;

	for (uint32_t j = 0; j < ACTS; j++)
		all += acts[j].weight;
	for (at = below(&t->random, all); at >= acts[i].weight; i++)
		at -= acts[i].weight;
	t->doing = acts[i].name;
	acts[i].act(t);
	coverage_take(t);
}
