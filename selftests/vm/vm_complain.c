// SPDX-License-Identifier: GPL-2.0
/*
 * Makes the kernel complain, each time in one of the ways that qemu/vm must
 * notice: insmod vm_complain.ko what=warn. For its self-tests only, and for what
 * the kernel's own lkdtm does not do, or only without an end.
 */
#define pr_fmt(fmt) fmt	/* reports begin at the start of a line, and so does "talk" */

#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>

static char *what = "";
module_param(what, charp, 0444);
MODULE_PARM_DESC(what, "which complaint to provoke");

static DEFINE_MUTEX(mutex_a);
static DEFINE_MUTEX(mutex_b);
static DEFINE_SPINLOCK(spin_a);

/* What is no complaint, though it resembles one; from the kernel itself. */
static void talk(void)
{
	pr_warn("WARNING: the tea is getting cold\n");
	pr_info("INFO: task at hand is blocked\n");
	pr_info("this is no BUG: at all, nor a WARNING: CPU: 0 PID: 1 at anything\n");
}

static void circular(void)
{
	mutex_lock(&mutex_a);
	mutex_lock(&mutex_b);
	mutex_unlock(&mutex_b);
	mutex_unlock(&mutex_a);
	mutex_lock(&mutex_b);
	mutex_lock(&mutex_a);
	mutex_unlock(&mutex_a);
	mutex_unlock(&mutex_b);
}

static void recursive(void)
{
	struct lock_class_key *key = kzalloc(sizeof(*key), GFP_KERNEL);
	struct lockdep_map m[2];

	if (!key)
		return;
	lockdep_register_key(key);
	lockdep_init_map(&m[0], "vm_complain", key, 0);
	lockdep_init_map(&m[1], "vm_complain", key, 0);
	lock_map_acquire(&m[0]);
	lock_map_acquire(&m[1]);
	lock_map_release(&m[1]);
	lock_map_release(&m[0]);
	lockdep_unregister_key(key);
	kfree(key);
}

static void balance(void)
{
	spin_acquire(&spin_a.dep_map, 0, 0, _RET_IP_);
	spin_release(&spin_a.dep_map, _RET_IP_);
	spin_release(&spin_a.dep_map, _RET_IP_);
}

static void rcu(void)
{
	static int __rcu *p;

	(void)rcu_dereference(p);
}

static void sleep(void)
{
	spin_lock(&spin_a);
	might_sleep();
	spin_unlock(&spin_a);
}

static void atomic(void)
{
	preempt_disable();
	schedule_timeout_interruptible(1);
	preempt_enable();
}

static void spin_for(unsigned int seconds)
{
	unsigned long end = jiffies + seconds * HZ;

	while (time_before(jiffies, end))
		cpu_relax();
}

/* Twice kernel.watchdog_thresh must pass. */
static void softlockup(void)
{
	preempt_disable();
	spin_for(12);
	preempt_enable();
}

static void nothing_rcu(struct rcu_head *head)
{
}

/* rcu_cpu_stall_timeout must pass, and somebody must want a grace period. */
static void stall(void)
{
	static struct rcu_head head;

	rcu_read_lock();
	call_rcu_hurry(&head, nothing_rcu);
	spin_for(12);
	rcu_read_unlock();
	rcu_barrier();
}

/* kernel.hung_task_timeout_secs must pass, twice to be sure. */
static void hung(void)
{
	schedule_timeout_uninterruptible(12 * HZ);
}

static void nothing(struct timer_list *t)
{
}

static void odebug(void)
{
	struct timer_list *t = kzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return;
	timer_setup(t, nothing, 0);
	mod_timer(t, jiffies + 1000 * HZ);
	kfree(t);
}

/* As many as there are, and one more. */
static void all_pages(gfp_t gfp)
{
	LIST_HEAD(all);
	struct page *page, *next;

	while ((page = alloc_pages(gfp, MAX_PAGE_ORDER)))
		list_add(&page->lru, &all);
	list_for_each_entry_safe(page, next, &all, lru)
		__free_pages(page, MAX_PAGE_ORDER);
}

static void pages(void)
{
	all_pages(GFP_ATOMIC);
}

static void pages_nowarn(void)
{
	all_pages(GFP_ATOMIC | __GFP_NOWARN);
}

/* A kernel with kmemleak. Several: a stale register may hide one. */
static void leak(void)
{
	for (int i = 0; i < 16; i++)
		strscpy(kmalloc(96, GFP_KERNEL), "leaked by vm_complain", 96);
}

/*
 * Last here, and last in kinds, from which clang takes the order: the tools that find files
 * and lines take an address in .text for the same one in .init.text, if that is as long.
 * On arm64 a trap gets the line of the instruction before it. The assignment is one that
 * is in the same line.
 */
static void warn(void)
{
	WARN_ON((what = ""));
}

static const struct {
	const char *name;
	void (*fn)(void);
} kinds[] = {
	{ "talk", talk }, { "circular", circular },
	{ "recursive", recursive }, { "balance", balance }, { "rcu", rcu }, { "sleep", sleep },
	{ "atomic", atomic }, { "softlockup", softlockup }, { "stall", stall },
	{ "hung", hung }, { "odebug", odebug }, { "pages", pages },
	{ "pages_nowarn", pages_nowarn }, { "leak", leak }, { "warn", warn },
};

static int __init vm_complain_init(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].name, what))
			continue;
		kinds[i].fn();
		return 0;
	}
	return -EINVAL;
}
module_init(vm_complain_init);

static void __exit vm_complain_exit(void)
{
}
module_exit(vm_complain_exit);

MODULE_DESCRIPTION("Makes the kernel complain");
MODULE_LICENSE("GPL");
