// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls with arguments as the header describes them, but for one here and there. Each must
 *
 * - fail if something in its argument is forbidden;
 * - leave the argument alone if it fails;
 * - return descriptors that are open, and close-on-exec.
 */
#include "fuzz.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <linux/vfence.h>

#include "fault.h"

#define MSEC 1000000ULL

/*
 * The memory of a thread: the argument, which ends, at times, with its last byte on a page
 * that is not there; the same, but read-only; descriptors; answers.
 */
#define PAGE 4096
#define LARGEST 16384
#define ARGUMENT 0
#define GUARD (ARGUMENT + LARGEST)
#define READ_ONLY (GUARD + PAGE)
#define FDS (READ_ONLY + PAGE)
#define SAVED (FDS + PAGE)
#define ANSWERS (SAVED + LARGEST)
#define ANSWERS_SIZE 524288
#define MEMORY (ANSWERS + ANSWERS_SIZE)

void make_memory(struct thread *t)
{
	t->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->memory == MAP_FAILED || mprotect(t->memory + GUARD, PAGE, PROT_NONE))
		abort();
}

static uint32_t chance(struct thread *t, uint32_t n)
{
	return below(&t->random, n);
}

/* Once in a while, what the header forbids. */
static bool forbid(struct thread *t)
{
	if (chance(t, 96))
		return false;
	t->is_forbidden = true;
	return true;
}

static uint64_t boundary(struct thread *t)
{
	static const uint64_t all[] = {
		0, 1, INT32_MAX, 1ULL << 31, UINT32_MAX, 1ULL << 32, INT64_MAX, 1ULL << 63,
		UINT64_MAX - 1, UINT64_MAX,
	};

	return all[chance(t, sizeof(all) / sizeof(all[0]))];
}

/* One that is never 0, nor in a mask of some low bits. */
static uint32_t bit(struct thread *t)
{
	return 1U << (4 + chance(t, 28));
}

static uint32_t zero(struct thread *t)
{
	return forbid(t) ? bit(t) : 0;
}

static uint32_t flags(struct thread *t, uint32_t mask)
{
	return (next(&t->random) & mask) | (forbid(t) ? bit(t) : 0);
}

/* From first to last. */
static uint32_t choice(struct thread *t, uint32_t first, uint32_t last)
{
	if (forbid(t))
		return chance(t, 2) ? last + 1 : UINT32_MAX;
	return first + chance(t, last - first + 1);
}

static uint64_t number(struct thread *t)
{
	return chance(t, 16) ? chance(t, chance(t, 8) ? 24 : 1000) : boundary(t);
}

/* What is written here, or not even looked at. */
static uint64_t garbage(struct thread *t)
{
	return chance(t, 2) ? 0 : next(&t->random);
}

static int descriptor(struct thread *t, enum kind kind)
{
	static const int bad[] = { -1, INT_MIN, INT_MAX, 1 << 20, 0, 1, 2 };
	int fd;

	if (forbid(t))
		return bad[chance(t, 7)];
	fd = chance(t, 24) ? pick(t, kind) : pick_any(t);
	if (fd < 0) {
		open_one(t, kind);
		fd = pick(t, kind);
	}
	t->is_forbidden |= fd < 0;
	return fd;
}

/* -1 is none. */
static int descriptor_or_none(struct thread *t)
{
	bool is_forbidden = t->is_forbidden;
	int fd = chance(t, 3) ? descriptor(t, FENCE) : -1;

	if (fd == -1)
		t->is_forbidden = is_forbidden;
	return fd;
}

static uint64_t bad_address(struct thread *t)
{
	static const uint64_t all[] = { 0, 8, 1ULL << 47, 0xffff888000000000, UINT64_MAX - 3 };

	return chance(t, 3) ? all[chance(t, 5)] : (uintptr_t)t->memory + GUARD;
}

