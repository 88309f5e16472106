#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# sw-sync.sh: in the guest, runs the kernel's sync_test on vfence, in sw_sync's
# place, and then on sw_sync; KTAP, with the tests of each as subtests.
#
# That it ran on the one and on the other shows in the kernel's taint: to create a
# fence on sw_sync sets that of a soft lockup (which qemu/vm finds in the log, where
# it is one).
# shellcheck source=/dev/null # the kernel's
. /kselftest/ktap_helpers.sh

place=/sys/kernel/debug/sync/sw_sync

# sw_sync_was_used: since the guest booted
sw_sync_was_used() {
	[ $(($(cat /proc/sys/kernel/tainted) >> 14 & 1)) = 1 ]
}

# run DEVICE: its ten tests, all of which must pass
run() {
	echo "  # Subtest: $1"
	{
		/sync_test 2>&1
		echo $? >/tmp/status
	} | tee /tmp/out | while IFS= read -r line; do
		printf '  %s\n' "$line"
	done
	read -r status </tmp/status
	[ "$status" = 0 ] && grep -q '^# Totals: pass:10 fail:0 xfail:0 xpass:0 skip:0 ' /tmp/out
}

# result STATUS NAME
result() {
	if [ "$1" = 0 ]; then
		ktap_test_pass "$2"
	else
		ktap_test_fail "$2"
	fi
}

ktap_print_header
ktap_set_plan 2

mount --bind /dev/vfence $place && run vfence && umount $place && ! sw_sync_was_used
result $? vfence

run sw_sync && sw_sync_was_used
result $? sw_sync
ktap_finished
