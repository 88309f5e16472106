// SPDX-License-Identifier: GPL-2.0

/*
 * All helpers once more, to be linked as bitcode with each Rust object that may
 * call them, where the kernel does so with its own (../../crate.mk). They are
 * always inlined, since LLVM would not do it by itself: Rust's functions and
 * clang's have attributes that differ.
 *
 * checkpatch: PREFER_DEFINED_ATTRIBUTE_MACRO: the pragma takes no macro
 */

/* Sizes that a helper is given are constants in most places it is inlined in. */
#define DMA_BUF_RS_BITCODE

#include "helpers.h"

/* The other objects of the helpers export them. */
#undef EXPORT_SYMBOL_GPL
#define EXPORT_SYMBOL_GPL(sym)

#pragma clang attribute push(__attribute__((always_inline)), apply_to = function)

#include "dma-buf.c"
#include "dma-fence.c"
#include "dma-resv.c"
#include "drm.c"
#include "irq_work.c"
#include "irqflags.c"
#include "kmemleak.c"
#include "list.c"
#include "lockdep.c"
#include "module.c"
#include "preempt.c"
#include "section.c"
#include "slab.c"
#include "ww_mutex.c"

#pragma clang attribute pop
