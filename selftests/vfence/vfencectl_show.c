// SPDX-License-Identifier: GPL-2.0
/*
 * vfencectl: what it prints of fences and timelines.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sync_file.h>
#include <linux/vfence.h>

#include "vfencectl.h"

/* Columns of a drawing. */
#define WIDTH 50

static const char *const kinds[] = { "unused", "ordered", "unordered", "points" };

static double ms(long long ns)
{
	return (double)ns / MSEC;
}

/* What is in a sync_file, which the caller frees. */
static struct sync_fence_info *fences_in(int fd, struct sync_file_info *info)
{
	struct sync_fence_info *fences;

	memset(info, 0, sizeof(*info));
	if (ioctl(fd, SYNC_IOC_FILE_INFO, info))
		failed("SYNC_IOC_FILE_INFO: %s", strerror(errno));
	fences = calloc(info->num_fences, sizeof(*fences));
	if (!fences)
		failed("no memory for %u fences", info->num_fences);
	info->sync_fence_info = (uintptr_t)fences;
	if (ioctl(fd, SYNC_IOC_FILE_INFO, info))
		failed("SYNC_IOC_FILE_INFO: %s", strerror(errno));
	return fences;
}

int fence_status(int fd, long long *when)
{
	struct sync_file_info info;
	struct sync_fence_info *fences = fences_in(fd, &info);

	*when = 0;
	for (unsigned int i = 0; i < info.num_fences; i++)
		if ((long long)fences[i].timestamp_ns > *when)
			*when = fences[i].timestamp_ns;
	free(fences);
	return info.status;
}

static const char *result(int status)
{
	static char text[64];

	if (status == 0)
		return "pending";
	if (status > 0)
		return "signalled";
	snprintf(text, sizeof(text), "error %d (%s)", -status, strerror(-status));
	return text;
}

void show_fence(const struct item *item)
{
	struct sync_file_info info;
	struct sync_fence_info *fences = fences_in(item->fd, &info), *f;

	if (info.num_fences != 1)
		event("%s: %u fences, %s", item->name, info.num_fences, result(info.status));
	for (unsigned int i = 0; i < info.num_fences; i++) {
		f = &fences[i];
		if (!f->status)
			event("%s: driver %s, timeline %s, pending", item->name, f->driver_name,
			      f->obj_name);
		else
			event("%s: %s at %.1f ms", item->name, result(f->status),
			      ms((long long)f->timestamp_ns - started));
	}
	free(fences);
}

void show_timeline(const struct item *item)
{
	struct vfence_query q = {};

	if (ioctl(item->fd, VFENCE_IOC_QUERY, &q))
		failed("%s is not a timeline of vfence: %s", item->name, strerror(errno));
	event("%s: %s, context %llu, value %llu, last %llu, %llu pending%s", item->name,
	      q.kind < 4 ? kinds[q.kind] : "of no known kind", (unsigned long long)q.context,
	      (unsigned long long)q.value, (unsigned long long)q.last,
	      (unsigned long long)q.pending, q.state & VFENCE_STATE_HANGING ? ", hangs" : "");
}

void show_device(void)
{
	int fd = open("/dev/vfence", O_RDWR | O_CLOEXEC);
	struct vfence_info info = {};

	if (fd < 0 || ioctl(fd, VFENCE_IOC_INFO, &info))
		failed("/dev/vfence: %s", strerror(errno));
	close(fd);
	printf("version %u\n", info.version);
	printf("bound_ms %llu\n", (unsigned long long)info.bound_ns / 1000000);
	printf("max_delay_ms %llu\n", (unsigned long long)info.max_delay_ns / 1000000);
	printf("max_fds %u\n", info.max_fds);
	printf("max_leaves %u\n", info.max_leaves);
	printf("max_fences %u\n", info.max_fences);
	printf("max_contexts %u\n", info.max_contexts);
}

void dump(void)
{
	for (int i = 0; i < item_count; i++) {
		if (items[i].kind == TIMELINE)
			show_timeline(&items[i]);
		else
			show_fence(&items[i]);
	}
}

static int column(long long ns, long long whole)
{
	return whole > 0 ? (int)(ns * (WIDTH - 1) / whole) : 0;
}

/* Each fence as a bar, from when it was made until it signalled. */
void draw(void)
{
	long long end[MAX_ITEMS], first = 0, last = 0;
	int status[MAX_ITEMS], indent = 0;
	char from[32], to[32];

	for (int i = 0; i < item_count; i++) {
		struct item *item = &items[i];

		if (item->kind != FENCE)
			continue;
		status[i] = fence_status(item->fd, &end[i]);
		if (!status[i])
			end[i] = now();
		/* It may have signalled before there was a file of it. */
		if (end[i] < item->since)
			end[i] = item->since;
		if (!last || item->since < first)
			first = item->since;
		if (end[i] > last)
			last = end[i];
		if ((int)strlen(item->name) > indent)
			indent = strlen(item->name);
	}
	snprintf(from, sizeof(from), "%.1f ms", ms(first - started));
	snprintf(to, sizeof(to), "%.1f ms", ms(last - started));
	printf("  %*s  %s%*s\n", indent, "", from, WIDTH - (int)strlen(from), to);
	for (int i = 0; i < item_count; i++) {
		char bar[WIDTH + 1];
		int a, b;

		if (items[i].kind != FENCE)
			continue;
		a = column(items[i].since - first, last - first);
		b = column(end[i] - first, last - first);
		memset(bar, ' ', WIDTH);
		memset(bar + a, '=', b - a + 1);
		bar[a] = '|';
		bar[b] = status[i] ? '|' : '>';
		bar[WIDTH] = '\0';
		printf("  %-*s  %s  %s\n", indent, items[i].name, bar, result(status[i]));
	}
	fflush(stdout);
}
