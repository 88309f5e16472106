// SPDX-License-Identifier: GPL-2.0

#include <linux/spinlock.h>

#include "helpers.h"

unsigned long dma_buf_rs_spin_lock_irqsave(spinlock_t *lock)
{
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	return flags;
}
EXPORT_SYMBOL_GPL(dma_buf_rs_spin_lock_irqsave);

void dma_buf_rs_spin_unlock_irqrestore(spinlock_t *lock, unsigned long flags)
{
	spin_unlock_irqrestore(lock, flags);
}
EXPORT_SYMBOL_GPL(dma_buf_rs_spin_unlock_irqrestore);
