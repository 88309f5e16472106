#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kselftests.sh SECONDS PROGRAM...: in the guest, runs kselftests one after the
# other; KTAP, with the tests of each program as subtests. (The kernel's own
# runner wants tools that the guest does not have.)
limit=$1
shift
echo "KTAP version 1"
echo "1..$#"
number=0
failed=0
for program; do
	number=$((number + 1))
	echo "  # Subtest: ${program##*/}"
	{
		timeout "$limit" "$program" 2>&1
		echo $? >/tmp/status
	} | while IFS= read -r line; do
		printf '  %s\n' "$line"
	done
	read -r status </tmp/status
	case $status in
	0) echo "ok $number ${program##*/}" ;;
	4) echo "ok $number ${program##*/} # SKIP" ;;
	143) echo "not ok $number ${program##*/} # not done after $limit s" ;;
	*) echo "not ok $number ${program##*/} # status $status" ;;
	esac
	[ "$status" = 0 ] || [ "$status" = 4 ] || failed=1
done
exit $failed