/* An array of descriptors, of at least this number; the first or the second of two. */
static uint64_t descriptors(struct thread *t, int which, uint32_t *count, uint32_t least)
{
	int *fds = (int *)(t->memory + FDS + which * PAGE / 2);
	uint32_t n = least + chance(t, 4);

	if (!chance(t, 200))
		n = VFENCE_MAX_FDS - chance(t, 2);
	if (forbid(t))
		n = VFENCE_MAX_FDS + 1;
	/* Many are few over and over. */
	for (uint32_t i = 0; i < n; i++)
		fds[i] = i < 8 ? descriptor(t, FENCE) : fds[i % 8];
	*count = n > VFENCE_MAX_FDS && chance(t, 2) ? UINT32_MAX : n;
	if (!n)
		return forbid(t) ? (uintptr_t)fds : 0;
	return forbid(t) ? bad_address(t) : (uintptr_t)fds;
}

static void make_info(struct thread *t, void *arg)
{
	*(struct vfence_info *)arg = (struct vfence_info){
		.flags = zero(t), .version = garbage(t), .bound_ns = garbage(t),
	};
}

static void make_setup(struct thread *t, void *arg)
{
	struct vfence_setup *s = arg;
	uint32_t length = chance(t, VFENCE_NAME_LEN);

	s->flags = zero(t);
	s->kind = choice(t, VFENCE_KIND_ORDERED, VFENCE_KIND_POINTS);
	for (uint32_t i = 0; i < length; i++)
		s->name[i] = ' ' + chance(t, '~' - ' ' + 1);
	if (forbid(t))
		memset(s->name, 'x', VFENCE_NAME_LEN);
	else if (length && forbid(t))
		s->name[chance(t, length)] = chance(t, 2) ? '\t' : 0x80;
	else if (length < VFENCE_NAME_LEN - 1 && forbid(t))
		s->name[VFENCE_NAME_LEN - 1] = 'x';
}

static void make_submit(struct thread *t, void *arg)
{
	static const uint64_t delays[] = { 0, 1, MSEC / 10, MSEC, 20 * MSEC, 60000 * MSEC };
	static const int errors[] = { 1, -4096, INT_MAX, INT_MIN };
	struct vfence_submit *s = arg;

	s->flags = flags(t, VFENCE_SUBMIT_MANUAL | VFENCE_SUBMIT_IN_ERROR);
	if (forbid(t))
		s->error = errors[chance(t, 4)];
	else if (!chance(t, 4))
		s->error = -1 - chance(t, 4095);
	if (forbid(t))
		s->delay_ns = s->flags & VFENCE_SUBMIT_MANUAL ? 1 : 60000 * MSEC + 1;
	else if (!(s->flags & VFENCE_SUBMIT_MANUAL))
		s->delay_ns = delays[chance(t, 6)];
	s->in_fences = descriptors(t, 0, &s->in_count, 0);
	s->out = choice(t, VFENCE_OUT_FENCE, VFENCE_OUT_ARRAY);
	s->point = s->out == VFENCE_OUT_CHAIN ? number(t) : zero(t);
	s->chain_fd = s->out == VFENCE_OUT_CHAIN ? descriptor_or_none(t) : (int)zero(t);
	if (s->out == VFENCE_OUT_ARRAY)
		s->out_fences = descriptors(t, 1, &s->out_count, 0);
	else if (forbid(t))
		s->out_count = 1;
	s->seqno = garbage(t);
	s->context = garbage(t);
	s->fd = garbage(t);
	s->pad = zero(t);
}

static void make_signal(struct thread *t, void *arg)
{
	struct vfence_signal *s = arg;

	s->flags = flags(t, VFENCE_SIGNAL_ONE | VFENCE_SIGNAL_NOWAIT);
	s->seqno = forbid(t) ? 1ULL << (48 + chance(t, 16)) : number(t);
	t->is_forbidden |= !s->seqno && s->flags & VFENCE_SIGNAL_ONE;
	s->pad = zero(t);
}

static void make_hang(struct thread *t, void *arg)
{
	*(struct vfence_hang *)arg = (struct vfence_hang){ .flags = zero(t), .pad = zero(t) };
}

