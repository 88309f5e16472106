/* SPDX-License-Identifier: GPL-2.0 */

/* bindgen's input: the parameter, and the foreign driver. bindings.params selects. */

#include "../dma_buf_kunit/fixture/c/foreign.h"
#include "what.h"
