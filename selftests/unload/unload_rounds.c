// SPDX-License-Identifier: GPL-2.0
/*
 * The whole life of a driver's module, over and over, at times that chance picks: it is
 * loaded, its fences are used by other processes and have callbacks of a driver in C, it is
 * unloaded while they are, and the fences are held on to.
 *
 * $ROUNDS says how many rounds, and $SEED which ones: a run prints its own.
 *
 * checkpatch: VOLATILE: processes share a flag, and look at it again
 * checkpatch: SPACING: FIXTURE_DATA(rounds) is a type
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include <linux/dma-buf.h>

#include "buffer.h"
#include "driver.h"
#include "file.h"
#include "kselftest_harness.h"

/* Descriptors from this one on are for fences that are held on to. */
#define HELD_FROM 100
#define HELD 64

/* The most that the module hands out. */
#define HANDED_OUT 4

/* The processes that use the fences. */
#define USERS 2

#define ROUNDS 60
/* In seconds: a bound on a hang, for a thousand rounds, too. */
#define PATIENCE 86400

static uint32_t state;

/* Below n: xorshift32. */
static uint32_t chance(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % n;
}

static uint32_t number_from(const char *name, uint32_t otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoul(value, NULL, 0) : otherwise;
}

/* Does something with a fence. What comes of it depends on when that is. */
static void use(int fence, int other, int buffer)
{
	struct sync_merge_data merge = { .name = "rounds", .fd2 = other };
	struct sync_set_deadline deadline = { .deadline_ns = 1 };
	struct dma_buf_import_sync_file import = { .flags = DMA_BUF_SYNC_WRITE, .fd = fence };
	struct dma_buf_export_sync_file export = { .flags = DMA_BUF_SYNC_RW, .fd = -1 };
	struct pollfd polled[] = {
		{ .fd = fence, .events = POLLIN }, { .fd = buffer, .events = POLLIN | POLLOUT },
	};

	switch (chance(6)) {
	case 0:
		status(fence, NULL);
		break;
	case 1:
		poll(polled, 2, chance(3));
		break;
	case 2:
		if (!ioctl(fence, SYNC_IOC_MERGE, &merge)) {
			status(merge.fence, NULL);
			close(merge.fence);
		}
		break;
	case 3:
		ioctl(fence, SYNC_IOC_SET_DEADLINE, &deadline);
		break;
	case 4:
		ioctl(buffer, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &import);
		break;
	case 5:
		if (!ioctl(buffer, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &export))
			close(export.fd);
		break;
	}
}

/* Has the driver in C add a callback to a fence; -ENOENT if that has signalled. */
static int watch(int fence)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", fence);
	return write_text("/sys/module/dma_buf_stranger/parameters/watch", text);
}

/* How many callbacks that driver has added, how many were called, and how many wrongly. */
static int watched(unsigned int count[3])
{
	FILE *file = fopen("/sys/module/dma_buf_stranger/parameters/watch", "re");
	int found = file ? fscanf(file, "%u %u %u", &count[0], &count[1], &count[2]) : 0;

	if (file)
		fclose(file);
	return found == 3 ? 0 : -EIO;
}

FIXTURE(rounds) {
	int timeline;
	int buffer;
	int held[HELD];
	/* What became of the fences that are held on to. */
	int result[HELD];
	volatile int *is_over;
};

FIXTURE_SETUP(rounds)
{
	self->timeline = open("/dev/vfence", O_RDWR | O_CLOEXEC);
	if (self->timeline < 0)
		SKIP(return, "there is no /dev/vfence");
	self->buffer = buffer();
	if (self->buffer < 0)
		SKIP(return, "there is no /dev/udmabuf");
	ASSERT_EQ(0, load_module("dma_buf_stranger", ""));
	for (int i = 0; i < HELD; i++)
		self->held[i] = -1;
	self->is_over = mmap(NULL, sizeof(*self->is_over), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->is_over);
}

FIXTURE_TEARDOWN(rounds)
{
	for (int i = 0; i < HELD; i++)
		close(self->held[i]);
	munmap((void *)self->is_over, sizeof(*self->is_over));
	close(self->buffer);
	close(self->timeline);
	unload_module("dma_buf_stranger");
}

/* Holds on to a fence that has signalled, for some rounds. */
static void hold(FIXTURE_DATA(rounds) *self, int fence)
{
	int place = chance(HELD);

	close(self->held[place]);
	self->held[place] = fcntl(fence, F_DUPFD_CLOEXEC, HELD_FROM);
	self->result[place] = status(fence, NULL);
	close(fence);
}

/* The fences that are held still have the result that they had, and no driver's name. */
static int is_as_it_was(FIXTURE_DATA(rounds) *self)
{
	char driver[32] = "";

	for (int i = 0; i < HELD; i++)
		if (self->held[i] >= 0 && (status(self->held[i], driver) != self->result[i] ||
					   strcmp(driver, "detached-driver")))
			return 0;
	return 1;
}

