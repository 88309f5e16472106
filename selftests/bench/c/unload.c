// SPDX-License-Identifier: GPL-2.0

/*
 * What a module that does not use the library pays for it when it goes. The library's
 * notifier is called for such a module, which is made up, with contexts of others and
 * without.
 */

#include <linux/kallsyms.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/seq_file.h>
#include <linux/sort.h>
#include <linux/sysfs.h>
#include <linux/timekeeping.h>

#include "bench.h"

/* arg: how many contexts? */
BENCH_RUST(contexts);

#define CONTEXTS 10000
#define CALLS 20

static struct module other = { .name = "other", .state = MODULE_STATE_GOING };

/* The least that a notifier can do to tell which modules are of interest. */
static int c_notify(struct notifier_block *block, unsigned long state, void *data)
{
	struct module *module = data;
	struct kernfs_node *node;

	if (state != MODULE_STATE_GOING)
		return NOTIFY_DONE;
	node = sysfs_get_dirent(THIS_MODULE->holders_dir->sd, module->name);
	sysfs_put(node);
	return NOTIFY_DONE;
}

/* Comes before all others, so that these can be found. */
static struct notifier_block first = { .notifier_call = c_notify, .priority = INT_MAX };

static struct notifier_block *library_notifier(void)
{
	static char symbol[KSYM_SYMBOL_LEN];
	struct notifier_block *block;

	/* No module is loaded or unloaded meanwhile. */
	for (block = first.next; block; block = block->next) {
		snprintf(symbol, sizeof(symbol), "%ps", block->notifier_call);
		if (strstr(symbol, "[dma_buf_rs]"))
			return block;
	}
	return NULL;
}

/* What a call costs, in hundredths, if nothing comes in between. */
static u64 cost(struct notifier_block *block)
{
	u64 least = U64_MAX;
	u32 i;

	for (i = 0; i < CALLS; i++) {
		u64 start = ktime_get_ns();

		block->notifier_call(block, MODULE_STATE_GOING, &other);
		least = min(least, ktime_get_ns() - start);
	}
	return 100 * least;
}

static const struct bench_row rows[] = {
	{ "unload another module", .n = 1, .goal = "1.15", .reason = "a call more" },
	{ "unload another module, " __stringify(CONTEXTS) " contexts, to 0", .n = 1,
	  .goal = "1.00" },
};

int bench_unload_show(struct seq_file *seq)
{
	struct notifier_block *library;
	/* of C, of Rust without contexts, and with them */
	u64 costs[3];
	void *contexts;
	int ret;

	if (!bench_wanted(&rows[0]) && !bench_wanted(&rows[1]))
		return 0;
	ret = register_module_notifier(&first);
	if (ret)
		return ret;
	ret = -ENOENT;
	library = library_notifier();
	if (!library)
		goto out;

	costs[0] = cost(&first);
	costs[1] = cost(library);
	ret = -ENOMEM;
	contexts = bench_rust_contexts.prepare(1, CONTEXTS);
	if (!contexts)
		goto out;
	costs[2] = cost(library);
	bench_rust_contexts.finish(contexts);

	bench_print(seq, &rows[0], &costs[0]);
	bench_print(seq, &rows[1], &costs[1]);
	ret = 0;
out:
	unregister_module_notifier(&first);
	return ret;
}
