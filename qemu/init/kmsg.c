// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's log, from /dev/kmsg: "priority,sequence,microseconds,flags;text"
 * and then lines of key=value that begin with a space.
 *
 * The priority carries the facility, and the kernel gives what userspace
 * writes to /dev/kmsg another facility than its own (0). So the host can tell
 * what the kernel said from what a command made it print; all records are
 * passed on, the judging is done there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vm.h"

/* Records that the ring buffer dropped before they were read. */
unsigned long kmsg_lost;

static unsigned long long next_seq;

static void count_gap(const char *record)
{
	const char *comma = strchr(record, ',');
	unsigned long long seq;

	if (!comma)
		return;
	seq = strtoull(comma + 1, NULL, 10);
	if (seq > next_seq)
		kmsg_lost += seq - next_seq;
	next_seq = seq + 1;
}

/* As many whole records as are there and fit; without their key=value lines. */
size_t kmsg_read(int fd, char *buf, size_t size)
{
	char record[16 * 1024];
	size_t len = 0;

	while (size - len > sizeof(record)) {
		ssize_t n = read(fd, record, sizeof(record) - 1);
		size_t line;

		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue;	/* overtaken: the gap is counted below */
		if (n <= 0)
			break;
		record[n] = '\0';
		count_gap(record);
		line = strcspn(record, "\n");
		memcpy(buf + len, record, line);
		len += line;
		buf[len++] = '\n';
	}
	return len;
}
