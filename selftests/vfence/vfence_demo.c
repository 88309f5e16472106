// SPDX-License-Identifier: GPL-2.0
/*
 * What `make run` shows: jobs on /dev/vfence, their fences as sync_files, waited
 * for with poll(2), asked with SYNC_IOC_FILE_INFO, merged with SYNC_IOC_MERGE.
 *
 * It checks what it shows, and fails if the device does not do as it should.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/sync_file.h>
#include <linux/vfence.h>

#define NSEC_PER_MSEC 1000000LL
#define WAIT_MSEC 60000 /* a bound on a hang, not a measure */

static long long start;

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* One line of the timeline: when, and what happened. */
static void __attribute__((format(printf, 2, 3)))
event(long long when, const char *fmt, ...)
{
	va_list args;

	printf("  %8.1f ms  ", (double)(when - start) / NSEC_PER_MSEC);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static void die(const char *what)
{
	fprintf(stderr, "vfence_demo: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void check(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "vfence_demo: wrong: %s\n", what);
	exit(1);
}

static int submit(int device, struct vfence_submit *job)
{
	if (ioctl(device, VFENCE_IOC_SUBMIT, job))
		die("VFENCE_IOC_SUBMIT");
	return job->fd;
}

static int is_signaled(int fence)
{
	struct pollfd p = { .fd = fence, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void complete(int device, __u64 seqno)
{
	struct vfence_signal by_hand = { .seqno = seqno };

	if (ioctl(device, VFENCE_IOC_SIGNAL, &by_hand))
		die("VFENCE_IOC_SIGNAL");
}

static void wait_for(int fence)
{
	struct pollfd p = { .fd = fence, .events = POLLIN };

	if (poll(&p, 1, WAIT_MSEC) != 1)
		die("poll");
}

/* Prints what the kernel says of each fence in a file, and returns the whole. */
static int show(const char *name, int fence, unsigned int want)
{
	struct sync_fence_info fences[4] = {};
	struct sync_file_info info = {
		.num_fences = 4,
		.sync_fence_info = (__u64)(unsigned long)fences,
	};
	unsigned int i;

	if (ioctl(fence, SYNC_IOC_FILE_INFO, &info))
		die("SYNC_IOC_FILE_INFO");
	check(info.num_fences == want, "number of fences in the file");

	for (i = 0; i < info.num_fences; i++) {
		struct sync_fence_info *f = &fences[i];

		if (!f->status)
			event(now(), "%s: driver %s, timeline %s, pending",
			      name, f->driver_name, f->obj_name);
		else
			event(now(), "%s: status %d (%s), signalled at %.1f ms",
			      name, f->status,
			      f->status > 0 ? "success" : strerror(-f->status),
			      (double)((long long)f->timestamp_ns - start) /
				      NSEC_PER_MSEC);
	}
	return info.status;
}

int main(void)
{
	struct vfence_submit job[] = {
		{ .flags = VFENCE_SUBMIT_MANUAL },
		{ .delay_ns = 20 * NSEC_PER_MSEC },
		{ .delay_ns = 60 * NSEC_PER_MSEC, .error = -EIO },
		{ .flags = VFENCE_SUBMIT_MANUAL },
	};
	struct sync_merge_data merge = { .name = "2 and 4" };
	int device, other, i;

	device = open("/dev/vfence", O_RDWR | O_CLOEXEC);
	if (device < 0)
		die("/dev/vfence");
	other = open("/dev/vfence", O_RDWR | O_CLOEXEC);
	if (other < 0)
		die("/dev/vfence");

	start = now();
	event(start, "two timelines on /dev/vfence; times are since here");

	submit(device, &job[0]);
	event(now(), "timeline A: job %llu waits to be completed by hand",
	      job[0].seqno);
	for (i = 1; i < 3; i++) {
		submit(device, &job[i]);
		event(now(), "timeline A: job %llu runs for %llu ms%s",
		      job[i].seqno, job[i].delay_ns / NSEC_PER_MSEC,
		      job[i].error ? ", and will fail" : "");
	}
	submit(other, &job[3]);
	event(now(), "timeline B: job %llu waits to be completed by hand",
	      job[3].seqno);
	show("A1", job[0].fd, 1);

	merge.fd2 = job[3].fd;
	if (ioctl(job[1].fd, SYNC_IOC_MERGE, &merge))
		die("SYNC_IOC_MERGE");
	event(now(), "A2 and B1 merged into one file");
	show("A2+B1", merge.fence, 2);

	/* Job 2 is done first, but a timeline signals in order. */
	usleep(3 * job[1].delay_ns / 2000);
	check(!is_signaled(job[1].fd), "job 2 signalled before job 1");
	event(now(), "A2 has run and is still pending: A1 is");
	complete(device, job[0].seqno);
	wait_for(job[1].fd);
	event(now(), "A1 completed by hand; poll: A2 has signalled");
	check(is_signaled(job[0].fd), "job 2 signalled without job 1");
	check(show("A1", job[0].fd, 1) == 1, "status of job 1");
	check(show("A2", job[1].fd, 1) == 1, "status of job 2");

	wait_for(job[2].fd);
	event(now(), "poll: A3 has signalled");
	check(show("A3", job[2].fd, 1) == -EIO, "status of job 3");

	check(!is_signaled(merge.fence), "merged file signalled early");
	event(now(), "A2+B1 is still pending: B1 is");
	complete(other, job[3].seqno);
	wait_for(merge.fence);
	event(now(), "B1 completed by hand; poll: A2+B1 has signalled");
	check(show("B1", job[3].fd, 1) == 1, "status of the last job");

	for (i = 0; i < 4; i++)
		close(job[i].fd);
	close(merge.fence);
	close(device);
	close(other);
	return 0;
}
