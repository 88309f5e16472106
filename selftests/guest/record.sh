# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# For scripts in the guest that print KTAP and look at what lockdep has recorded.
number=0
failed=0

# result STATUS NAME, with what there is to say on stdin
result() {
	number=$((number + 1))
	sed 's/^/# /'
	if [ "$1" -eq 0 ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		# shellcheck disable=SC2034 # for the exit of whoever reads this
		failed=1
	fi
}

# record: keeps what lockdep knows by now
record() {
	[ -e /proc/lockdep ] || return 0
	awk -v digest=1 -f /lockdep.awk /proc/lockdep /proc/lockdep_chains >/tmp/lockdep
	awk -v digest=1 -v waited=1 -f /lockdep.awk /proc/lockdep /proc/lockdep_chains \
		>/tmp/lockdep.waited
}

# looked_at NAME COMMAND...: COMMAND says whether it is as NAME has it
looked_at() {
	name=$1
	shift
	if [ ! -e /proc/lockdep ]; then
		number=$((number + 1))
		echo "ok $number - $name # SKIP this kernel has no lockdep"
		return
	fi
	"$@" >/tmp/said 2>&1
	result $? "$name" </tmp/said
}

lockdep_is_on() {
	grep -q '^ *debug_locks: *1$' /proc/lockdep_stats
}

ordered() {
	awk -v from="$1" -v to="$2" -f /lockdep.awk "${graph:-/tmp/lockdep}"
}

# With 1 there is no way from the one to the other; 2 is another matter.
unordered() {
	ordered "$1" "$2"
	[ $? -eq 1 ]
}

# waited COMMAND...: of what was waited for, not tried
waited() {
	graph=/tmp/lockdep.waited
	"$@"
	set -- $?
	graph=
	return "$1"
}
