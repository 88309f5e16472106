// SPDX-License-Identifier: GPL-2.0
/*
 * What a timeline is: its kind and name, who may open it, what can be asked.
 */
#include "vfence_test.h"

#include <sys/prctl.h>
#include <sys/stat.h>

TIMELINE_FIXTURE(kinds)

/* Which kind a new timeline has after this. */
#define KIND_AFTER(want, ...) do {						\
	int new = timeline();							\
										\
	EXPECT_EQ(0, call(new, __VA_ARGS__));					\
	EXPECT_EQ(want, query(new).kind);					\
	close(new);								\
} while (0)

TEST_F(kinds, device_is_for_root_only)
{
	struct stat st;

	ASSERT_EQ(0, stat("/dev/vfence", &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(0, st.st_mode & 077);
}

TEST_F(kinds, each_kind)
{
	for (uint32_t kind = VFENCE_KIND_ORDERED; kind <= VFENCE_KIND_POINTS; kind++) {
		int dev = timeline();

		EXPECT_EQ(VFENCE_KIND_UNUSED, query(dev).kind);
		EXPECT_EQ(0, setup(dev, kind));
		EXPECT_EQ(kind, query(dev).kind);
		EXPECT_EQ(0, query(dev).pending);
		close(dev);
	}
}

TEST_F(kinds, no_such_kind)
{
	EXPECT_EQ(-EINVAL, refused(self->dev, SETUP(.kind = VFENCE_KIND_UNUSED)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SETUP(.kind = VFENCE_KIND_POINTS + 1)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SETUP(.kind = UINT32_MAX)));
	EXPECT_EQ(0, setup(self->dev, VFENCE_KIND_POINTS));
}

TEST_F(kinds, once)
{
	EXPECT_EQ(0, setup(self->dev, VFENCE_KIND_UNORDERED));
	for (uint32_t kind = VFENCE_KIND_ORDERED; kind <= VFENCE_KIND_POINTS; kind++)
		EXPECT_EQ(-EBUSY, refused(self->dev, SETUP(.kind = kind)));
}

TEST_F(kinds, not_when_it_is_used)
{
	int points = timeline();

	ASSERT_LE(0, manual(self->dev));
	EXPECT_EQ(-EBUSY, refused(self->dev, SETUP(.kind = VFENCE_KIND_ORDERED)));
	ASSERT_LE(0, point(points, 1));
	EXPECT_EQ(-EBUSY, refused(points, SETUP(.kind = VFENCE_KIND_POINTS)));
}

TEST_F(kinds, what_it_is_first_used_for)
{
	KIND_AFTER(VFENCE_KIND_ORDERED, SUBMIT());
	KIND_AFTER(VFENCE_KIND_ORDERED, HANG());
	KIND_AFTER(VFENCE_KIND_ORDERED, RESET(.error = -ETIME));
	KIND_AFTER(VFENCE_KIND_POINTS, CREATE(.value = 1));
	KIND_AFTER(VFENCE_KIND_POINTS, INC(1));
}

TEST_F(kinds, not_by_an_ioctl_that_fails)
{
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.pad = 1)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SIGNAL(.seqno = 1)));
	EXPECT_EQ(-EINVAL, refused(self->dev, RESET(.error = 1)));
	EXPECT_EQ(-EINVAL, refused(self->dev, HANG(.flags = 1)));
	EXPECT_EQ(-EFAULT, refused(self->dev, VFENCE_IOC_SW_SYNC_CREATE, NULL));
	EXPECT_EQ(-EFAULT, refused(self->dev, VFENCE_IOC_SW_SYNC_INC, NULL));
	EXPECT_EQ(VFENCE_KIND_UNUSED, query(self->dev).kind);
	ASSERT_EQ(0, setup(self->dev, VFENCE_KIND_UNORDERED));
}

TEST_F(kinds, what_gives_none)
{
	int fence = manual(self->dev);

	KIND_AFTER(VFENCE_KIND_UNUSED, INFO());
	KIND_AFTER(VFENCE_KIND_UNUSED, QUERY());
	KIND_AFTER(VFENCE_KIND_UNUSED, COMBINE(.fences = (uintptr_t)&fence, .count = 1));
	KIND_AFTER(VFENCE_KIND_UNUSED, CHAIN(.tail = -1, .fence = fence));
	ASSERT_EQ(0, set_deadline(fence, 5));
	KIND_AFTER(VFENCE_KIND_UNUSED, SW_DEADLINE(.fence_fd = fence));
}