/* In a child: uses what the module has handed out, and the foreign fence. */
static void use_until_over(FIXTURE_DATA(rounds) *self, const int *fences, int count, int foreign)
{
	while (!*self->is_over) {
		int fence = chance(count + 1), other = chance(HELD);

		use(fence < count ? fences[fence] : foreign,
		    self->held[other] < 0 ? foreign : self->held[other], self->buffer);
	}
	_exit(0);
}

static void a_round(struct __test_metadata *_metadata, FIXTURE_DATA(rounds) *self)
{
	int first = next_fd() + 1, fences[HANDED_OUT], count = 0, foreign, when = chance(3), place;
	unsigned int leave = chance(LEAVES), callbacks[3];
	pid_t users[USERS];
	uint64_t seqno;
	char driver[32];

	/* These wait for a second. */
	if ((leave == LEAVE_WORKS || leave == LEAVE_CLEANUP) && chance(8))
		leave = 0;
	foreign = submit_foreign(self->timeline, &seqno);
	ASSERT_EQ(first - 1, foreign);
	ASSERT_EQ(0, load(leave, foreign));
	while (count < HANDED_OUT && status(first + count, NULL) != INT32_MIN) {
		fences[count] = first + count;
		count++;
	}
	/* Those of a context that has gone have signalled. */
	for (int i = 0; i < count; i++) {
		place = watch(fences[i]);
		ASSERT_TRUE(!place || place == -ENOENT);
	}
	if (chance(2))
		ASSERT_EQ(0, watch(foreign));

	*self->is_over = 0;
	for (int i = 0; i < USERS; i++) {
		uint32_t seed = state + chance(1 << 30) + 1;

		users[i] = fork();
		ASSERT_LE(0, users[i]);
		if (!users[i]) {
			state = seed;
			use_until_over(self, fences, count, foreign);
		}
	}
	/* The driver in C may go first, and its callbacks with it. */
	if (!chance(8)) {
		ASSERT_EQ(0, unload_module("dma_buf_stranger"));
		ASSERT_EQ(0, load_module("dma_buf_stranger", ""));
	}
	if (when == 0)
		ASSERT_EQ(0, signal_foreign(self->timeline, seqno, foreign));
	usleep(chance(5000));
	if (when == 1) {
		/* While the module goes. */
		pid_t child = fork();

		if (!child) {
			usleep(chance(20000));
			_exit(!!signal_foreign(self->timeline, seqno, foreign));
		}
		ASSERT_EQ(0, unload());
		ASSERT_EQ(child, waitpid(child, &place, 0));
		ASSERT_EQ(0, place);
	} else {
		ASSERT_EQ(0, unload());
	}
	for (int i = 0; i < count; i++) {
		int result = status(fences[i], driver);

		/*
		 * The proxy's target has the result of the foreign fence, if that was first. A job
		 * times out after three seconds, which a slow machine may take.
		 */
		EXPECT_TRUE(result == -ECANCELED || result == -EIO ||
			    (result == -ETIME && leave == LEAVE_JOB_QUEUE) ||
			    (result == 1 && leave == LEAVE_PROXY && when != 2)) {
			TH_LOG("left %u, fence %d: %d", leave, i, result);
		}
		EXPECT_STREQ("detached-driver", driver);
	}
	usleep(chance(2000));
	if (when == 2)
		ASSERT_EQ(0, signal_foreign(self->timeline, seqno, foreign));
	*self->is_over = 1;
	for (int i = 0; i < USERS; i++)
		ASSERT_EQ(users[i], waitpid(users[i], NULL, 0));

	/* All have signalled, so all callbacks of the driver in C have been called. */
	ASSERT_EQ(0, watched(callbacks));
	EXPECT_EQ(callbacks[0], callbacks[1]);
	EXPECT_EQ(0, callbacks[2]);
	for (int i = 0; i < count; i++)
		hold(self, fences[i]);
	hold(self, foreign);
	EXPECT_TRUE(is_as_it_was(self));
	ASSERT_TRUE(is_well());
}

TEST_F_TIMEOUT(rounds, of_a_modules_life, PATIENCE)
{
	uint32_t rounds = number_from("ROUNDS", ROUNDS);

	state = number_from("SEED", time(NULL)) | 1;
	TH_LOG("SEED=%u, %u rounds", state, rounds);
	for (uint32_t round = 0; round < rounds; round++) {
		a_round(_metadata, self);
		if (_metadata->exit_code == KSFT_FAIL) {
			TH_LOG("round %u", round);
			return;
		}
	}
	EXPECT_TRUE(stays_well());
}

TEST_HARNESS_MAIN
