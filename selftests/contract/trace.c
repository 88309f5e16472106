// SPDX-License-Identifier: GPL-2.0
#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

#define ROOT "/sys/kernel/tracing"
#define CPUS 256

static char instance[64];

static void path_of(char *path, size_t size, const char *file)
{
	snprintf(path, size, "%s/%s", instance, file);
}

static int put(const char *file, const char *text)
{
	char path[160];

	path_of(path, sizeof(path), file);
	return write_text(path, text);
}

/* On x86, irq_work's interrupt; on arm64, all interrupts between CPUs. */
static bool trace_interrupts(void)
{
	return (!put("events/irq_vectors/irq_work_entry/enable", "1") &&
		!put("events/irq_vectors/irq_work_exit/enable", "1")) ||
	       (!put("events/ipi/ipi_entry/enable", "1") &&
		!put("events/ipi/ipi_exit/enable", "1"));
}

int trace_begin(struct trace *t)
{
	int ret;

	memset(t, 0, sizeof(*t));
	if (access(ROOT "/instances", F_OK))
		mount("tracefs", ROOT, "tracefs", 0, NULL);
	snprintf(instance, sizeof(instance), ROOT "/instances/contract-%d", getpid());
	if (mkdir(instance, 0700))
		return -errno;
	ret = put("trace_clock", "counter");
	if (!ret)
		ret = put("events/dma_fence/enable", "1");
	t->vectors = trace_interrupts();
	if (!ret)
		ret = put("tracing_on", "1");
	if (ret)
		trace_end(t);
	return ret;
}

int trace_mark(const char *text)
{
	return put("trace_marker", text);
}

/* What is between these, or up to the end. */
static void field(char *to, size_t size, const char *line, const char *begin,
		  const char *end)
{
	const char *from = strstr(line, begin), *until;
	size_t len;

	*to = '\0';
	if (!from)
		return;
	from += strlen(begin);
	until = end ? strstr(from, end) : NULL;
	len = until ? (size_t)(until - from) : strcspn(from, "\n");
	snprintf(to, size, "%.*s", (int)len, from);
}

static uint32_t number(const char *line, const char *begin)
{
	const char *from = strstr(line, begin);

	return from ? strtoul(from + strlen(begin), NULL, 10) : 0;
}

/* "comm-pid  [cpu] flags number: name: ...", and comm may be anything. */
static bool parse(struct trace_event *e, const char *line)
{
	char flags[16], name[32];
	const char *at = line;
	int cpu, end;

	memset(e, 0, sizeof(*e));
	while ((at = strstr(at, " ["))) {
		end = 0;
		if (sscanf(at, " [%3d] %15s %*u: %31[a-z0-9_]:%n", &cpu, flags, name, &end) == 3 &&
		    end) {
			e->cpu = cpu;
			e->hardirq = strpbrk(flags, "hHZ");
			e->irq_work = !strncmp(line + strspn(line, " "), "irq_work/", 9);
			strcpy(e->name, name);
			at += end;
			field(e->driver, sizeof(e->driver), at, "driver=", " timeline=");
			field(e->timeline, sizeof(e->timeline), at, "timeline=", " context=");
			e->context = number(at, "context=");
			e->seqno = number(at, "seqno=");
			field(e->text, sizeof(e->text), at, " ", NULL);
			return true;
		}
		at++;
	}
	return false;
}

static int add(struct trace *t, const struct trace_event *e)
{
	struct trace_event *events = t->events;

	/* Doubled where it is a power of two. */
	if (!(t->count & (t->count - 1))) {
		events = reallocarray(events, t->count ? 2 * t->count : 1, sizeof(*e));
		if (!events)
			return -ENOMEM;
		t->events = events;
	}
	events[t->count++] = *e;
	return 0;
}

/* Is it the "entry", or "exit", of irq_work's interrupt? */
static bool is_irq_work(const struct trace_event *e, const char *what)
{
	const char *at = strrchr(e->name, '_');

	return at && !strcmp(at + 1, what) &&
	       (!strncmp(e->name, "irq_work_", 9) ||
		(!strncmp(e->name, "ipi_", 4) && !strcmp(e->text, "(IRQ work interrupts)")));
}

int trace_read(struct trace *t)
{
	bool in_work[CPUS] = {};
	struct trace_event e;
	char path[160], line[512];
	unsigned long there, written;
	int ret = 0;
	FILE *f;

	t->count = 0;
	path_of(path, sizeof(path), "trace");
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (!ret && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "# entries-in-buffer/entries-written: %lu/%lu", &there,
			   &written) == 2 && there != written)
			ret = -EOVERFLOW;
		if (*line == '#' || !parse(&e, line) || e.cpu >= CPUS)
			continue;
		if (is_irq_work(&e, "entry"))
			in_work[e.cpu] = true;
		else if (is_irq_work(&e, "exit"))
			in_work[e.cpu] = false;
		e.irq_work |= in_work[e.cpu];
		ret = add(t, &e);
	}
	fclose(f);
	return ret;
}

void trace_end(struct trace *t)
{
	if (*instance) {
		put("tracing_on", "0");
		put("events/enable", "0");
		rmdir(instance);
		*instance = '\0';
	}
	free(t->events);
	memset(t, 0, sizeof(*t));
}
