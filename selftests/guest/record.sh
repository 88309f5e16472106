# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# For scripts in the guest that print KTAP and look at what lockdep has recorded.
# shellcheck source=/dev/null # the kernel's
. /kselftest/ktap_helpers.sh

# result STATUS NAME, with what there is to say on stdin
result() {
	sed 's/^/# /'
	if [ "$1" -eq 0 ]; then
		ktap_test_pass "$2"
	else
		ktap_test_fail "$2"
	fi
}

# finish: all results are there
finish() {
	ktap_set_plan $((KTAP_TESTNO - 1))
	ktap_finished
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
		ktap_test_skip "$name (this kernel has no lockdep)"
		return
	fi
	case " $* " in
	*" $notifier "*)
		if ! grep -q " __$notifier\$" /proc/kallsyms; then
			ktap_test_skip "$name (this kernel has no MMU notifiers)"
			return
		fi
		;;
	esac
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

section=dma_fence_map
resv=reservation_ww_class_mutex
reclaim=fs_reclaim
notifier=mmu_notifier_invalidate_range_start
user='&mm->mmap_lock'

# controls: what is looked for later would be seen
controls() {
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
	looked_at "the reverse of that does not" unordered "control inner" "control outer"
	looked_at "one that was made in an operation shows" \
		ordered "control proxy" "control target"
	looked_at "a wait in a section of another domain shows" \
		waited ordered "control outer domain" "control inner domain"
	looked_at "one by way of a third shows" waited ordered "control before resv" "$reclaim"
	looked_at "a section in another domain's is none" \
		waited unordered "control one domain" "control other domain"
	looked_at "nor is it the other way round" \
		waited unordered "control other domain" "control one domain"
}

# harmless FIRST...: none of these is held where a driver may wait for fences
harmless() {
	for first; do
		for second in "$resv" reservation_ww_class_acquire "$reclaim" "$notifier" "$user"; do
			looked_at "no order of $first before $second" unordered "$first" "$second"
		done
	done
}
