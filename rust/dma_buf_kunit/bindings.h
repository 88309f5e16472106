/* SPDX-License-Identifier: GPL-2.0 */

/* bindgen's input: the fixtures in C. bindings.params selects. */

#include "fixture/c/foreign.h"
#include "fixture/c/reclaim.h"
