#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# fault.sh SECONDS: in the guest, has allocations fail in the library's calls (KUnit) and in the
# device's (kselftest). Two documents of KTAP become one.
for attribute in failslab/ignore-gfp-wait fail_page_alloc/ignore-gfp-wait; do
	[ ! -e /sys/kernel/debug/$attribute ] || echo N >/sys/kernel/debug/$attribute
done
failed=0
# part NAME COMMAND...
part() {
	number=$((number + 1))
	name=$1
	shift
	echo "  # Subtest: $name"
	{
		"$@"
		echo $? >/tmp/part
	} | sed 's/^/  /'
	read -r status </tmp/part
	if [ "$status" = 0 ]; then
		echo "ok $number $name"
	else
		echo "not ok $number $name"
		failed=1
	fi
}

echo "KTAP version 1"
echo "1..2"
seconds=$1
number=0
part library sh /kunit.sh "/lib/modules/dma_buf_kunit.ko rust_dma_buf_fault.*"
part device sh /kselftests.sh "$seconds" /vfence/vfence_fault
exit $failed
