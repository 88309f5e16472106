#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# misuse.sh CASE...: in the guest, commits misuses (selftests/lockdep/misuse) one after the
# other, and prints of each how that ended, and whether lockdep is on still. vfence::WORD is
# the device's.
insert() {
	[ -e "/sys/module/$1" ] || insmod "/$1.ko"
}

misuse() {
	insert dma_buf_rs || return
	case $1 in
	vfence::*)
		insert vfence_misuse || return
		echo "${1#vfence::}" >/sys/kernel/debug/vfence_misuse/misbehave || return
		/vfencectl create A : submit A as a : wait a : expect a signalled || return
		rmmod vfence_misuse
		;;
	*)
		insert dma_buf_foreign && insmod /dma_buf_misuse.ko what="$1" && rmmod dma_buf_misuse
		;;
	esac
}

for name; do
	echo "case $name"
	misuse "$name"
	echo "status $?"
	sed -n 's/^ *debug_locks: */debug_locks /p' /proc/lockdep_stats
done
