/* SPDX-License-Identifier: GPL-2.0 */

/* bindgen's input: reclaim and MMU notifiers. bindings.params selects. */

#include "../../selftests/reclaim/reclaim.h"
