/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's PID 1, piece by piece. See main.c for the order of events and
 * for what goes over which port.
 */
#ifndef VM_H
#define VM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Bytes on their way from a descriptor (a pipe, /dev/kmsg) to a virtio port. */
struct stream {
	int src;		/* -1 once it has ended */
	int port;
	bool records;		/* src is /dev/kmsg: one record per read() */
	size_t off, len;
	unsigned long long sent;
	char buf[64 * 1024];
};

extern struct stream out, err, klog, file;

/* ports.c */
int port_open(const char *name);
int pipe_to(struct stream *s);
void stream_fill(struct stream *s);
void stream_flush(struct stream *s);
static inline bool stream_idle(const struct stream *s)
{
	return s->off == s->len;
}

/* kmsg.c */
extern unsigned long kmsg_lost;
size_t kmsg_read(int fd, char *buf, size_t size);

/* loop.c */
int ctl_open(void);
__attribute__((format(printf, 1, 2))) void ctl_say(const char *fmt, ...);
pid_t spawn(int (*fn)(void));
int wait_for(pid_t pid);
bool settle(bool (*done)(void), int seconds);
bool no_children(void);
bool all_sent(void);

/* modules.c */
int load_modules(void);
void unload_modules(void);

/* files.c */
void send_files(void);

/* state.c */
unsigned long read_taint(void);
int read_debug_locks(void);
const char *unfit(void);
int find_leaks(void);
void send_leaks(void);

#endif