TEST_F(kinds, points_have_no_jobs)
{
	ASSERT_LE(0, point(self->dev, 5));
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT()));
	EXPECT_EQ(-EINVAL, refused(self->dev, SUBMIT(.flags = VFENCE_SUBMIT_MANUAL)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SIGNAL(.seqno = 5)));
	EXPECT_EQ(-EINVAL, refused(self->dev, SIGNAL()));
	EXPECT_EQ(-EINVAL, refused(self->dev, HANG()));
	EXPECT_EQ(-EINVAL, refused(self->dev, RESET(.error = -ETIME)));
}

TEST_F(kinds, jobs_have_no_points)
{
	for (uint32_t kind = VFENCE_KIND_ORDERED; kind <= VFENCE_KIND_UNORDERED; kind++) {
		int dev = timeline();

		ASSERT_EQ(0, setup(dev, kind));
		ASSERT_LE(0, manual(dev));
		EXPECT_EQ(-EINVAL, refused(dev, CREATE(.value = 2)));
		EXPECT_EQ(-EINVAL, refused(dev, INC(1)));
		EXPECT_EQ(-EINVAL, refused(dev, INC(0)));
		close(dev);
	}
}

/* What a timeline is not changed by, works on each, and changes none. */
TEST_F(kinds, what_any_timeline_does)
{
	int fence = manual(self->dev);

	ASSERT_EQ(0, set_deadline(fence, 5));
	for (uint32_t kind = VFENCE_KIND_ORDERED; kind <= VFENCE_KIND_POINTS; kind++) {
		struct vfence_query before, after;
		int dev = timeline();

		ASSERT_EQ(0, setup(dev, kind));
		before = query(dev);
		EXPECT_EQ(0, call(dev, INFO()));
		EXPECT_LE(0, combine(dev, VFENCE_COMBINE_MERGE, &fence, 1));
		EXPECT_LE(0, chain(dev, 1, -1, fence));
		EXPECT_EQ(0, call(dev, SW_DEADLINE(.fence_fd = fence)));
		after = query(dev);
		EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
		close(dev);
	}
}

TEST_F(kinds, name)
{
	struct sync_fence_info f;
	int fd;

	ASSERT_EQ(0, call(self->dev, SETUP(.kind = VFENCE_KIND_ORDERED, .name = "a name")));
	fd = manual(self->dev);
	f = the_fence(fd);
	EXPECT_STREQ("vfence", f.driver_name);
	EXPECT_STREQ("a name", f.obj_name);
	ASSERT_EQ(0, complete(self->dev, 1));
	f = the_fence(fd);
	EXPECT_STREQ(DETACHED, f.driver_name);
	EXPECT_STREQ("signaled-timeline", f.obj_name);
}

TEST_F(kinds, name_of_each_kind)
{
	static const char longest[VFENCE_NAME_LEN] = "~ 3456789 123456789 123456789 1~";

	for (uint32_t kind = VFENCE_KIND_ORDERED; kind <= VFENCE_KIND_POINTS; kind++) {
		struct vfence_setup s = { .kind = kind };
		int dev = timeline();

		memcpy(s.name, longest, VFENCE_NAME_LEN - 1);
		ASSERT_EQ(0, call(dev, VFENCE_IOC_SETUP, &s));
		EXPECT_STREQ(s.name, the_fence(kind == VFENCE_KIND_POINTS ?
					       point(dev, 1) : manual(dev)).obj_name);
		close(dev);
	}
}

