/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DMA_BUF_MISUSE_WHAT_H
#define DMA_BUF_MISUSE_WHAT_H

/* The name of the case to run. */
const char *misuse_what(void);

#endif
