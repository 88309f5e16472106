// SPDX-License-Identifier: GPL-2.0
/*
 * The one loop: while a child works, copy what it and the kernel say, and tell
 * the host once a second that the guest is alive. Whatever may block for long
 * (loading a module, a leak scan, the command) is such a child, so that only a
 * guest that really hangs stops the heartbeat.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"

static int ctl = -1;
static int chld = -1;
static pid_t awaited;
static int awaited_status;

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

int ctl_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	chld = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	ctl = port_open("ctl");
	return ctl < 0 || chld < 0 ? -1 : 0;
}

void ctl_say(const char *fmt, ...)
{
	struct pollfd p = { .fd = ctl, .events = POLLOUT };
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		return;
	/* One write per line: the host sees it whole or not at all. */
	if (poll(&p, 1, 10000) == 1 && write(ctl, line, n) != n)
		perror("ctl");
}

static void beat(void)
{
	static long long next;
	long long now = now_ms();

	if (now < next)
		return;
	next = now + 1000;
	ctl_say("beat %lld\n", now);
}

static void reap(void)
{
	struct signalfd_siginfo si;
	int status;
	pid_t pid;

	while (read(chld, &si, sizeof(si)) == sizeof(si))
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == awaited) {
			awaited = 0;
			awaited_status = status;
		}
	}
}

static void turn(void)
{
	struct stream *streams[] = { &out, &err, &klog, &file };
	struct pollfd p[5] = { { .fd = chld, .events = POLLIN } };

	for (int i = 0; i < 4; i++) {
		struct stream *s = streams[i];

		p[i + 1].fd = stream_idle(s) ? s->src : s->port;
		p[i + 1].events = stream_idle(s) ? POLLIN : POLLOUT;
	}
	poll(p, 5, 200);
	for (int i = 0; i < 4; i++) {
		if (p[i + 1].revents)
			stream_fill(streams[i]);
		stream_flush(streams[i]);
	}
	reap();
	beat();
}

pid_t spawn(int (*fn)(void))
{
	pid_t pid = fork();
	sigset_t none;

	if (pid)
		return pid;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	exit(fn());
}

/* The status of a child as a shell gives it, copying until it has ended. */
int wait_for(pid_t pid)
{
	if (pid < 0)
		return 127;
	for (awaited = pid; awaited;)
		turn();
	return WIFSIGNALED(awaited_status) ? 128 + WTERMSIG(awaited_status) :
					     WEXITSTATUS(awaited_status);
}

/* Orphans become children of PID 1, so this speaks of all processes. */
bool no_children(void)
{
	siginfo_t si;

	return waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0 &&
	       errno == ECHILD;
}

/* Nothing more comes from the pipes, and nothing waits to be sent. */
bool all_sent(void)
{
	stream_fill(&out);
	stream_fill(&err);
	stream_fill(&klog);
	stream_fill(&file);
	return stream_idle(&out) && stream_idle(&err) && stream_idle(&klog) &&
	       stream_idle(&file);
}

bool settle(bool (*done)(void), int seconds)
{
	long long end = now_ms() + seconds * 1000LL;

	while (!done()) {
		if (now_ms() > end)
			return false;
		turn();
	}
	return true;
}