static void make_reset(struct thread *t, void *arg)
{
	static const int bad[] = { 0, ETIME, -EIO, -4096, INT_MIN };
	struct vfence_reset *r = arg;

	r->error = chance(t, 2) ? -ETIME : -ECANCELED;
	if (forbid(t))
		r->error = bad[chance(t, 5)];
	r->flags = zero(t);
}

static void make_query(struct thread *t, void *arg)
{
	*(struct vfence_query *)arg = (struct vfence_query){
		.flags = zero(t), .pad = zero(t), .context = garbage(t), .pending = garbage(t),
	};
}

static void make_combine(struct thread *t, void *arg)
{
	struct vfence_combine *c = arg;

	c->fences = descriptors(t, 0, &c->count, 1);
	if (forbid(t))
		c->count = 0;
	c->how = choice(t, VFENCE_COMBINE_ARRAY, VFENCE_COMBINE_MERGE);
	c->flags = zero(t);
	c->fd = garbage(t);
}

static void make_chain(struct thread *t, void *arg)
{
	struct vfence_chain *c = arg;

	c->point = number(t);
	c->tail = descriptor_or_none(t);
	c->fence = descriptor(t, FENCE);
	c->flags = zero(t);
	c->fd = garbage(t);
}

static void make_attach(struct thread *t, void *arg)
{
	struct vfence_attach *a = arg;

	a->dmabuf_fd = descriptor(t, BUFFER);
	a->fence_fd = descriptor(t, FENCE);
	a->usage = choice(t, VFENCE_USAGE_KERNEL, VFENCE_USAGE_BOOKKEEP);
	a->flags = zero(t);
}

static void make_resv(struct thread *t, void *arg)
{
	struct vfence_resv *r = arg;

	r->dmabuf_fd = descriptor(t, BUFFER);
	r->usage = choice(t, VFENCE_USAGE_KERNEL, VFENCE_USAGE_BOOKKEEP);
	r->flags = zero(t);
	r->pending = garbage(t);
}

static void make_create(struct thread *t, void *arg)
{
	struct vfence_sw_sync_create *c = arg;

	c->value = number(t);
	memset(c->name, garbage(t), sizeof(c->name));
	c->fence = garbage(t);
}

static void make_increment(struct thread *t, void *arg)
{
	*(uint32_t *)arg = chance(t, 8) ? chance(t, 8) : boundary(t);
}

static void make_deadline(struct thread *t, void *arg)
{
	struct vfence_sw_sync_deadline *d = arg;

	d->deadline_ns = zero(t);
	d->pad = zero(t);
	d->fence_fd = descriptor(t, FENCE);
}

static void make_merge(struct thread *t, void *arg)
{
	struct sync_merge_data *m = arg;

	memset(m->name, garbage(t), sizeof(m->name));
	m->fd2 = descriptor(t, FENCE);
	m->fence = garbage(t);
	m->flags = zero(t);
	m->pad = zero(t);
}

static void make_file_info(struct thread *t, void *arg)
{
	struct sync_file_info *i = arg;

	i->status = garbage(t);
	i->flags = zero(t);
	i->pad = zero(t);
	i->num_fences = chance(t, 2) ? chance(t, 8) : VFENCE_MAX_LEAVES;
	i->sync_fence_info = (uintptr_t)t->memory + ANSWERS;
	if (i->num_fences && forbid(t))
		i->sync_fence_info = bad_address(t);
}

static void make_set_deadline(struct thread *t, void *arg)
{
	struct sync_set_deadline *d = arg;

	d->deadline_ns = number(t);
	d->pad = forbid(t) ? 1ULL << chance(t, 64) : 0;
}

static void make_export(struct thread *t, void *arg)
{
	struct dma_buf_export_sync_file *e = arg;

	e->flags = 1 + chance(t, 3);
	if (forbid(t))
		e->flags = chance(t, 2) ? 0 : bit(t);
	e->fd = garbage(t);
}

static void make_import(struct thread *t, void *arg)
{
	struct dma_buf_import_sync_file *i = arg;

	i->flags = 1 + chance(t, 3);
	if (forbid(t))
		i->flags = chance(t, 2) ? 0 : bit(t);
	i->fd = descriptor(t, FENCE);
}

