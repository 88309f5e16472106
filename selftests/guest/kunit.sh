#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kunit.sh "MODULE [SUITES [PARAMETER=VALUE]...]"...: in the guest, loads KUnit
# modules one after the other and prints the results that KUnit keeps in debugfs,
# never what is in the log. SUITES is a pattern, KUnit's filter_glob: of suites, or
# suites.cases. With a minus before it these are not run, only looked up. With KEEP
# set, a module stays.
#
# A suite of the kernel's (dma-buf-x) must have had the same cases as ours through
# the Rust API (rust_dma_buf_x), and lockdep must still be on in the end.
#
# With TEST set, a pattern too, only the cases that it also matches are run, and no suites
# are compared. A module may then have none.
results=/sys/kernel/debug/kunit
kept=/tmp/kunit
mkdir -p $kept
# insmod waits for the tests, and in an emulated guest that may take a while.
[ ! -e /proc/sys/kernel/hung_task_timeout_secs ] ||
	echo 600 >/proc/sys/kernel/hung_task_timeout_secs

case ${TEST:=} in
'' | *.*) ;;
*) TEST="$TEST.*" ;;
esac

# shellcheck source=/dev/null # the kernel's
. /kselftest/ktap_helpers.sh

# result STATUS NAME
result() {
	if [ "$1" = 0 ]; then
		ktap_test_pass "$2"
	else
		ktap_test_fail "$2"
	fi
}

# finished: keeps the results of the suites that were not there in /tmp/before, and
# prints their names
finished() {
	for suite in "$results"/*; do
		suite=${suite##*/}
		[ -f $results/"$suite"/results ] || continue
		! grep -qxF "$suite" /tmp/before || continue
		cat $results/"$suite"/results >$kept/"$suite"
		echo "$suite"
	done
}

# look_up MODULE SUITES: which cases there are. KUnit skips all, as none is that slow, and
# has them in its results. By their module it cannot: those in Rust have no name of one.
look_up() {
	bad=0
	parameters=/sys/module/kunit/parameters
	ls $results >/tmp/before 2>/dev/null
	printf %s "$2" >$parameters/filter_glob || bad=1
	printf "speed<very_slow" >$parameters/filter || bad=1
	printf skip >$parameters/filter_action || bad=1
	insmod "$1" || bad=1
	finished >/tmp/finished
	[ -s /tmp/finished ] || bad=1
	rmmod "$(basename "$1" .ko)" || bad=1
	# Empty again: it takes a byte to write nothing.
	printf '\0' >$parameters/filter || bad=1
	printf '\0' >$parameters/filter_action || bad=1
	result $bad "looked up $2"
}

# narrowed SUITES: the pattern of what TEST matches, too. SUITES is *.* or one suite; it
# fails if TEST does not match that.
narrowed() {
	# shellcheck disable=SC2254 # it is a pattern
	case ${TEST:+$1} in
	'') echo "$1" ;;
	'*.*') echo "$TEST" ;;
	${TEST%%.*}) echo "$1.${TEST#*.}" ;;
	*) return 1 ;;
	esac
}

# run MODULE [SUITES [PARAMETER=VALUE]...]
run() {
	module=$1
	name=$(basename "$module" .ko)
	bad=0
	suites=0
	ls $results >/tmp/before 2>/dev/null
	pattern=$(narrowed "${2:-*.*}") || return 0
	printf %s "$pattern" >/sys/module/kunit/parameters/filter_glob || bad=1
	[ $# = 1 ] || shift
	shift

	echo "  KTAP version 1"
	echo "  # Subtest: $name"
	insmod "$module" "$@" || bad=1
	finished >/tmp/finished
	while read -r suite; do
		suites=$((suites + 1))
		# A document for each suite; its version and plan are ours to give.
		sed -e '1,/^1\.\.1$/d' -e "s/^ok [0-9]*/ok $suites/; s/^not ok [0-9]*/not ok $suites/" \
			-e 's/^/  /' $kept/"$suite"
		! grep -q '^not ok' $kept/"$suite" || bad=1
	done </tmp/finished
	echo "  1..$suites"
	# What a case that other threads take part in expected (ensure!) is only in the log.
	[ $bad = 0 ] || dmesg | sed -n "s/^.*\($name: line [0-9]*: expected \)/  # | \1/p" | tail -n 20
	total=$((total + suites))
	[ $suites -gt 0 ] || [ "$TEST" ] || bad=1
	[ "${KEEP:-}" ] || [ ! -e /sys/module/"$name" ] || rmmod "$name" || bad=1
	result $bad "$name"
}

# cases SUITE: their names
cases() {
	sed -nE 's/^    (not )?ok [0-9]+ ([^ ]+).*/\2/p' $kept/"$1"
}

# names MODULE [SUITES]...: of the cases that TEST could match, for scripts/ktap.awk
names() {
	(look_up "$1" "${2:-*.*}") >/dev/null
	while read -r suite; do
		cases "$suite" | sed "s/^/# TEST= leaves out $suite./"
	done </tmp/finished
}

# take WORDS: as the arguments are
take() {
	set -f # the pattern is KUnit's
	# shellcheck disable=SC2086 # a module, its suites, its parameters
	set -- $1
	set +f
	case ${2:-} in
	-*) [ "$TEST" ] || look_up "$1" "${2#-}" ;;
	*) if [ "$listing" ]; then names "$@"; else run "$@"; fi ;;
	esac
}

# parity RESULTS...: of suites of the kernel's
parity() {
	bad=0
	n=0
	echo "  # Subtest: parity"
	for suite; do
		suite=${suite##*/}
		ours=rust_$(echo "$suite" | tr - _)
		n=$((n + 1))
		[ ! -e $kept/"$ours" ] || cases "$ours" >/tmp/ours
		cases "$suite" >/tmp/theirs
		if [ -s /tmp/theirs ] && diff /tmp/theirs /tmp/ours >/tmp/diff 2>&1; then
			echo "  ok $n $ours has the $(wc -l </tmp/theirs) cases of $suite"
		else
			sed 's/^/  # /' /tmp/diff
			echo "  not ok $n $ours has the cases of $suite"
			bad=1
		fi
		rm -f /tmp/ours
	done
	echo "  1..$n"
	result $bad parity
}

ktap_print_header
total=0
listing=
for words; do
	take "$words"
done
[ -z "$TEST" ] || [ $total -gt 0 ] || listing=y
[ -z "$listing" ] || for words; do
	take "$words"
done
set -- $kept/dma-buf-*
[ ! -e "$1" ] || [ "$TEST" ] || parity "$@"
if [ -e /proc/lockdep_stats ] && [ $total -gt 0 ]; then
	grep -q 'debug_locks: *1$' /proc/lockdep_stats
	result $? "lockdep is still on"
fi
ktap_set_plan $((KTAP_TESTNO - 1))
ktap_finished
