#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# orders.sh MODULE [WORDS]...: in the guest, runs the KUnit suites of MODULE, and looks at
# what lockdep has recorded by then: of containers and the fences in them, and of
# reservation objects, reclaim, user memory, and what signals fences. Then it runs the
# suites of others, as kunit.sh takes them.
# Of some cases alone, lockdep's record has gaps.
[ -z "${TEST:-}" ] || exec sh /kunit.sh "$@"
# shellcheck source=selftests/guest/record.sh
. /record.sh

arrays='&dma_fence_array_lock_key'
chains='&dma_fence_chain_lock_key'

# run NAME WORDS...: the suites that these are
run() {
	suites=$1
	shift
	sh /kunit.sh "$@" >/tmp/output
	status=$?
	sed 's/^/  /' /tmp/output
	result $status "$suites" </dev/null
}

ktap_print_header
# Lockdep forgets the locks of a module that goes.
KEEP=y run "the library's suites" "$1"
record
rmmod "$(basename "$1" .ko)" >/tmp/said 2>&1
result $? "the module goes" </tmp/said
shift
[ $# = 0 ] || run "the kernel's suites" "$@"

controls
looked_at "chains come before arrays" ordered "$chains" "$arrays"
for leaves in "driver of arrays" "driver of chains" "foreign fence"; do
	looked_at "arrays come before the leaves of the $leaves" ordered "$arrays" "$leaves"
	for others in "driver of arrays" "driver of chains" "foreign fence" "$arrays" "$chains"; do
		[ "$leaves" = "$others" ] ||
			looked_at "no order of the leaves of the $leaves before $others" \
				unordered "$leaves" "$others"
	done
done
harmless "$section" "resv fence"
finish