/* checkpatch: COMPLEX_MACRO: it is the beginning of a row of the table */
#define VFENCE(name, structure) "VFENCE_IOC_" #name, VFENCE_IOC_##name, TIMELINE, \
	sizeof(structure)

static const struct description {
	const char *name;
	unsigned long cmd;
	enum kind kind;
	size_t size;
	void (*make)(struct thread *t, void *arg);
	/* Where the descriptor is that it makes, if it does. */
	size_t fd;
	uint32_t weight;
} descriptions[] = {
	{ VFENCE(INFO, struct vfence_info), make_info, 0, 1 },
	{ VFENCE(SETUP, struct vfence_setup), make_setup, 0, 2 },
	{ VFENCE(SUBMIT, struct vfence_submit), make_submit,
	  offsetof(struct vfence_submit, fd), 12 },
	{ VFENCE(SIGNAL, struct vfence_signal), make_signal, 0, 8 },
	{ VFENCE(HANG, struct vfence_hang), make_hang, 0, 1 },
	{ VFENCE(RESET, struct vfence_reset), make_reset, 0, 2 },
	{ VFENCE(QUERY, struct vfence_query), make_query, 0, 3 },
	{ VFENCE(COMBINE, struct vfence_combine), make_combine,
	  offsetof(struct vfence_combine, fd), 5 },
	{ VFENCE(CHAIN, struct vfence_chain), make_chain, offsetof(struct vfence_chain, fd), 5 },
	{ VFENCE(ATTACH, struct vfence_attach), make_attach, 0, 4 },
	{ VFENCE(RESV, struct vfence_resv), make_resv, 0, 2 },
	{ VFENCE(SW_SYNC_CREATE, struct vfence_sw_sync_create), make_create,
	  offsetof(struct vfence_sw_sync_create, fence), 8 },
	{ VFENCE(SW_SYNC_INC, uint32_t), make_increment, 0, 4 },
	{ VFENCE(SW_SYNC_DEADLINE, struct vfence_sw_sync_deadline), make_deadline, 0, 3 },
	{ "SYNC_IOC_MERGE", SYNC_IOC_MERGE, FENCE, sizeof(struct sync_merge_data), make_merge,
	  offsetof(struct sync_merge_data, fence), 3 },
	{ "SYNC_IOC_FILE_INFO", SYNC_IOC_FILE_INFO, FENCE, sizeof(struct sync_file_info),
	  make_file_info, 0, 3 },
	{ "SYNC_IOC_SET_DEADLINE", SYNC_IOC_SET_DEADLINE, FENCE,
	  sizeof(struct sync_set_deadline), make_set_deadline, 0, 2 },
	{ "DMA_BUF_IOCTL_EXPORT_SYNC_FILE", DMA_BUF_IOCTL_EXPORT_SYNC_FILE, BUFFER,
	  sizeof(struct dma_buf_export_sync_file), make_export,
	  offsetof(struct dma_buf_export_sync_file, fd), 2 },
	{ "DMA_BUF_IOCTL_IMPORT_SYNC_FILE", DMA_BUF_IOCTL_IMPORT_SYNC_FILE, BUFFER,
	  sizeof(struct dma_buf_import_sync_file), make_import, 0, 2 },
};

#define DESCRIPTIONS (sizeof(descriptions) / sizeof(descriptions[0]))

static const struct description *describe(struct thread *t)
{
	uint32_t all = 0, at, i = 0;

	for (uint32_t j = 0; j < DESCRIPTIONS; j++)
		all += descriptions[j].weight;
	for (at = chance(t, all); at >= descriptions[i].weight; i++)
		at -= descriptions[i].weight;
	return &descriptions[i];
}