TEST_F(kinds, bad_names)
{
	struct vfence_setup s = { .kind = VFENCE_KIND_ORDERED };

	memset(s.name, 'x', sizeof(s.name));
	EXPECT_EQ(-EINVAL, refused(self->dev, VFENCE_IOC_SETUP, &s));
	EXPECT_EQ(-EINVAL, refused(self->dev, SETUP(.kind = 1, .name = "a\0b")));
	EXPECT_EQ(-EINVAL, refused(self->dev, SETUP(.kind = 1, .name = "\0b")));
	memset(s.name, 0, sizeof(s.name));
	s.name[0] = 'a';
	s.name[VFENCE_NAME_LEN - 1] = 'b';
	EXPECT_EQ(-EINVAL, refused(self->dev, VFENCE_IOC_SETUP, &s));
	for (int c = 1; c < 256; c++) {
		if (c >= ' ' && c <= '~')
			continue;
		EXPECT_EQ(-EINVAL, refused(self->dev, SETUP(.kind = 1, .name = { c })));
		EXPECT_EQ(-EINVAL, refused(self->dev, SETUP(.kind = 1, .name = { 'a', c })));
	}
	EXPECT_EQ(0, call(self->dev, SETUP(.kind = 1, .name = " ~")));
}

TEST_F(kinds, name_of_the_process)
{
	int named = timeline(), other;

	ASSERT_EQ(0, prctl(PR_SET_NAME, "a process"));
	other = timeline();
	ASSERT_LE(0, other);
	EXPECT_STREQ("a process", the_fence(manual(other)).obj_name);
	ASSERT_EQ(0, setup(named, VFENCE_KIND_UNORDERED));
	EXPECT_NE('\0', the_fence(manual(named)).obj_name[0]);
}

TEST_F(kinds, info)
{
	struct vfence_info info;

	memset(&info, 0xff, sizeof(info));
	info.flags = 0;
	ASSERT_EQ(0, call(self->dev, VFENCE_IOC_INFO, &info));
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(VFENCE_VERSION, info.version);
	EXPECT_EQ(VFENCE_MAX_FDS, info.max_fds);
	EXPECT_LT(0, info.bound_ns);
	EXPECT_LT(0, info.max_delay_ns);
	EXPECT_EQ(VFENCE_MAX_LEAVES, info.max_leaves);
	EXPECT_LE(40000, info.max_fences);
	EXPECT_LE(40000, info.max_contexts);
	/* What SYNC_IOC_FILE_INFO can answer for. */
	EXPECT_GT(52428, info.max_contexts);
}

TEST_F(kinds, query_of_an_unused_timeline)
{
	struct vfence_query q = query(self->dev), none;

	memset(&none, 0, sizeof(none));
	EXPECT_EQ(0, memcmp(&none, &q, sizeof(q)));
}

TEST_F(kinds, query_of_jobs)
{
	struct vfence_submit s = { .flags = VFENCE_SUBMIT_MANUAL };
	struct vfence_query q;

	for (int i = 0; i < 3; i++)
		ASSERT_LE(0, submit_job(self->dev, &s));
	EXPECT_EQ(3, s.seqno);
	q = query(self->dev);
	EXPECT_EQ(VFENCE_KIND_ORDERED, q.kind);
	EXPECT_EQ(0, q.state);
	EXPECT_EQ(s.context, q.context);
	EXPECT_EQ(0, q.value);
	EXPECT_EQ(3, q.last);
	EXPECT_EQ(3, q.pending);
	ASSERT_EQ(0, complete(self->dev, 2));
	q = query(self->dev);
	EXPECT_EQ(2, q.value);
	EXPECT_EQ(3, q.last);
	EXPECT_EQ(1, q.pending);
	/* What comes out is not looked at. */
	memset(&q, 0xff, sizeof(q));
	q.flags = 0;
	q.pad = 0;
	EXPECT_EQ(0, call(self->dev, VFENCE_IOC_QUERY, &q));
	EXPECT_EQ(3, q.last);
}

TEST_F(kinds, query_of_points)
{
	struct vfence_query q;

	ASSERT_LE(0, point(self->dev, 7));
	ASSERT_LE(0, point(self->dev, 3));
	ASSERT_EQ(0, call(self->dev, INC(3)));
	q = query(self->dev);
	EXPECT_EQ(VFENCE_KIND_POINTS, q.kind);
	EXPECT_NE(0, q.context);
	EXPECT_EQ(3, q.value);
	EXPECT_EQ(7, q.last);
	EXPECT_EQ(1, q.pending);
}

TEST_HARNESS_MAIN
