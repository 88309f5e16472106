// SPDX-License-Identifier: GPL-2.0
/*
 * Each ioctl's structure: its size, which may be that of another version, its
 * address, and what it has besides fields of its own.
 */
#include "vfence_test.h"

#include <stddef.h>
#include <sys/mman.h>

/*
 * A hole would be bytes that nobody checks, and another size on 32 bits.
 *
 * checkpatch: CAMELCASE,MACRO_ARG_REUSE: it is C11's, and the arguments are names
 */
#define HAS_NO_HOLE(type, last) \
	_Static_assert(sizeof(struct type) == \
		       offsetof(struct type, last) + sizeof(((struct type *)0)->last), #type)
HAS_NO_HOLE(vfence_info, max_contexts);
HAS_NO_HOLE(vfence_setup, name);
HAS_NO_HOLE(vfence_submit, pad);
HAS_NO_HOLE(vfence_signal, pad);
HAS_NO_HOLE(vfence_hang, pad);
HAS_NO_HOLE(vfence_reset, flags);
HAS_NO_HOLE(vfence_combine, fd);
HAS_NO_HOLE(vfence_chain, fd);
HAS_NO_HOLE(vfence_query, pending);
HAS_NO_HOLE(vfence_sw_sync_create, fence);
HAS_NO_HOLE(vfence_sw_sync_deadline, fence_fd);

#define LARGEST _IOC_SIZEMASK
#define DEADLINE_NS 12345

FIXTURE(sizes) {
	int dev;
	int fence;
	/* The last byte that may be read is the one before. */
	char *end;
};

FIXTURE_VARIANT(sizes) {
	unsigned long cmd;
	/* Fields that must be zero, at least in these bytes. */
	int zero[2];
};

#define AT(type, field) offsetof(struct type, field)

FIXTURE_VARIANT_ADD(sizes, submit) {
	.cmd = VFENCE_IOC_SUBMIT, .zero = { AT(vfence_submit, pad), -1 },
};

FIXTURE_VARIANT_ADD(sizes, signal) {
	.cmd = VFENCE_IOC_SIGNAL, .zero = { AT(vfence_signal, pad), -1 },
};

FIXTURE_VARIANT_ADD(sizes, info) {
	.cmd = VFENCE_IOC_INFO, .zero = { AT(vfence_info, flags), -1 },
};

FIXTURE_VARIANT_ADD(sizes, setup) {
	.cmd = VFENCE_IOC_SETUP, .zero = { AT(vfence_setup, flags), -1 },
};

FIXTURE_VARIANT_ADD(sizes, hang) {
	.cmd = VFENCE_IOC_HANG, .zero = { AT(vfence_hang, flags), AT(vfence_hang, pad) },
};

FIXTURE_VARIANT_ADD(sizes, reset) {
	.cmd = VFENCE_IOC_RESET, .zero = { AT(vfence_reset, flags), -1 },
};

FIXTURE_VARIANT_ADD(sizes, combine) {
	.cmd = VFENCE_IOC_COMBINE, .zero = { AT(vfence_combine, flags), -1 },
};

FIXTURE_VARIANT_ADD(sizes, chain) {
	.cmd = VFENCE_IOC_CHAIN, .zero = { AT(vfence_chain, flags), -1 },
};

FIXTURE_VARIANT_ADD(sizes, query) {
	.cmd = VFENCE_IOC_QUERY, .zero = { AT(vfence_query, flags), AT(vfence_query, pad) },
};

FIXTURE_SETUP(sizes)
{
	long page = sysconf(_SC_PAGESIZE), size = LARGEST / page * page + 2 * page;
	char *area;

	self->dev = timeline();
	if (self->dev < 0 && errno == ENOENT)
		SKIP(return, "there is no /dev/vfence");
	ASSERT_LE(0, self->dev);
	self->fence = manual(self->dev);
	ASSERT_LE(0, self->fence);
	ASSERT_EQ(0, set_deadline(self->fence, DEADLINE_NS));
	area = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	ASSERT_EQ(0, mprotect(area + size, page, PROT_NONE));
	self->end = area + size;
}

FIXTURE_TEARDOWN(sizes)
{
	close(self->dev);
}

static size_t size_of(const FIXTURE_VARIANT(sizes) *variant)
{
	return _IOC_SIZE(variant->cmd);
}

static unsigned long with_size(unsigned long cmd, size_t size)
{
	return _IOC(_IOC_DIR(cmd), _IOC_TYPE(cmd), _IOC_NR(cmd), size);
}

/*
 * checkpatch: SPACING: it takes the fixture's macros for multiplications
 */

/* Puts an argument that will do there, and returns the timeline for it. */
static int prepare(FIXTURE_DATA(sizes) *self, const FIXTURE_VARIANT(sizes) *variant, void *at)
{
	memset(at, 0, size_of(variant));
	if (variant->cmd == VFENCE_IOC_SETUP) {
		/* It works but once. */
		struct vfence_setup s = { .kind = VFENCE_KIND_ORDERED };

		memcpy(at, &s, sizeof(s));
		return timeline();
	} else if (variant->cmd == VFENCE_IOC_SIGNAL) {
		memcpy(at, &(struct vfence_signal){ .seqno = 1 }, sizeof(struct vfence_signal));
	} else if (variant->cmd == VFENCE_IOC_RESET) {
		memcpy(at, &(struct vfence_reset){ .error = -ETIME }, sizeof(struct vfence_reset));
	} else if (variant->cmd == VFENCE_IOC_COMBINE) {
		struct vfence_combine c = { .fences = (uintptr_t)&self->fence, .count = 1 };

		memcpy(at, &c, sizeof(c));
	} else if (variant->cmd == VFENCE_IOC_CHAIN) {
		struct vfence_chain c = { .point = 1, .tail = -1, .fence = self->fence };

		memcpy(at, &c, sizeof(c));
	}
	return self->dev;
}

/* With `tail` bytes behind, of which the one at `set` is 1. */
static int with_tail(FIXTURE_DATA(sizes) *self, const FIXTURE_VARIANT(sizes) *variant, size_t tail,
		     int set)
{
	size_t size = size_of(variant) + tail;
	char *at = self->end - size;
	int dev = prepare(self, variant, at);

	memset(at + size_of(variant), 0, tail);
	if (set >= 0)
		at[size_of(variant) + set] = 1;
	return refused(dev, with_size(variant->cmd, size), at);
}

TEST_F(sizes, of_the_first_version)
{
	EXPECT_EQ(0, with_tail(self, variant, 0, -1));
}

TEST_F(sizes, smaller)
{
	size_t sizes[] = { 0, 1, 4, size_of(variant) - 4, size_of(variant) - 1 };

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *at = self->end - size_of(variant);
		int dev = prepare(self, variant, at);

		EXPECT_EQ(-EINVAL, refused(dev, with_size(variant->cmd, sizes[i]), at));
	}
}

