#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kselftests.sh SECONDS PROGRAM...: in the guest, runs kselftests one after the
# other; KTAP, with the tests of each program as subtests. (The kernel's own runner
# makes comments of those, and they would not be counted.) "PROGRAM PARAMETER=VALUE..."
# runs it with vfence, or MODULE=, loaded anew, with these parameters, which its environment
# has, too.
#
# Modules that they load are in /lib/modules.
#
# With TEST set, only the tests whose names that pattern matches, as they are in the
# results: FIXTURE.TEST or FIXTURE.VARIANT.TEST. A script is one test, by its own name.
# shellcheck source=/dev/null # the kernel's
. "${KTAP_HELPERS:-/kselftest/ktap_helpers.sh}"

limit=$1
shift
export DMA_BUF_MODULES=/lib/modules
module=${MODULE:-vfence}

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

ktap_print_header
for program; do
	parameters=${program#"${program%% *}"}
	program=${program%% *}
	choice=$(chosen "$program")
	[ -z "${TEST:-}" ] || [ "$choice" ] || continue
	echo "  # Subtest: ${program##*/}"
	# shellcheck disable=SC2086 # they are several
	if [ "$parameters" ] && ! { rmmod "$module" && insmod "/lib/modules/$module.ko" $parameters; } 2>&1; then
		ktap_test_fail "${program##*/} # $module does not load with$parameters"
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
	0) ktap_test_pass "${program##*/}" ;;
	4) ktap_test_skip "${program##*/}" ;;
	143) ktap_test_fail "${program##*/} # not done after $limit s" ;;
	*) ktap_test_fail "${program##*/} # status $status" ;;
	esac
done
# For scripts/ktap.awk.
[ "$KTAP_TESTNO" -gt 1 ] || for program; do
	tests "${program%% *}" | sed 's/^/# TEST= leaves out /'
done
ktap_set_plan $((KTAP_TESTNO - 1))
ktap_finished
