#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# cycle.sh TIMES: in the guest, loads the modules, uses them, and unloads them, so
# many times. "Use" are tests that leave fences behind: pending when the device
# is closed, and in merged files that outlive it.

# shellcheck source=/dev/null # the kernel's
. /kselftest/ktap_helpers.sh
vfence=/vfence

# one PROGRAM TEST: exactly this test ran and passed
one() {
	if ! "$1" -t "$2" >/tmp/out 2>&1 || ! grep -q '^# PASSED: 1 / 1 ' /tmp/out; then
		cat /tmp/out
		return 1
	fi
}

once() {
	# The bound is above what either test takes.
	insmod /lib/modules/dma_buf_rs.ko && insmod /lib/modules/vfence.ko bound_ms=3600000 || return
	one $vfence/vfence_jobs close_completes_what_is_pending || return
	one $vfence/vfence_files merge_outlives_its_parts || return
	rmmod vfence && rmmod dma_buf_rs && [ ! -e /dev/vfence ]
}

ktap_print_header
ktap_set_plan 1
i=0
while [ $i -lt "$1" ]; do
	i=$((i + 1))
	once 2>&1 && continue
	ktap_test_fail "load, use and unload $1 times # the $i. time"
	ktap_finished
done
ktap_test_pass "load, use and unload $1 times"
ktap_finished
