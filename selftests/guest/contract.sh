#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# contract.sh SECONDS [may_skip]: in the guest, has kernel threads (dma_buf_contract.ko) and
# programs do with fences all that is right, side by side, for so long; vfence comes and
# goes meanwhile. Then it looks at what lockdep has recorded. Before that, nothing else
# going on, it looks at what signals vfence's fences; only a kernel of the user's may lack
# what that takes.
# shellcheck source=selftests/guest/record.sh
. /record.sh

seconds=$1
may_skip=$2
modules=/lib/modules
vfence="$modules/vfence.ko bound_ms=3600000"
actors="jobs points containers buffers foreign"
section=dma_fence_map
resv=reservation_ww_class_mutex
reclaim=fs_reclaim
notifier=mmu_notifier_invalidate_range_start
user='&mm->mmap_lock'

# subtests FILE: what is in it, indented
subtests() {
	sed 's/^/  /' "$1"
}

# act SECONDS: the programs, side by side; fails if one of them does, or has done nothing
act() {
	bad=0
	for actor in $actors; do
		{
			CONTRACT_SECONDS=$1 /contract_"$actor"
			echo $? >/tmp/"$actor".status
		} >/tmp/"$actor" 2>&1 &
		echo $! >/tmp/"$actor".pid
	done
	for actor in $actors; do
		wait "$(cat /tmp/"$actor".pid)"
		read -r status </tmp/"$actor".status
		rounds=$(sed -n 's/^# \([0-9]*\) rounds$/\1/p' /tmp/"$actor")
		if [ "$status" != 0 ] || [ "${rounds:-0}" = 0 ]; then
			cat /tmp/"$actor"
			bad=1
		fi
		echo "contract_$actor: ${rounds:-0} rounds"
	done
	return $bad
}

# reload: vfence goes and comes, and leaves fences behind
reload() {
	/vfence_unload >/tmp/unload 2>&1 || { cat /tmp/unload && return 1; }
	# shellcheck disable=SC2086 # the parameters are several words
	rmmod vfence && insmod $vfence
}

# kernel_actors SECONDS: the KUnit suites, whose module stays
kernel_actors() {
	KEEP=y sh /kunit.sh "/dma_buf_contract.ko *.* milliseconds=$(($1 * 1000))"
}

echo "KTAP version 1"
# Some of it, one after the other. Of that alone, lockdep's record has gaps.
if [ "${TEST:-}" ]; then
	export CONTRACT_SECONDS="$seconds"
	sh /kselftests.sh 900 /contract_* >/tmp/output 2>&1
	status=$?
	subtests /tmp/output
	result $status programs </dev/null
	sh /kunit.sh "/dma_buf_contract.ko *.* milliseconds=$((seconds * 1000))" >/tmp/output
	status=$?
	subtests /tmp/output
	result $status "kernel threads" </dev/null
	echo "1..$number"
	exit $failed
fi

for program in contract_trace contract_names; do
	/$program >/tmp/output 2>&1
	status=$?
	subtests /tmp/output
	if [ "$may_skip" ]; then
		[ $status -ne 4 ] || status=0
	elif grep -q '# SKIP' /tmp/output; then
		status=4
	fi
	result $status "$program" </dev/null
done

# At least one round of each, with the kernel's actors at work from the first to the last.
kernel_actors "$seconds" >/tmp/kernel 2>&1 &
kernel=$!
times=0
bad=0
: >/tmp/rounds
while [ $times -eq 0 ] || kill -0 $kernel 2>/dev/null; do
	times=$((times + 1))
	act $(((seconds + 11) / 12)) >>/tmp/rounds 2>&1 || bad=1
	[ $bad = 0 ] || break
	reload >>/tmp/rounds 2>&1 || bad=1
	[ $bad = 0 ] || break
done
wait $kernel
status=$?
subtests /tmp/kernel
# What the threads have done is in the log, and their module fails if one has not.
dmesg | sed -n 's/^.*dma_buf_contract: //p' >/tmp/said
result $status "kernel threads" </tmp/said
echo "vfence came and went in $times rounds" >>/tmp/rounds
result $bad "programs, and vfence unloaded and loaded meanwhile" </tmp/rounds

# For what lockdep knows of vfence: it forgets the locks of a module that goes.
act 1 >/tmp/rounds 2>&1
result $? "programs, with the kernel's threads gone" </tmp/rounds
record

{
	rmmod dma_buf_contract && rmmod dma_buf_reclaim && rmmod dma_buf_foreign && reload &&
		insmod $modules/dma_buf_foreign.ko && insmod $modules/dma_buf_reclaim.ko &&
		kernel_actors 1 && act 1
} >/tmp/output 2>&1
result $? "all modules are unloaded, loaded, and used again" </tmp/output

looked_at "lockdep is on" lockdep_is_on

# What is looked for below would be seen.
looked_at "a reservation object tried in reclaim shows" ordered "$reclaim" "$resv"
looked_at "one tried in an MMU notifier shows" ordered "$notifier" "$resv"
looked_at "an order that was made before a reservation object shows" \
	ordered "control before resv" "$resv"
looked_at "one before reclaim shows" ordered "control before reclaim" "$reclaim"
looked_at "one before user memory shows" ordered "control before mmap" "$user"
looked_at "one that was made in a section shows" ordered "$section" "control in section"
looked_at "one that was made in a callback shows" ordered "control outer" "control inner"
looked_at "a wait in a section of another domain shows" \
	waited ordered "control outer domain" "control inner domain"
looked_at "one by way of a third shows" waited ordered "control before resv" "$reclaim"
looked_at "a section in another domain's is none" \
	waited unordered "control one domain" "control other domain"
looked_at "nor is it the other way round" \
	waited unordered "control other domain" "control one domain"

# That the domains were there: sections with locks in them, and waits with locks held.
for domain in "contract a" "contract b"; do
	looked_at "locks were taken in sections of $domain" \
		waited ordered "$domain" "contract mutex"
	for outer in "$resv" "$reclaim" "$notifier"; do
		looked_at "$outer was held over waits in $domain" \
			waited ordered "$outer" "$domain"
	done
done
looked_at "no order of one domain before the other" waited unordered "contract a" "contract b"
looked_at "nor the other way round" waited unordered "contract b" "contract a"

for first in "$section" "contract a" "contract b" "contract fence a" "contract fence b" \
	dma_buf_rs::FenceContext "contract mutex" "contract spinlock" \
	"&fence->inline_lock" "foreign fence" "&obj->lock" \
	"&dma_fence_array_lock_key" "&dma_fence_chain_lock_key"; do
	for second in "$resv" reservation_ww_class_acquire "$reclaim" "$notifier" "$user"; do
		looked_at "no order of $first before $second" unordered "$first" "$second"
	done
done
echo "1..$number"
exit $failed
