#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kselftests.sh SECONDS PROGRAM...: in the guest, runs kselftests one after the
# other; KTAP, with the tests of each program as subtests. (The kernel's own
# runner wants tools that the guest does not have.) "PROGRAM PARAMETER=VALUE..." runs
# it with vfence loaded anew, with these parameters, which its environment has, too.
limit=$1
shift
echo "KTAP version 1"
echo "1..$#"
number=0
failed=0
for program; do
	number=$((number + 1))
	parameters=${program#"${program%% *}"}
	program=${program%% *}
	echo "  # Subtest: ${program##*/}"
	# shellcheck disable=SC2086 # they are several
	if [ "$parameters" ] && ! { rmmod vfence && insmod /lib/modules/vfence.ko $parameters; } 2>&1; then
		echo "not ok $number ${program##*/} # vfence does not load with$parameters"
		failed=1
		continue
	fi
	{
		# shellcheck disable=SC2086 # as above
		env $parameters timeout "$limit" "$program" 2>&1
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
