/* SPDX-License-Identifier: GPL-2.0 */

/*
 * bindgen's input: the foreign driver, reclaim and MMU notifiers. bindings.params
 * selects.
 */

#include "../../selftests/containers/foreign.h"
#include "../../selftests/reclaim/reclaim.h"
