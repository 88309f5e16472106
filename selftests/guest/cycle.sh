#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# cycle.sh TIMES: in the guest, loads the modules, uses them, and unloads them, so
# many times. "Use" are tests that leave fences behind: pending when the device
# is closed, and in merged files that outlive it.

# one PROGRAM TEST: exactly this test ran and passed
one() {
	if ! "$1" -t "$2" >/tmp/out 2>&1 || ! grep -q '^# PASSED: 1 / 1 ' /tmp/out; then
		cat /tmp/out
		return 1
	fi
}

once() {
	# The bound is above what either test takes.
	insmod /dma_buf_rs.ko && insmod /vfence.ko bound_ms=3600000 || return
	one /vfence_jobs close_completes_what_is_pending || return
	one /vfence_files merge_outlives_its_parts || return
	rmmod vfence && rmmod dma_buf_rs && [ ! -e /dev/vfence ]
}

echo "KTAP version 1"
echo "1..1"
i=0
while [ $i -lt "$1" ]; do
	i=$((i + 1))
	once 2>&1 && continue
	echo "not ok 1 load, use and unload $1 times # the $i. time"
	exit 1
done
echo "ok 1 load, use and unload $1 times"
