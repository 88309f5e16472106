// SPDX-License-Identifier: GPL-2.0
/*
 * vfencectl: commands that do something to what is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/sync_file.h>
#include <linux/vfence.h>

#include "vfencectl.h"

/* A bound on a hang, and no measure. */
#define WAIT_MSEC 60000

static void increment(struct words *w)
{
	int at = 1;
	char *name = want(w, &at, "a timeline"), *by = next(w, &at);
	uint32_t n = by ? number(by) : 1;

	no_more(w, at);
	call(w, timeline(name), VFENCE_IOC_SW_SYNC_INC, &n);
	event("timeline %s: incremented by %u", name, n);
}

static void complete(struct words *w)
{
	struct vfence_signal s = {};
	int at = 1;
	char *name = want(w, &at, "a timeline"), *word;

	s.seqno = number(want(w, &at, "a job's number"));
	while ((word = next(w, &at))) {
		if (!strcmp(word, "one"))
			s.flags |= VFENCE_SIGNAL_ONE;
		else if (!strcmp(word, "nowait"))
			s.flags |= VFENCE_SIGNAL_NOWAIT;
		else
			wrong("signal does not want '%s'", word);
	}
	call(w, timeline(name), VFENCE_IOC_SIGNAL, &s);
	event("timeline %s: job %llu%s completed by hand", name, (unsigned long long)s.seqno,
	      s.flags & VFENCE_SIGNAL_ONE ? "" : " and those before it");
}

static void hang(struct words *w)
{
	struct vfence_hang h = {};
	int at = 1;
	char *name = want(w, &at, "a timeline");

	no_more(w, at);
	call(w, timeline(name), VFENCE_IOC_HANG, &h);
	event("timeline %s: hangs", name);
}

static void reset(struct words *w)
{
	struct vfence_reset r = {};
	int at = 1;
	char *name = want(w, &at, "a timeline"), *error = next(w, &at);

	no_more(w, at);
	r.error = error ? error_code(error) : -ECANCELED;
	call(w, timeline(name), VFENCE_IOC_RESET, &r);
	event("timeline %s: reset", name);
}

static void wait_for(struct words *w)
{
	struct pollfd p = { .events = POLLIN };
	int at = 1, ret;
	char *name = want(w, &at, "a fence"), *time = next(w, &at);

	no_more(w, at);
	p.fd = fence(name)->fd;
	ret = poll(&p, 1, time ? (int)(duration(time) / MSEC) : WAIT_MSEC);
	if (ret < 0)
		failed("poll: %s", strerror(errno));
	if (!ret)
		failed("%s is still pending", name);
	event("poll: %s has signalled", name);
}

static void expect(struct words *w)
{
	int at = 1, want_status, status;
	char *name = want(w, &at, "a fence"), *what = want(w, &at, "pending, signalled or an error");
	long long when;

	no_more(w, at);
	if (!strcmp(what, "pending"))
		want_status = 0;
	else if (!strcmp(what, "signalled"))
		want_status = 1;
	else
		want_status = error_code(what);
	status = fence_status(fence(name)->fd, &when);
	if (status != want_status)
		failed("%s should be %s, but its status is %d", name, what, status);
}

static void deadline(struct words *w)
{
	struct sync_set_deadline d = {};
	int at = 1;
	char *name = want(w, &at, "a fence");

	d.deadline_ns = now() + duration(want(w, &at, "a time from now"));
	no_more(w, at);
	call(w, fence(name)->fd, SYNC_IOC_SET_DEADLINE, &d);
	event("%s: its deadline is set", name);
}

static void info(struct words *w)
{
	int at = 1;
	char *name = next(w, &at);
	struct item *item, inherited = { .kind = TIMELINE };

	no_more(w, at);
	if (!name) {
		show_device();
		return;
	}
	item = find(name);
	if (item && item->kind == FENCE) {
		show_fence(item);
		return;
	}
	inherited.fd = timeline(name);
	snprintf(inherited.name, sizeof(inherited.name), "%s", name);
	show_timeline(&inherited);
}

static void close_one(struct words *w)
{
	int at = 1;
	char *name = want(w, &at, "a name");
	struct item *item = find(name);

	no_more(w, at);
	if (!item)
		wrong("there is no '%s'", name);
	close(item->fd);
	event("%s: closed", name);
	memmove(item, item + 1, (char *)&items[--item_count] - (char *)item);
}

static void pause_for(struct words *w)
{
	int at = 1;
	uint64_t ns = duration(want(w, &at, "a time"));
	struct timespec t = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	no_more(w, at);
	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

static void say(struct words *w)
{
	char line[512] = "";

	for (int i = 1; i < w->count; i++) {
		strncat(line, w->word[i], sizeof(line) - strlen(line) - 2);
		strcat(line, i + 1 < w->count ? " " : "");
	}
	event("%s", line);
}

static void dump_all(struct words *w)
{
	no_more(w, 1);
	dump();
}

static void draw_all(struct words *w)
{
	no_more(w, 1);
	draw();
}

static const struct {
	const char *name;
	void (*run)(struct words *w);
} commands[] = {
	{ "create", create }, { "submit", submit }, { "signal", complete }, { "hang", hang },
	{ "reset", reset }, { "point", create_point }, { "inc", increment }, { "merge", merge },
	{ "array", combine }, { "chain", chain }, { "wait", wait_for }, { "expect", expect },
	{ "deadline", deadline }, { "info", info }, { "dump", dump_all }, { "draw", draw_all },
	{ "close", close_one }, { "sleep", pause_for }, { "say", say },
};

void run_command(struct words *words)
{
	for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(commands[i].name, words->word[0])) {
			commands[i].run(words);
			return;
		}
	}
	wrong("there is no command '%s'", words->word[0]);
}
