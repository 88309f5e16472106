#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# contract.sh SECONDS [may_skip]: in the guest, has kernel threads (dma_buf_kunit.ko) and
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
# All but those that look at what the kernel does meanwhile.
alone="contract_trace contract_names"
actors=$(cd /contract && printf '%s\n' contract_* | grep -vxE "$(echo "$alone" | tr ' ' '|')")
suites='rust_dma_buf_contr*.*'

# subtests FILE: what is in it, indented
subtests() {
	sed 's/^/  /' "$1"
}

# act SECONDS: the programs, side by side; fails if one of them does, or has done nothing
act() {
	bad=0
	for actor in $actors; do
		{
			CONTRACT_SECONDS=$1 /contract/"$actor"
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
		echo "$actor: ${rounds:-0} rounds"
	done
	return $bad
}

# reload: vfence goes and comes, and leaves fences behind. The library stays, as the threads
# use it: the test that unloads it is left out.
reload() {
	DMA_BUF_MODULES=$modules /vfence/vfence_unload -T init_that_fails >/tmp/unload 2>&1 ||
		{ cat /tmp/unload && return 1; }
	# shellcheck disable=SC2086 # the parameters are several words
	rmmod vfence && insmod $vfence
}

# kernel_actors SECONDS: the KUnit suites, whose module stays
kernel_actors() {
	KEEP=y sh /kunit.sh "/lib/modules/dma_buf_kunit.ko $suites milliseconds=$(($1 * 1000))"
}

ktap_print_header
# Some of it, one after the other. Of that alone, lockdep's record has gaps.
if [ "${TEST:-}" ]; then
	export CONTRACT_SECONDS="$seconds"
	sh /kselftests.sh 900 /contract/contract_* >/tmp/output 2>&1
	status=$?
	subtests /tmp/output
	result $status programs </dev/null
	sh /kunit.sh "/lib/modules/dma_buf_kunit.ko $suites milliseconds=$((seconds * 1000))" >/tmp/output
	status=$?
	subtests /tmp/output
	result $status "kernel threads" </dev/null
	finish
fi

for program in $alone; do
	/contract/"$program" >/tmp/output 2>&1
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
dmesg | sed -n 's/^.*dma_buf_kunit: //p' >/tmp/said
result $status "kernel threads" </tmp/said
echo "vfence came and went in $times rounds" >>/tmp/rounds
result $bad "programs, and vfence unloaded and loaded meanwhile" </tmp/rounds

# For what lockdep knows of vfence: it forgets the locks of a module that goes.
act 1 >/tmp/rounds 2>&1
result $? "programs, with the kernel's threads gone" </tmp/rounds
record

{
	rmmod dma_buf_kunit && rmmod dma_buf_fixture && reload &&
		insmod $modules/dma_buf_fixture.ko &&
		kernel_actors 1 && act 1
} >/tmp/output 2>&1
result $? "all modules are unloaded, loaded, and used again" </tmp/output

controls

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

harmless "$section" "contract a" "contract b" "contract fence a" "contract fence b" \
	dma_buf_rs::FenceContext "contract mutex" "contract spinlock" \
	"&fence->inline_lock" "foreign fence" "&obj->lock" \
	"&dma_fence_array_lock_key" "&dma_fence_chain_lock_key"
finish