TEST_F(sizes, larger_with_zeroes)
{
	EXPECT_EQ(0, with_tail(self, variant, 1, -1));
	EXPECT_EQ(0, with_tail(self, variant, 8, -1));
	EXPECT_EQ(0, with_tail(self, variant, 4096, -1));
	EXPECT_EQ(0, with_tail(self, variant, LARGEST - size_of(variant), -1));
}

TEST_F(sizes, larger_with_something)
{
	size_t all = LARGEST - size_of(variant);

	EXPECT_EQ(-E2BIG, with_tail(self, variant, 1, 0));
	EXPECT_EQ(-E2BIG, with_tail(self, variant, 8, 0));
	EXPECT_EQ(-E2BIG, with_tail(self, variant, 8, 7));
	EXPECT_EQ(-E2BIG, with_tail(self, variant, 4096, 2000));
	EXPECT_EQ(-E2BIG, with_tail(self, variant, all, 0));
	EXPECT_EQ(-E2BIG, with_tail(self, variant, all, all - 1));
}

TEST_F(sizes, fields_that_must_be_zero)
{
	for (unsigned int i = 0; i < 2 && variant->zero[i] >= 0; i++) {
		for (int bit = 0; bit < 32; bit++) {
			char *at = self->end - size_of(variant);
			int dev = prepare(self, variant, at);

			at[variant->zero[i] + bit / 8] |= 1 << bit % 8;
			EXPECT_EQ(-EINVAL, refused(dev, variant->cmd, at));
			if (dev != self->dev)
				close(dev);
		}
	}
}

TEST_F(sizes, bad_address)
{
	EXPECT_EQ(-EFAULT, refused(self->dev, variant->cmd, NULL));
	EXPECT_EQ(-EFAULT, refused(self->dev, variant->cmd, (void *)8));
	EXPECT_EQ(-EFAULT, refused(self->dev, variant->cmd, (void *)-8L));
	EXPECT_EQ(-EFAULT, refused(self->dev, variant->cmd, (void *)(1L << 63)));
	EXPECT_EQ(-EFAULT, refused(self->dev, variant->cmd, self->end));
}

TEST_F(sizes, structure_that_ends_too_early)
{
	char *at = self->end - size_of(variant);
	int dev = prepare(self, variant, at);

	memmove(at + 1, at, size_of(variant) - 1);
	EXPECT_EQ(-EFAULT, refused(dev, variant->cmd, at + 1));
	dev = prepare(self, variant, at);
	EXPECT_EQ(-EFAULT, refused(dev, with_size(variant->cmd, size_of(variant) + 1), at));
}

TEST_F(sizes, unaligned)
{
	char *at = self->end - size_of(variant) - 1;
	int dev = prepare(self, variant, at);

	EXPECT_EQ(0, refused(dev, variant->cmd, at));
}

TEST_F(sizes, answer_that_cannot_be_given)
{
	long page = sysconf(_SC_PAGESIZE);
	char *at = self->end - size_of(variant);
	int dev = prepare(self, variant, at);

	ASSERT_EQ(0, mprotect(self->end - page, page, PROT_READ));
	EXPECT_EQ(variant->cmd & IOC_OUT ? -EFAULT : 0, refused(dev, variant->cmd, at));
}

TEST_F(sizes, other_directions)
{
	char *at = self->end - size_of(variant);

	for (unsigned int dir = 0; dir < 4; dir++) {
		int dev = prepare(self, variant, at);

		if (dir == _IOC_DIR(variant->cmd))
			continue;
		EXPECT_EQ(-ENOTTY, refused(dev, _IOC(dir, _IOC_TYPE(variant->cmd),
						     _IOC_NR(variant->cmd), size_of(variant)), at));
	}
}

TEST_F(sizes, other_magics)
{
	char *at = self->end - size_of(variant);
	int dev = prepare(self, variant, at);

	EXPECT_EQ(-ENOTTY, refused(dev, variant->cmd ^ 1 << _IOC_TYPESHIFT, at));
	EXPECT_EQ(-ENOTTY, refused(dev, variant->cmd ^ 0x80 << _IOC_NRSHIFT, at));
}

TEST_HARNESS_MAIN
