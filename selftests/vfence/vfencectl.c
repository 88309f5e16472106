// SPDX-License-Identifier: GPL-2.0
/*
 * vfencectl: /dev/vfence by hand, and for scripts.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/sync_file.h>
#include <linux/vfence.h>

#define MSEC 1000000LL

/* A bound on a hang, and no measure. */
#define WAIT_MSEC 60000

/* Columns of a drawing. */
#define WIDTH 50

static const char help[] =
"Usage: vfencectl COMMAND [ARGUMENT]... [: COMMAND [ARGUMENT]...]...\n"
"       vfencectl --file SCRIPT      a command a line; # begins a comment; - is stdin\n"
"\n"
"Commands run one after the other, up to one that fails. TIMELINE and FENCE are names\n"
"given by an earlier command, or for a timeline the number of a descriptor that was\n"
"inherited (exec 3<>/dev/vfence). A fence without 'as NAME' is closed at once. A TIME\n"
"has a unit, as in 20ms; an ERROR is a name or number, as EIO or 5.\n"
"\n"
"  create TIMELINE [ordered|unordered|points] [name=TEXT]\n"
"  submit TIMELINE [manual] [delay=TIME] [error=ERROR] [in=FENCE,...] [in-error]\n"
"         [array=FENCE,... | chain=FENCE|none point=N] [as FENCE]\n"
"  signal TIMELINE NUMBER [one] [nowait]    complete jobs by hand\n"
"  hang TIMELINE\n"
"  reset TIMELINE [ERROR]                   with ECANCELED, or ETIME\n"
"  point TIMELINE NUMBER [as FENCE]         a fence as sw_sync makes it\n"
"  inc TIMELINE [NUMBER]                    increment the counter, as sw_sync does\n"
"  merge FENCE... as FENCE                  with SYNC_IOC_MERGE\n"
"  array FENCE... as FENCE\n"
"  chain NUMBER FENCE|none FENCE as FENCE   a link: point, what comes before, content\n"
"  wait FENCE [TIME]                        fails if it has not signalled by then (60s)\n"
"  expect FENCE pending|signalled|ERROR     fails if it is not\n"
"  deadline FENCE TIME                      set a deadline, from now\n"
"  info [TIMELINE|FENCE]                    of the device, without a name\n"
"  dump                                     info of all timelines and fences\n"
"  draw                                     all fences, in time\n"
"  close TIMELINE|FENCE\n"
"  sleep TIME\n"
"  say TEXT...\n"
"\n"
"Times are in ms since the start. Exit status: 0; 1 if a command failed; 2 if one was\n"
"wrong, which includes an unknown name.\n";

enum kind { TIMELINE, FENCE };

/* What has been given a name: a descriptor. */
struct item {
	char name[32];
	enum kind kind;
	int fd;
	/* When it was made. */
	long long since;
};

#define MAX_ITEMS 1024
static struct item items[MAX_ITEMS];
static int item_count;

/* The words of a command; the first one is its name. */
struct words {
	char *word[300];
	int count;
};

static const char *const kinds[] = { "unused", "ordered", "unordered", "points" };

/* In ns of CLOCK_MONOTONIC, which is that of fences, too. */
static long long started;

/* Where in a script; 0 for the command line. */
static int line;

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 * MSEC + t.tv_nsec;
}

static void complain(const char *fmt, va_list args)
{
	fprintf(stderr, "vfencectl: ");
	if (line)
		fprintf(stderr, "line %d: ", line);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
}

/* Ends the program: a command was wrong. */
static void __attribute__((noreturn, format(printf, 1, 2))) wrong(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain(fmt, args);
	va_end(args);
	exit(2);
}

/* Ends the program: a command failed. */
static void __attribute__((noreturn, format(printf, 1, 2))) failed(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain(fmt, args);
	va_end(args);
	exit(1);
}

