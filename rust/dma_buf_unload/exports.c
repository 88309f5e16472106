// SPDX-License-Identifier: GPL-2.0

/*
 * Exports the Rust symbols of the dma_buf_unload crate to dma_buf_orphan; the list
 * is made by ../crate.mk from the crate's object.
 *
 * checkpatch: EXPORT_SYMBOL,MACRO_ARG_REUSE: what is exported is not C
 */

#include <linux/export.h>

#define EXPORT_SYMBOL_RUST_GPL(sym) extern int sym; EXPORT_SYMBOL_GPL(sym)

#include "exports_generated.h"
