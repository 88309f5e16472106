/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel traces of fences, in an instance of our own: in the order in which
 * it happened on all CPUs, as it is numbered and not timed.
 */
#ifndef CONTRACT_TRACE_H
#define CONTRACT_TRACE_H

#include <stdbool.h>
#include <stdint.h>

struct trace_event {
	int cpu;
	/* in hard interrupt context */
	bool hardirq;
	/* between the entry and the exit of irq_work's interrupt, or in its thread */
	bool irq_work;
	char name[32];
	/* of a fence; these are numbers of 32 bits, as they are in the trace */
	char driver[32];
	char timeline[64];
	uint32_t context;
	uint32_t seqno;
	/* of a marker */
	char text[64];
};

struct trace {
	struct trace_event *events;
	unsigned int count;
	/* Whether irq_work's interrupt is traced, too. */
	bool vectors;
};

/* These return 0 or -errno; of trace_begin(), -ENOENT is a kernel without. */
int trace_begin(struct trace *t);
int trace_mark(const char *text);
/* What there is by now; tracing goes on. -EOVERFLOW if something was lost. */
int trace_read(struct trace *t);
void trace_end(struct trace *t);

#endif
