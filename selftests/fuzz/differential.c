// SPDX-License-Identifier: GPL-2.0
/*
 * The same calls on vfence and on sw_sync, at random: both must answer alike, and their
 * fences must be in the same state. Where they differ on purpose is in a list, with the reason.
 * It goes on for a quarter of what $FUZZ says.
 *
 * One thread does it: sw_sync takes a fence whose last reference is just going for one that is
 * there.
 */
#include "random.h"
#include "vfence_test.h"

#include <stdarg.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define NO_TIMEOUT (7 * 24 * 3600)
#define TIMELINES 3
#define FENCES 12
/* Then all is closed, and a new round begins. */
#define STEPS 150
/* How many steps before the one that differs are shown. */
#define SHOWN 30

enum side { VFENCE, SW_SYNC, SIDES };

/* A step: what was called, and what came of it. */
struct step {
	char text[120];
	int ret[SIDES];
	/* What came out, but for descriptors. */
	uint64_t out[SIDES];
};

static bool is_before_the_epoch(const struct step *s)
{
	return !s->ret[VFENCE] && !s->ret[SW_SYNC] && !s->out[VFENCE] &&
	       (int64_t)s->out[SW_SYNC] < 0;
}

/* What differs on purpose. */
static struct {
	bool (*is_it)(const struct step *s);
	const char *reason;
	unsigned long times;
} differences[] = {
	{ is_before_the_epoch, "a deadline above 2^63 - 1 ns is a negative time for the kernel; "
	  "an Instant in Rust is never one, so vfence takes it for 0" },
};

/* Descriptors, one on each side; -1 if there is none. */
static int timelines[TIMELINES][SIDES], fences[FENCES][SIDES];
/* Points are near to the counter. */
static uint32_t counters[TIMELINES];
static struct step steps[STEPS];
static int current;
static struct stream numbers;
static struct rlimit descriptors;

static uint32_t chance(uint32_t n)
{
	return below(&numbers, n);
}

static void __attribute__((format(printf, 1, 2))) describe_step(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(steps[current].text, sizeof(steps[current].text), format, args);
	va_end(args);
}

static void close_pair(int *fd)
{
	for (int side = 0; side < SIDES; side++) {
		if (fd[side] >= 0)
			close(fd[side]);
		fd[side] = -1;
	}
}

/* Returns where the new fences are: in the place of others. */
static int keep(const int *fd)
{
	int at = chance(FENCES);

	close_pair(fences[at]);
	memcpy(fences[at], fd, sizeof(fences[at]));
	return at;
}

/*
 * An ioctl on both sides. Sometimes the argument cannot be read, or not be written, or there is
 * no descriptor left. Says so in a word.
 */
static const char *call_both(const int *fd, unsigned long cmd, void *args)
{
	static const char *const how[] = {
		", at 0", ", cut off", ", read-only", ", no descriptor left", "",
	};
	size_t size = _IOC_SIZE(cmd);
	uint32_t where = chance(60);
	struct step *s = &steps[current];
	char *page;

	where = where < 4 ? where : 4;
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || mprotect(page + 4096, 4096, PROT_NONE))
		abort();
	for (int side = 0; side < SIDES; side++) {
		char *arg = (char *)args + side * size, *at = arg;

		if (where == 0) {
			at = NULL;
		} else if (where == 1) {
			at = memcpy(page + 4096 - size / 2, arg, size / 2);
		} else if (where == 2) {
			at = memcpy(page, arg, size);
			mprotect(page, 4096, PROT_READ);
		} else if (where == 3) {
			setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, descriptors.rlim_max });
		}
		s->ret[side] = call(fd[side], cmd, at);
		mprotect(page, 4096, PROT_READ | PROT_WRITE);
		setrlimit(RLIMIT_NOFILE, &descriptors);
	}
	munmap(page, 8192);
	return how[where];
}

static uint32_t number(void)
{
	static const uint32_t all[] = { INT32_MAX - 1, INT32_MAX, 1U << 31, UINT32_MAX };

	return chance(8) ? chance(12) : all[chance(ARRAY_SIZE(all))];
}

static void step_create(void)
{
	struct vfence_sw_sync_create arg[SIDES] = {};
	int at = chance(TIMELINES), fd[SIDES] = { -1, -1 };
	struct step *s = &steps[current];
	const char *how;

	arg[0].value = counters[at] + number();
	memset(arg[0].name, 'x', sizeof(arg[0].name));
	arg[0].fence = -7;
	arg[1] = arg[0];
	how = call_both(timelines[at], VFENCE_IOC_SW_SYNC_CREATE, arg);
	describe_step("CREATE_FENCE(timeline %d, counter + %d%s)", at,
		      (int)(arg[0].value - counters[at]), how);
	for (int side = 0; side < SIDES; side++) {
		s->out[side] = (uint64_t)arg[side].value << 8 | arg[side].name[31];
		if (!s->ret[side])
			fd[side] = arg[side].fence;
		else if (arg[side].fence != -7)
			s->out[side] = ~0ULL;
	}
	if (fd[VFENCE] < 0 && fd[SW_SYNC] < 0)
		return;
	at = keep(fd);
	sprintf(s->text + strlen(s->text), " = fence %d", at);
}

