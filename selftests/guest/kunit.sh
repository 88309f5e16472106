#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kunit.sh MODULE...: in the guest, loads KUnit modules one after the other and
# prints the results that KUnit keeps in debugfs, never what is in the log.
results=/sys/kernel/debug/kunit
# insmod waits for the tests, and in an emulated guest that may take a while.
[ ! -e /proc/sys/kernel/hung_task_timeout_secs ] ||
	echo 600 >/proc/sys/kernel/hung_task_timeout_secs
echo "KTAP version 1"
echo "1..$#"
number=0
failed=0
for module; do
	number=$((number + 1))
	name=$(basename "$module" .ko)
	verdict=ok
	ls $results >/tmp/before 2>/dev/null
	echo "  KTAP version 1"
	echo "  # Subtest: $name"
	if insmod "$module"; then
		suites=0
		for suite in "$results"/*; do
			[ -f "$suite/results" ] || continue
			! grep -qxF "${suite##*/}" /tmp/before || continue
			suites=$((suites + 1))
			# A document for each suite; its version and plan are ours to give.
			sed -e '1,/^1\.\.1$/d' -e "s/^ok [0-9]*/ok $suites/; s/^not ok [0-9]*/not ok $suites/" \
				-e 's/^/  /' "$suite/results"
			! grep -q '^not ok' "$suite/results" || verdict="not ok"
		done
		echo "  1..$suites"
		[ $suites -gt 0 ] || verdict="not ok"
		rmmod "$name" || verdict="not ok"
	else
		verdict="not ok"
		echo "  1..0"
	fi
	echo "$verdict $number $name"
	[ "$verdict" = ok ] || failed=1
done
exit $failed