/* With the structure of another version. Only the device's own may grow. */
static size_t resize(struct thread *t, const struct description *d, unsigned long *cmd, char *arg)
{
	size_t size = d->size;
	bool is_bad;

	if (!chance(t, 2)) {
		size = chance(t, 4) ? d->size + 1 + chance(t, 100) : LARGEST - 1;
		memset(arg + d->size, 0, size - d->size);
		is_bad = _IOC_TYPE(d->cmd) != VFENCE_IOC_MAGIC || !chance(t, 4);
		arg[size - 1] = is_bad;
	} else {
		size = chance(t, d->size);
		is_bad = true;
	}
	t->is_forbidden |= is_bad;
	*cmd = (d->cmd & ~((unsigned long)_IOC_SIZEMASK << _IOC_SIZESHIFT)) |
	       size << _IOC_SIZESHIFT;
	return size;
}

/* Where the argument is, for the kernel: maybe where it cannot be read or written. */
static char *place(struct thread *t, char *arg, size_t size)
{
	char *end = t->memory + GUARD, *at;

	switch (chance(t, 4)) {
	case 0:
		t->is_forbidden = true;
		return (char *)bad_address(t);
	case 1:
		t->is_forbidden = true;
		at = end - size + 1 + chance(t, size - 1);
		return memmove(at, arg, end - at);
	case 2:
		/* The last byte is the last one that is there. */
		return memmove(end - size, arg, size);
	default:
		if (size > PAGE)
			return arg;
		at = t->memory + READ_ONLY;
		mprotect(at, PAGE, PROT_READ | PROT_WRITE);
		memcpy(at, arg, size);
		mprotect(at, PAGE, PROT_READ);
		return at;
	}
}

static void check(struct thread *t, const struct description *d, int error, const char *arg,
		  size_t size, bool is_here)
{
	const char *saved = t->memory + SAVED;
	int fd;

	if (!error && t->is_forbidden) {
		char text[2 * 128 + 1] = "";

		for (size_t i = 0; i < size && i < 128; i++)
			sprintf(text + 2 * i, "%02x", (unsigned char)saved[i]);
		complain(t, "%s of %zu bytes takes what is forbidden: %s", d->name, size, text);
	}
	if (error && error != EFAULT && is_here && memcmp(arg, saved, size))
		complain(t, "%s fails (%s), and its argument has changed", d->name,
			 strerror(error));
	t->successes += !error;
	if (error || !d->fd || !is_here)
		return;
	memcpy(&fd, arg + d->fd, sizeof(fd));
	if (fcntl(fd, F_GETFD) != FD_CLOEXEC)
		complain(t, "%s returns the descriptor %d, which is none, or not close-on-exec",
			 d->name, fd);
	put(t, FENCE, fd);
}

static void call_on(struct thread *t, int fd, const struct description *d)
{
	size_t size = d->size;
	unsigned long cmd = d->cmd;
	char *arg = t->memory + ARGUMENT, *at = arg;
	bool is_here;
	int ret, error;

	t->doing = d->name;
	t->is_forbidden = false;
	memset(arg, 0, d->size);
	d->make(t, arg);
	if (!chance(t, 24))
		size = resize(t, d, &cmd, arg);
	memcpy(t->memory + SAVED, arg, size);
	if (size > 1 && !chance(t, 24))
		at = place(t, arg, size);
	if (t->faults >= 0)
		arm(t->faults, 1 + chance(t, 8));
	ret = ioctl(fd, cmd, at);
	error = ret < 0 ? errno : 0;
	if (t->faults >= 0)
		disarm(t->faults);
	t->calls++;
	is_here = at >= t->memory && at < t->memory + GUARD && at + size <= t->memory + GUARD;
	check(t, d, error, at, size, is_here);
}

void call_once(struct thread *t)
{
	const struct description *d = describe(t);

	call_on(t, chance(t, 24) ? descriptor(t, d->kind) : pick_any(t), d);
}

/* The same ioctl on the same file, until limits are reached. */
void call_often(struct thread *t)
{
	const struct description *d = describe(t);
	int fd = descriptor(t, d->kind);

	for (uint32_t n = chance(t, 100); n; n--) {
		call_on(t, fd, d);
		coverage_take(t);
	}
}
