# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154,SC2016 # $ is the guest's; a part of selftests/suites/vm
# What is a complaint of the kernel, and what only looks like one.

complaints_any() {
	check "a quiet kernel" 0 '' -- true
	check "not: the kernel talking of warnings and bugs" 0 '' \
		--file "$ko" -- insmod /vm_complain.ko what=talk
	complains warn "WARNING: vm_complain.c:"
}

complaints_memory() {
	crashes READ_AFTER_FREE "BUG: KASAN: slab-use-after-free in lkdtm_READ_AFTER_FREE"
	check "--leaks on a kernel without kmemleak" 69 "takes a kernel with CONFIG_DEBUG_KMEMLEAK" \
		--leaks -- true
}

complaints_expected() {
	check "not: a command writing WARN to the log" 0 '' -- sh -c 'echo WARN > /dev/kmsg'
	check "not: a command writing whole headlines to the log" 0 '' -- sh -c '
		for t in "------------[ cut here ]------------" \
			"WARNING: CPU: 0 PID: 1 at foo" "WARNING: a.c:1 at b+0x0/0x10, CPU#0: c/1" \
			"WARNING: possible recursive locking detected" "BUG: KASAN: slab-out-of-bounds in x" \
			"Oops: 0002 [#1] SMP" "Kernel panic - not syncing: x"; do
			echo "$t" > /dev/kmsg
			echo "<0>$t" > /dev/kmsg
		done'
	check "not: a command that is named like a complaint and crashes" 0 '' -- sh -c '
		printf "#!/bin/sh\nf() { f; }\nf\n" > "/bin/BUG: x"
		chmod +x "/bin/BUG: x"
		echo 1 > /proc/sys/debug/exception-trace
		"BUG: x"
		dmesg | grep -E "BUG: x.*: (segfault at|unhandled exception)"'

	crashes WARNING_MESSAGE "WARNING: drivers/misc/lkdtm/bugs.c:" --raw
	crashes BUG "kernel BUG at drivers/misc/lkdtm/bugs.c:" --raw
	crashes EXCEPTION "$NULL_REPORT" --raw
	crashes PANIC "Kernel panic - not syncing: dumptest" --raw
	complains pages "insmod: page allocation failure: order:"
	is "... with all of its report, and no more" ends_in "pages reserved"
	check "not: a page allocation that was to fail without a word" 0 '' \
		--file "$ko" -- insmod /vm_complain.ko what=pages_nowarn
	check "a complaint while a module loads" 126 "WARNING: vm_complain.c:" \
		--module "$ko what=warn" -- true
	check "a complaint and a command that failed" 126 "the command itself exited with status 3" \
		--module "$ko what=warn" -- sh -c 'exit 3'
	check "what only the taint tells" 126 "taint 512" -- sh -c 'echo 512 > /proc/sys/kernel/tainted'

	check "--expect: the complaint came" 0 "as expected" \
		--expect vm_complain.c --module "$ko what=warn" -- false
	check "--expect: another one came" 1 "no complaint with 'deadlock'" \
		--expect deadlock --module "$ko what=warn" -- true
	check "--expect: none came" 1 "no complaint with" --expect WARNING -- true
	check "--expect: a text that the command wrote does not do" 1 "no complaint with" \
		--expect "BUG: x" -- sh -c 'echo "BUG: x" > /dev/kmsg'
	check "--expect: a panic" 0 "as expected" \
		--expect "sysrq triggered crash" -- sh -c 'echo c > /proc/sysrq-trigger'
	check "--expect does not excuse a timeout" 124 "had not ended" \
		--timeout 5 --expect vm_complain.c --module "$ko what=warn" -- sleep 1000
}

complaints_debug() {
	check "a kernel that hangs" 125 "no sign of life" --smp 1 \
		--file "$lkdtm" -- insmod /lkdtm.ko cpoint_name=DIRECT cpoint_type=HARDLOCKUP
	check "a module whose init does not return" 124 "a module's init had not returned after 10 s" \
		--timeout 10 --module "$lkdtm cpoint_name=DIRECT cpoint_type=HUNG_TASK" -- true
	complains circular "WARNING: possible circular locking dependency detected"
	complains recursive "WARNING: possible recursive locking detected"
	complains balance "WARNING: bad unlock balance detected!"
	complains rcu "WARNING: suspicious RCU usage"
	complains sleep "BUG: sleeping function called from invalid context"
	complains atomic "BUG: scheduling while atomic"
	complains odebug "ODEBUG: free active"
	crashes CORRUPT_LIST_DEL "list_del corruption" --raw
	crashes REFCOUNT_INC_ZERO "refcount_t: addition on 0" --raw
	complains hung "INFO: task insmod:" 'echo 3 > /proc/sys/kernel/hung_task_timeout_secs'
	complains softlockup "watchdog: BUG: soft lockup" 'echo 2 > /proc/sys/kernel/watchdog_thresh'
	check "notices: leak" 126 "vm: the kernel complained: kmemleak: unreferenced object" \
		--leaks --file "$ko" -- insmod /vm_complain.ko what=leak
	check "notices: a leak of a module that was loaded beforehand" 126 " leak (" \
		--leaks --module "$ko what=leak" -- true
	check "not: a leak of a command that fails" 3 '' --leaks --file "$ko" -- \
		sh -c "insmod /vm_complain.ko what=leak; exit 3"
	check "not: a leak, without --leaks" 0 '' --file "$ko" -- insmod /vm_complain.ko what=leak
	check "not: a page allocation that is made to fail" 0 '' --file "$ko" -- sh -c '
		cd /sys/kernel/debug/fail_page_alloc
		echo 10 > min-order; echo 100 > probability; echo -1 > times
		insmod /vm_complain.ko what=pages && dmesg | grep "forcing a failure"'
	complains stall "rcu: INFO: rcu_preempt" \
		'echo 3 > /sys/module/rcupdate/parameters/rcu_cpu_stall_timeout'
}

# ends_in TEXT: the last line of the last complaint
ends_in() {
	[[ $(grep '^  | ' "$tmp/err" | tail -n 1) == *"$1" ]]
}
