#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# containers.sh MODULE: in the guest, runs the KUnit suites of MODULE, and looks at
# what lockdep has recorded of the drivers' lock classes by then.
# The core releases a chain in one RCU section, and an emulated guest may take a while
# for 100 000 links.
stall=/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout
[ ! -e $stall ] || echo 300 >$stall
# Of some cases alone, lockdep's record has gaps.
[ -z "${TEST:-}" ] || exec sh /kunit.sh "$1"
# shellcheck source=selftests/guest/record.sh
. /record.sh

arrays='&dma_fence_array_lock_key'
chains='&dma_fence_chain_lock_key'

echo "KTAP version 1"
sh /kunit.sh "$1" >/tmp/output
status=$?
sed 's/^/  /' /tmp/output
result $status "the KUnit suites" </dev/null
record

looked_at "lockdep is on" lockdep_is_on
looked_at "an order that was made in a callback shows" \
	ordered "control outer" "control inner"
looked_at "one that was made in an operation shows" \
	ordered "control proxy" "control target"
looked_at "the reverse does not" unordered "control inner" "control outer"
looked_at "chains come before arrays" ordered "$chains" "$arrays"
for leaves in "driver of arrays" "driver of chains" "foreign fence"; do
	looked_at "arrays come before the leaves of the $leaves" ordered "$arrays" "$leaves"
	for others in "driver of arrays" "driver of chains" "foreign fence" "$arrays" "$chains"; do
		[ "$leaves" = "$others" ] ||
			looked_at "no order of the leaves of the $leaves before $others" \
				unordered "$leaves" "$others"
	done
done
echo "1..$number"
exit $failed