static void step_increment(void)
{
	int at = chance(TIMELINES);
	uint32_t arg[SIDES];
	const char *how;

	arg[0] = number();
	arg[1] = arg[0];
	how = call_both(timelines[at], VFENCE_IOC_SW_SYNC_INC, arg);
	describe_step("INC(timeline %d, %u%s)", at, arg[0], how);
	if (!steps[current].ret[SW_SYNC])
		counters[at] += arg[0];
}

static void step_deadline(void)
{
	struct vfence_sw_sync_deadline arg[SIDES] = {};
	int at = chance(TIMELINES), fence = chance(FENCES);
	struct step *s = &steps[current];
	uint32_t kind = chance(20);
	const char *how;

	for (int side = 0; side < SIDES; side++) {
		arg[side].fence_fd = kind == 0 ? -1 : kind == 1 ? timelines[at][side] :
				     kind == 2 ? fences[fence][!side] : fences[fence][side];
		arg[side].deadline_ns = kind == 3;
		arg[side].pad = kind == 4;
	}
	how = call_both(timelines[at], VFENCE_IOC_SW_SYNC_DEADLINE, arg);
	describe_step("GET_DEADLINE(timeline %d, %s%d%s%s)", at,
		      kind == 0 ? "no fence, not " : kind == 1 ? "a timeline, not " :
		      kind == 2 ? "the other device's fence " : "fence ", fence,
		      kind == 3 ? ", deadline_ns = 1" : kind == 4 ? ", pad = 1" : "", how);
	for (int side = 0; side < SIDES; side++)
		s->out[side] = arg[side].deadline_ns;
}

static void step_set_deadline(void)
{
	static const uint64_t all[] = { 0, 1, 1000, INT64_MAX, 1ULL << 63, UINT64_MAX };
	struct sync_set_deadline arg[SIDES] = {};
	int at = chance(FENCES);
	const char *how;

	arg[0].deadline_ns = chance(2) ? chance(100000) : all[chance(ARRAY_SIZE(all))];
	arg[1] = arg[0];
	how = call_both(fences[at], SYNC_IOC_SET_DEADLINE, arg);
	describe_step("SET_DEADLINE(fence %d, %llu%s)", at,
		      (unsigned long long)arg[0].deadline_ns, how);
}

static void step_merge(void)
{
	struct sync_merge_data arg[SIDES] = {};
	int a = chance(FENCES), b = chance(FENCES), fd[SIDES] = { -1, -1 };
	struct step *s = &steps[current];
	const char *how;

	for (int side = 0; side < SIDES; side++)
		arg[side].fd2 = fences[b][side];
	how = call_both(fences[a], SYNC_IOC_MERGE, arg);
	describe_step("MERGE(fence %d, fence %d%s)", a, b, how);
	for (int side = 0; side < SIDES; side++)
		if (!s->ret[side])
			fd[side] = arg[side].fence;
	if (fd[VFENCE] < 0 && fd[SW_SYNC] < 0)
		return;
	a = keep(fd);
	sprintf(s->text + strlen(s->text), " = fence %d", a);
}

static void step_poll(void)
{
	int at = chance(FENCES);

	for (int side = 0; side < SIDES; side++)
		if (fences[at][side] >= 0)
			is_signaled(fences[at][side]);
	describe_step("poll(fence %d)", at);
}

static void step_close(void)
{
	int at = chance(FENCES);

	close_pair(fences[at]);
	describe_step("close(fence %d)", at);
}

static void step_dup(void)
{
	int at = chance(FENCES), fd[SIDES];

	for (int side = 0; side < SIDES; side++)
		fd[side] = dup(fences[at][side]);
	describe_step("dup(fence %d) = fence %d", at, keep(fd));
}

