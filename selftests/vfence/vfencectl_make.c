// SPDX-License-Identifier: GPL-2.0
/*
 * vfencectl: commands that make something.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sync_file.h>
#include <linux/vfence.h>

#include "vfencectl.h"

void call(struct words *w, int fd, unsigned long cmd, void *arg)
{
	if (ioctl(fd, cmd, arg))
		failed("%s: %s", w->word[0], strerror(errno));
}

int device(void)
{
	int fd = open("/dev/vfence", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		failed("/dev/vfence: %s", strerror(errno));
	return fd;
}

/* Takes "as NAME", if that comes; the descriptor is closed otherwise. */
static const char *keep(struct words *w, int *at, int fd)
{
	char *word = next(w, at);

	if (!word) {
		close(fd);
		return "a fence that nobody keeps";
	}
	if (strcmp(word, "as"))
		wrong("%s does not want '%s'", w->word[0], word);
	word = want(w, at, "a name");
	no_more(w, *at);
	return add(word, FENCE, fd)->name;
}

void create(struct words *w)
{
	static const char *const kinds[] = { NULL, "ordered", "unordered", "points" };
	struct vfence_setup s = { .kind = VFENCE_KIND_ORDERED };
	const char *word, *name;
	int at = 1, fd = device();

	name = want(w, &at, "a name");
	snprintf(s.name, sizeof(s.name), "%s", name);
	while ((word = next(w, &at))) {
		const char *text = "";
		int known = value(word, "name", &text);

		for (int kind = 1; kind < 4; kind++) {
			if (strcmp(word, kinds[kind]))
				continue;
			s.kind = kind;
			known = 1;
		}
		if (!known || strlen(text) >= sizeof(s.name))
			wrong("create does not want '%s'", word);
		if (*text)
			snprintf(s.name, sizeof(s.name), "%s", text);
	}
	add(name, TIMELINE, fd);
	call(w, fd, VFENCE_IOC_SETUP, &s);
	event("timeline %s: %s", name, kinds[s.kind]);
}

void submit(struct words *w)
{
	int in[VFENCE_MAX_FDS], out[VFENCE_MAX_FDS], at = 1;
	struct vfence_submit s = {};
	char *name = want(w, &at, "a timeline");
	int fd = timeline(name);
	char how[64] = "";
	const char *v;

	for (; at < w->count && strcmp(w->word[at], "as"); at++) {
		const char *word = w->word[at];

		if (!strcmp(word, "manual")) {
			s.flags |= VFENCE_SUBMIT_MANUAL;
		} else if (!strcmp(word, "in-error")) {
			s.flags |= VFENCE_SUBMIT_IN_ERROR;
		} else if (value(word, "delay", &v)) {
			s.delay_ns = duration(v);
		} else if (value(word, "error", &v)) {
			s.error = error_code(v);
		} else if (value(word, "in", &v)) {
			s.in_count = fences(v, in);
			s.in_fences = (uintptr_t)in;
		} else if (value(word, "array", &v)) {
			s.out = VFENCE_OUT_ARRAY;
			s.out_count = fences(v, out);
			s.out_fences = (uintptr_t)out;
		} else if (value(word, "chain", &v)) {
			s.out = VFENCE_OUT_CHAIN;
			s.chain_fd = strcmp(v, "none") ? fence(v)->fd : -1;
		} else if (value(word, "point", &v)) {
			s.point = number(v);
		} else {
			wrong("submit does not want '%s'", word);
		}
	}
	call(w, fd, VFENCE_IOC_SUBMIT, &s);
	if (s.flags & VFENCE_SUBMIT_MANUAL)
		snprintf(how, sizeof(how), "waits to be completed by hand");
	else
		snprintf(how, sizeof(how), "runs for %g ms", (double)s.delay_ns / MSEC);
	v = keep(w, &at, s.fd);
	event("timeline %s: job %llu %s%s%s (%s)", name, (unsigned long long)s.seqno, how,
	      s.in_count ? ", after what it waits for" : "", s.error ? ", and will fail" : "", v);
}

void create_point(struct words *w)
{
	struct vfence_sw_sync_create c = {};
	int at = 1;
	char *name = want(w, &at, "a timeline");

	c.value = number(want(w, &at, "a number"));
	call(w, timeline(name), VFENCE_IOC_SW_SYNC_CREATE, &c);
	event("timeline %s: point %u (%s)", name, c.value, keep(w, &at, c.fence));
}

/* Of all fences, one after the other, as users of sync_files do it. */
void merge(struct words *w)
{
	struct sync_merge_data m = { .name = "merged" };
	int at = 1, fd = dup(fence(want(w, &at, "a fence"))->fd);

	while (at < w->count && strcmp(w->word[at], "as")) {
		m.fd2 = fence(want(w, &at, "a fence"))->fd;
		call(w, fd, SYNC_IOC_MERGE, &m);
		close(fd);
		fd = m.fence;
	}
	event("merged: %s", keep(w, &at, fd));
}

void combine(struct words *w)
{
	int fds[VFENCE_MAX_FDS], at = 1, dev = device();
	struct vfence_combine c = { .fences = (uintptr_t)fds, .how = VFENCE_COMBINE_ARRAY };

	while (at < w->count && strcmp(w->word[at], "as")) {
		if (c.count == VFENCE_MAX_FDS)
			wrong("more than %d fences", VFENCE_MAX_FDS);
		fds[c.count++] = fence(want(w, &at, "a fence"))->fd;
	}
	call(w, dev, VFENCE_IOC_COMBINE, &c);
	close(dev);
	event("an array: %s", keep(w, &at, c.fd));
}

void chain(struct words *w)
{
	struct vfence_chain c = { .tail = -1 };
	int at = 1, dev = device();
	const char *tail;

	c.point = number(want(w, &at, "a point"));
	tail = want(w, &at, "the chain so far, or none");
	if (strcmp(tail, "none"))
		c.tail = fence(tail)->fd;
	c.fence = fence(want(w, &at, "a fence"))->fd;
	call(w, dev, VFENCE_IOC_CHAIN, &c);
	close(dev);
	event("a link of a chain: %s", keep(w, &at, c.fd));
}
