#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# misuse.sh CASE: in the guest, commits one misuse (selftests/lockdep/misuse), and prints
# how that ended, and whether lockdep is on still. vfence::WORD is the device's.
misuse() {
	insmod /dma_buf_rs.ko || return
	case $1 in
	vfence::*)
		insmod /vfence_misuse.ko || return
		echo "${1#vfence::}" >/sys/kernel/debug/vfence/misbehave || return
		/vfencectl create A : submit A as a : wait a : expect a signalled || return
		rmmod vfence_misuse
		;;
	*)
		insmod /dma_buf_foreign.ko && insmod /dma_buf_misuse.ko what="$1" && rmmod dma_buf_misuse
		;;
	esac
}

misuse "$1"
echo "status $?"
sed -n 's/^ *debug_locks: */debug_locks /p' /proc/lockdep_stats
