#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kselftests.sh SECONDS PROGRAM...: in the guest, runs kselftests one after the
# other; KTAP, with the tests of each program as subtests. (The kernel's own runner
# makes comments of those, and they would not be counted.) "PROGRAM PARAMETER=VALUE..."
# runs it with vfence loaded anew, with these parameters, which its environment has, too.
#
# With TEST set, only the tests whose names that pattern matches, as they are in the
# results: FIXTURE.TEST or FIXTURE.VARIANT.TEST. A script is one test, by its own name.
limit=$1
shift

# tests PROGRAM: the names of its tests. The harness lists fixtures, each with its
# variants in the second column and its tests in the third, all of which combine.
tests() {
	case $1 in
	*.sh)
		echo "${1##*/}"
		return
		;;
	esac
	"$1" -l 2>&1 | awk '
		function combine(    v, t) {
			for (v = variants ? 1 : 0; v <= variants; v++)
				for (t = 1; t <= tests; t++)
					print fixture "." (v ? variant[v] "." : "") test[t]
			variants = tests = 0
		}
		{ first = substr($0, 1, 20); second = substr($0, 22, 25); third = substr($0, 48) }
		NR == 1 { next }
		/^-+$/ { combine(); next }
		first ~ /[^ ]/ { fixture = first; sub(/ +$/, "", fixture) }
		second ~ /[^ ]/ { sub(/ +$/, "", second); variant[++variants] = second }
		third != "" { test[++tests] = third }
		END { combine() }'
}

# chosen PROGRAM: its arguments, for the tests that TEST matches
chosen() {
	[ -z "${TEST:-}" ] || tests "$1" | while read -r name; do
		# shellcheck disable=SC2254 # it is a pattern
		case $name in
		$TEST) printf ' -r %s' "$name" ;;
		esac
	done
}

echo "KTAP version 1"
number=0
failed=0
for program; do
	parameters=${program#"${program%% *}"}
	program=${program%% *}
	choice=$(chosen "$program")
	[ -z "${TEST:-}" ] || [ "$choice" ] || continue
	number=$((number + 1))
	echo "  # Subtest: ${program##*/}"
	# shellcheck disable=SC2086 # they are several
	if [ "$parameters" ] && ! { rmmod vfence && insmod /lib/modules/vfence.ko $parameters; } 2>&1; then
		echo "not ok $number ${program##*/} # vfence does not load with$parameters"
		failed=1
		continue
	fi
	{
		# shellcheck disable=SC2086 # as above
		env $parameters timeout "$limit" "$program" $choice 2>&1
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
echo "1..$number"
exit $failed
