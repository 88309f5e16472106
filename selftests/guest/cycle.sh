#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# cycle.sh TIMES COMMAND...: in the guest, loads the modules, runs COMMAND, and
# unloads them, so many times.
times=$1
shift

once() {
	insmod /dma_buf_rs.ko && insmod /vfence.ko || return
	"$@" >/tmp/out 2>&1 || { cat /tmp/out && return 1; }
	rmmod vfence && rmmod dma_buf_rs && [ ! -e /dev/vfence ]
}

echo "KTAP version 1"
echo "1..1"
i=0
while [ $i -lt "$times" ]; do
	i=$((i + 1))
	once "$@" 2>&1 && continue
	echo "not ok 1 load, use and unload $times times # at the $i. time"
	exit 1
done
echo "ok 1 load, use and unload $times times"