/* A line of what happens, with the time in front. */
static void __attribute__((format(printf, 1, 2))) event(const char *fmt, ...)
{
	va_list args;

	printf("  %8.1f ms  ", (double)(now() - started) / MSEC);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

/* The next word of a command, or NULL at its end. */
static char *next(struct words *w, int *at)
{
	return *at < w->count ? w->word[(*at)++] : NULL;
}

static char *want(struct words *w, int *at, const char *what)
{
	if (*at >= w->count)
		wrong("%s wants %s", w->word[0], what);
	return w->word[(*at)++];
}

static void no_more(struct words *w, int at)
{
	if (at < w->count)
		wrong("%s does not want '%s'", w->word[0], w->word[at]);
}

/* Is the word `key`=TEXT? */
static int value(const char *word, const char *key, const char **text)
{
	size_t length = strlen(key);

	if (strncmp(word, key, length) || word[length] != '=')
		return 0;
	*text = word + length + 1;
	return 1;
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	if (!isdigit(text[0]) || *end)
		wrong("'%s' is not a number", text);
	return n;
}

/* In ns. */
static uint64_t duration(const char *text)
{
	static const struct { const char *name; double ns; } units[] = {
		{ "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 },
	};
	char *end;
	double n = strtod(text, &end);

	for (unsigned int i = 0; i < 4; i++)
		if (isdigit(text[0]) && end != text && !strcmp(end, units[i].name))
			return n * units[i].ns;
	wrong("'%s' is not a time, such as 20ms", text);
}

/* A negative error code, by its number or name. */
static int error_code(const char *text)
{
	for (int e = 1; e < 4096; e++) {
		const char *name = strerrorname_np(e);

		if (name && !strcmp(name, text))
			return -e;
	}
	return -(int)number(text[0] == '-' ? text + 1 : text);
}

static struct item *find(const char *name)
{
	for (int i = item_count; i-- > 0;)
		if (!strcmp(items[i].name, name))
			return &items[i];
	return NULL;
}

static struct item *add(const char *name, enum kind kind, int fd)
{
	struct item *item = &items[item_count];

	if (find(name))
		wrong("there is a '%s' already", name);
	if (!isalpha(name[0]) || strlen(name) >= sizeof(item->name) || strchr(name, ','))
		wrong("'%s' will not do for a name", name);
	if (item_count == MAX_ITEMS)
		failed("there are too many names");
	strcpy(item->name, name);
	item->kind = kind;
	item->fd = fd;
	item->since = now();
	item_count++;
	return item;
}

/* A name; or the number of a descriptor that the program has inherited. */
static int timeline(const char *name)
{
	struct item *item = find(name);

	if (item && item->kind == TIMELINE)
		return item->fd;
	if (!item && isdigit(name[0]))
		return number(name);
	wrong("there is no timeline '%s'", name);
}

static struct item *fence(const char *name)
{
	struct item *item = find(name);

	if (!item || item->kind != FENCE)
		wrong("there is no fence '%s'", name);
	return item;
}

/* Names with commas between. */
static uint32_t fences(const char *list, int *fds)
{
	char *copy = strdup(list), *rest = copy, *name;
	uint32_t count = 0;

	while ((name = strsep(&rest, ","))) {
		if (count == VFENCE_MAX_FDS)
			wrong("more than %d fences", VFENCE_MAX_FDS);
		fds[count++] = fence(name)->fd;
	}
	free(copy);
	return count;
}

static void call(struct words *w, int fd, unsigned long cmd, void *arg)
{
	if (ioctl(fd, cmd, arg))
		failed("%s: %s", w->word[0], strerror(errno));
}

static int device(void)
{
	int fd = open("/dev/vfence", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		failed("/dev/vfence: %s", strerror(errno));
	return fd;
}

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

static int fence_status(int fd, long long *when)
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

static void show_fence(const struct item *item)
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

static void show_timeline(const struct item *item)
{
	struct vfence_query q = {};

	if (ioctl(item->fd, VFENCE_IOC_QUERY, &q))
		failed("%s is not a timeline of vfence: %s", item->name, strerror(errno));
	event("%s: %s, context %llu, value %llu, last %llu, %llu pending%s", item->name,
	      q.kind < 4 ? kinds[q.kind] : "of no known kind", (unsigned long long)q.context,
	      (unsigned long long)q.value, (unsigned long long)q.last,
	      (unsigned long long)q.pending, q.state & VFENCE_STATE_HANGING ? ", hangs" : "");
}

static void show_device(void)
{
	struct vfence_info info = {};
	int fd = device();

	if (ioctl(fd, VFENCE_IOC_INFO, &info))
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

static void dump(struct words *w)
{
	no_more(w, 1);
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
static void draw(struct words *w)
{
	long long end[MAX_ITEMS], first = 0, last = 0;
	int status[MAX_ITEMS], indent = 0;
	char from[32], to[32];

	no_more(w, 1);
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

static void create(struct words *w)
{
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

static void submit(struct words *w)
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

static void create_point(struct words *w)
{
	struct vfence_sw_sync_create c = {};
	int at = 1;
	char *name = want(w, &at, "a timeline");

	c.value = number(want(w, &at, "a number"));
	call(w, timeline(name), VFENCE_IOC_SW_SYNC_CREATE, &c);
	event("timeline %s: point %u (%s)", name, c.value, keep(w, &at, c.fence));
}

/* Of all fences, one after the other, as users of sync_files do it. */
static void merge(struct words *w)
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

static void combine(struct words *w)
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

static void chain(struct words *w)
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

static const struct {
	const char *name;
	void (*run)(struct words *w);
} commands[] = {
	{ "create", create }, { "submit", submit }, { "signal", complete }, { "hang", hang },
	{ "reset", reset }, { "point", create_point }, { "inc", increment }, { "merge", merge },
	{ "array", combine }, { "chain", chain }, { "wait", wait_for }, { "expect", expect },
	{ "deadline", deadline }, { "info", info }, { "dump", dump }, { "draw", draw },
	{ "close", close_one }, { "sleep", pause_for }, { "say", say },
};

static void run_command(struct words *words)
{
	for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(commands[i].name, words->word[0])) {
			commands[i].run(words);
			return;
		}
	}
	wrong("there is no command '%s'", words->word[0]);
}

static void add_word(struct words *w, char *word)
{
	if (w->count == sizeof(w->word) / sizeof(w->word[0]))
		wrong("a command of too many words");
	w->word[w->count++] = word;
}

static void run(struct words *w)
{
	if (w->count)
		run_command(w);
	w->count = 0;
}

static void run_script(const char *path)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	struct words w = {};
	char *text = NULL, *rest, *word;
	size_t size = 0;

	if (!file)
		failed("%s: %s", path, strerror(errno));
	while (getline(&text, &size, file) >= 0) {
		line++;
		text[strcspn(text, "#\n")] = '\0';
		rest = text;
		while ((word = strsep(&rest, " \t")))
			if (*word)
				add_word(&w, word);
		run(&w);
	}
	if (ferror(file))
		failed("%s: %s", path, strerror(errno));
	free(text);
}

int main(int argc, char **argv)
{
	struct words w = {};

	started = now();
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "--file")) {
		run_script(argv[2]);
		return 0;
	}
	if (argc < 2 || argv[1][0] == '-')
		wrong("what is to be done? (--help explains)");
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], ":"))
			run(&w);
		else
			add_word(&w, argv[i]);
	}
	run(&w);
	return 0;
}