static void open_timeline(int at)
{
	timelines[at][VFENCE] = timeline();
	timelines[at][SW_SYNC] = open("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC);
	counters[at] = 0;
}

static void step_close_timeline(void)
{
	int at = chance(TIMELINES);

	close_pair(timelines[at]);
	open_timeline(at);
	describe_step("close(timeline %d), and open", at);
}

/* With a number of no ioctl, or with another size or direction. */
static void step_no_ioctl(void)
{
	static const unsigned long all[] = {
		_IO('W', 0), _IOW('W', 0, struct vfence_sw_sync_create), _IOWR('W', 1, uint32_t),
		_IOW('W', 1, uint64_t), _IOWR('W', 2, uint64_t), _IOWR('W', 3, uint32_t),
		_IOWR('>', 3, struct sync_merge_data),
	};
	char arg[SIDES * 64] = "";
	unsigned long cmd = all[chance(ARRAY_SIZE(all))];
	int at = chance(TIMELINES);
	const char *how = call_both(timelines[at], cmd, arg);

	describe_step("ioctl(timeline %d, %#lx%s)", at, cmd, how);
}

static const struct {
	void (*step)(void);
	uint32_t weight;
} all_steps[] = {
	{ step_create, 30 }, { step_increment, 15 }, { step_deadline, 15 },
	{ step_set_deadline, 10 }, { step_merge, 12 }, { step_poll, 6 }, { step_close, 8 },
	{ step_dup, 3 }, { step_close_timeline, 2 }, { step_no_ioctl, 1 },
};

static void one_step(void)
{
	uint32_t all = 0, at, i = 0;

	steps[current] = (struct step){};
	for (uint32_t j = 0; j < ARRAY_SIZE(all_steps); j++)
		all += all_steps[j].weight;
	for (at = chance(all); at >= all_steps[i].weight; i++)
		at -= all_steps[i].weight;
	all_steps[i].step();
}

static bool answers_alike(void)
{
	const struct step *s = &steps[current];

	if (s->ret[VFENCE] == s->ret[SW_SYNC] && s->out[VFENCE] == s->out[SW_SYNC])
		return true;
	for (unsigned int i = 0; i < ARRAY_SIZE(differences); i++)
		if (differences[i].is_it(s)) {
			differences[i].times++;
			return true;
		}
	printf("# vfence answers %d, %#llx; sw_sync answers %d, %#llx\n", s->ret[VFENCE],
	       (unsigned long long)s->out[VFENCE], s->ret[SW_SYNC],
	       (unsigned long long)s->out[SW_SYNC]);
	return false;
}

/* What a sync_file says of its fences. Names, numbers and times are each driver's own. */
struct state {
	int ret, status, count, signalled, errors;
};

static struct state state_of(int fd)
{
	static struct sync_fence_info f[64];
	struct sync_file_info info;
	struct state s = { .status = status(fd) };

	s.ret = describe(fd, &info, f, ARRAY_SIZE(f));
	s.count = info.num_fences;
	for (int i = 0; i < s.ret; i++) {
		s.signalled += f[i].status == 1;
		s.errors += f[i].status < 0 ? f[i].status : 0;
	}
	return s;
}

/* An array signals in an interrupt, soon. */
static bool are_alike(const int *fd)
{
	uint64_t end = now_ns() + WAIT_MSEC * MSEC;
	struct state s[SIDES];

	do {
		for (int side = 0; side < SIDES; side++)
			s[side] = state_of(fd[side]);
		if (!memcmp(&s[VFENCE], &s[SW_SYNC], sizeof(s[0])))
			return true;
	} while (now_ns() < end);
	for (int side = 0; side < SIDES; side++)
		printf("# on %s: status %d, of %d fences %d have signalled well, errors %d\n",
		       side == VFENCE ? "vfence" : "sw_sync", s[side].status, s[side].count,
		       s[side].signalled, s[side].errors);
	return false;
}

static bool all_are_alike(void)
{
	for (int i = 0; i < FENCES; i++) {
		const int *fd = fences[i];
		bool is_there[SIDES] = { fd[VFENCE] >= 0, fd[SW_SYNC] >= 0 };

		if (is_there[VFENCE] != is_there[SW_SYNC]) {
			printf("# fence %d is on one side only\n", i);
			return false;
		}
		if (is_there[VFENCE] && !are_alike(fd)) {
			printf("# of fence %d\n", i);
			return false;
		}
	}
	return true;
}

/* As long as all is alike. */
static bool one_round(void)
{
	bool good = true;

	memset(fences, 0xff, sizeof(fences));
	for (int i = 0; i < TIMELINES; i++)
		open_timeline(i);
	for (current = 0; good && current < STEPS; current++) {
		one_step();
		/* To look at all fences takes longer than most calls. */
		good = answers_alike() && (chance(5) || all_are_alike());
	}
	good = good && all_are_alike();
	if (!good)
		for (int i = current > SHOWN ? current - SHOWN : 0; i < current; i++)
			printf("# step %d: %s\n", i, steps[i].text);
	for (int i = 0; i < FENCES; i++)
		close_pair(fences[i]);
	for (int i = 0; i < TIMELINES; i++)
		close_pair(timelines[i]);
	return good;
}

FIXTURE(differential) { };

FIXTURE_SETUP(differential)
{
	if (access("/dev/vfence", F_OK))
		SKIP(return, "there is no /dev/vfence");
	if (access("/sys/kernel/debug/sync/sw_sync", F_OK))
		SKIP(return, "there is no sw_sync");
}

FIXTURE_TEARDOWN(differential)
{
}

TEST_F_TIMEOUT(differential, vfence_answers_as_sw_sync_does, NO_TIMEOUT)
{
	struct orders orders = read_orders(10, 1);
	uint64_t end = now_ns() + (orders.seconds + 3) / 4 * 1000 * MSEC;
	unsigned long rounds = 0;

	numbers.state = orders.seed;
	getrlimit(RLIMIT_NOFILE, &descriptors);
	do {
		ASSERT_TRUE(one_round());
		rounds++;
	} while (now_ns() < end);
	printf("# %lu rounds of %d calls\n", rounds, STEPS);
	for (unsigned int i = 0; i < ARRAY_SIZE(differences); i++)
		printf("# %lu times: %s\n", differences[i].times, differences[i].reason);
}

TEST_HARNESS_MAIN
