#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# resv.sh MODULE [PARAMETER=VALUE]...: in the guest, runs the KUnit suites of MODULE,
# and looks at what lockdep has recorded by then of reservation objects, reclaim, user
# memory, and what signals fences.
# shellcheck source=selftests/guest/record.sh
. /record.sh

module=$1
shift
# Of some cases alone, lockdep's record has gaps.
[ -z "${TEST:-}" ] || exec sh /kunit.sh "$module *.* $*"
section=dma_fence_map
resv=reservation_ww_class_mutex
reclaim=fs_reclaim
notifier=mmu_notifier_invalidate_range_start
user='&mm->mmap_lock'

echo "KTAP version 1"
# Lockdep forgets the locks of a module that goes.
KEEP=y sh /kunit.sh "$module *.* $*" >/tmp/output
status=$?
sed 's/^/  /' /tmp/output
result $status "the KUnit suites" </dev/null
record
rmmod "$(basename "$module" .ko)" >/tmp/said 2>&1
result $? "the module goes" </tmp/said

looked_at "lockdep is on" lockdep_is_on
# Waits are in the record since the kernel booted, but nothing else does this.
looked_at "a reservation object tried in reclaim shows" ordered "$reclaim" "$resv"
looked_at "one tried in an MMU notifier shows" ordered "$notifier" "$resv"

looked_at "an order that was made before a reservation object shows" \
	ordered "control before resv" "$resv"
looked_at "one before reclaim shows" ordered "control before reclaim" "$reclaim"
looked_at "one before user memory shows" ordered "control before mmap" "$user"
looked_at "the reverse does not" unordered "$reclaim" "control before reclaim"
looked_at "one that was made in a section shows" ordered "$section" "control in section"
looked_at "one that was made in a callback shows" ordered "control outer" "control inner"

for first in "$section" "resv fence"; do
	for second in "$resv" reservation_ww_class_acquire "$reclaim" "$notifier" "$user"; do
		looked_at "no order of $first before $second" unordered "$first" "$second"
	done
done
echo "1..$number"
exit $failed
