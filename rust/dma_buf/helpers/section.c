// SPDX-License-Identifier: GPL-2.0

#include <linux/bug.h>
#include <linux/debug_locks.h>
#include <linux/dma-fence.h>
#include <linux/preempt.h>

#include "helpers.h"

#ifdef CONFIG_LOCKDEP
/*
 * dma_fence_begin_signalling() returns true inside a section, a C one included. It
 * also does in atomic context, and once lockdep is off, when every lock counts as
 * held.
 *
 * "Once" is for each copy of this: one, or one for each module where helpers are
 * inlined into Rust, as bitcode.
 *
 * checkpatch: IN_ATOMIC: the annotation itself asks just that
 */
void dma_buf_rs_report_wait_in_section(void)
{
	bool open;

	if (!debug_locks || in_atomic())
		return;

	open = dma_fence_begin_signalling();
	dma_fence_end_signalling(open);
	WARN_ONCE(open, "waiting for a fence inside a signalling section\n");
}
EXPORT_SYMBOL_GPL(dma_buf_rs_report_wait_in_section);
#endif
