#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# misuse.sh CASE...: in the guest, commits misuses (selftests/lockdep/misuse) one after the
# other, and prints of each how that ended, and whether lockdep is on still.
insert() {
	[ -e "/sys/module/$1" ] || insmod "/$1.ko"
}

misuse() {
	insert dma_buf_rs && insert dma_buf_fixture &&
		insmod /dma_buf_misuse.ko what="$1" && rmmod dma_buf_misuse
}

for name; do
	echo "case $name"
	misuse "$name"
	echo "status $?"
	sed -n 's/^ *debug_locks: */debug_locks /p' /proc/lockdep_stats
done
