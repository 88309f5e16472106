# SPDX-License-Identifier: GPL-2.0
#
# The kernel's complaints, out of its log. Input is one of
#
#   priority,sequence,microseconds,flags;text   a record of /dev/kmsg
#   kmemleak;text                               a line of kmemleak's report
#   [ seconds.micro] text                       a line of the console
#
# Only what the kernel itself said counts (facility 0), only a text that begins
# as a report begins, and of the console only what came after the last record,
# for a panic is seen nowhere else. Output is, for each complaint,
#
#   H its headline
#   B each of its lines
#
# A complaint ends where its kind of report ends, or where the kernel has said
# nothing for two seconds.

function is_report(t) {
	return t ~ /^WARNING: .*(, CPU#[0-9]|CPU: [0-9]+ PID)/ ||
	       t ~ /^WARNING: (possible |inconsistent lock|[^ ]*-safe -> |Nested lock|bad (unlock|content)|held lock freed|lock held when|suspicious RCU|chain_key|.* still has locks held)/ ||
	       t ~ /^(watchdog: )?BUG: / || t ~ /^\[ BUG: / || t ~ /^BUG [^ ]+ \(/ ||
	       t ~ /^([a-z_]+: )?INFO: .*(detected (expedited )?stall|self-detected stall)/ ||
	       t ~ /^INFO: task .* blocked.* for more than/ ||
	       t ~ /^INFO: trying to register non-static key/ ||
	       t ~ /^(watchdog|NMI watchdog): .*hard LOCKUP/ ||
	       t ~ /^Voluntary context switch within RCU/ ||
	       t ~ /^(list_add|list_del) corruption/ || t ~ /^refcount_t: / ||
	       t ~ /^(ODEBUG|UBSAN): / || t ~ /^kmemleak: [0-9]+ new suspected/ ||
	       t ~ /^kobject: .*(tried to init|is not initialized)/ ||
	       t ~ /^sysfs: cannot create duplicate/ ||
	       is_allocation_failure(t) || is_crash(t)
}

# A task's name, of 15 bytes at most, comes first. Of what fault injection fails and
# of __GFP_NOWARN there is no such report; there is of "vmalloc error", whose pages
# fault injection fails, so that is none.
function is_allocation_failure(t,    at) {
	at = index(t, ": page allocation failure: order:")
	return at > 1 && at <= 16
}

# A program's name comes first where that crashes, and may be that of a report.
function is_of_a_program(t) {
	return t ~ /\[[0-9]+\]: (segfault at |unhandled exception: )/	# x86, arm64
}

# These follow on each other in one crash.
function is_crash(t) {
	return t ~ /^(kernel BUG at |Oops: |Oops\[|general protection fault|Kernel panic - not syncing)/ ||
	       t ~ /^(invalid opcode|divide error|stack segment|double fault): / ||
	       t ~ /^traps: PANIC: / ||
	       t ~ /^(Unable to handle kernel |Internal error: )/	# arm64
}

# Reports whose last part is one stack trace of a task.
function ends_with_trace(t) {
	return t ~ /^WARNING: / && t !~ /, CPU#[0-9]|CPU: [0-9]+ PID/ || t ~ /^\[ BUG: / ||
	       t ~ /^BUG: (sleeping function|scheduling|using |assuming |MAX_)/ ||
	       t ~ /^INFO: trying/
}

function emit(c,    i) {
	if (c in open) {
		print "H " head[c]
		for (i = 1; i <= lines[c]; i++)
			print "B " text[c, i]
	}
	delete open[c]
}

function begin(c, headline) {
	emit(c)
	open[c] = 1
	head[c] = headline
	lines[c] = 0
	in_trace[c] = 0
}

function take(c, usec, t,    rule) {
	if ((c in open) && (usec - seen[c] > 2000000 || lines[c] >= 400))
		emit(c)
	# On arm64 no line ends a trace.
	if ((c in open) && in_trace[c] && t !~ /^ /)
		emit(c)
	seen[c] = usec
	rule = t ~ /^=+$/

	if (t ~ /^-+\[ cut here \]-+$/) {
		begin(c, "")
	} else if (is_report(t) && !is_of_a_program(t)) {
		if (!(c in open) || head[c] != "" && !is_crash(t))
			begin(c, t)
		else if (head[c] == "")
			head[c] = t
	} else if (!(c in open)) {
		return
	} else if (rule && head[c] != "") {
		emit(c)
		return
	}
	text[c, ++lines[c]] = t
	in_trace[c] = in_trace[c] || t ~ /^Call trace:/ && ends_with_trace(head[c])
	if (t ~ /^---\[ end trace/ ||
	    t ~ /^[0-9]+ pages reserved$/ && is_allocation_failure(head[c]) ||
	    t ~ /^ *<\/TASK>/ && ends_with_trace(head[c]))
		emit(c)
}

/^kmemleak;/ {
	sub(/^kmemleak;/, "")
	if (/^unreferenced object/)
		begin("kmemleak", "kmemleak: " $0)
	if ("kmemleak" in open)
		text["kmemleak", ++lines["kmemleak"]] = $0
	next
}

/^[0-9]+,[0-9]+,[0-9]+,/ {
	semi = index($0, ";")
	split(substr($0, 1, semi - 1), field, ",")
	last = field[3]
	if (field[1] < 8)
		take(field[5] == "" ? "-" : field[5], last + 0, substr($0, semi + 1))
	next
}

/^\[ *[0-9]+\.[0-9]+\]/ {
	sub(/\r$/, "")
	close_at = index($0, "]")
	usec = substr($0, 2, close_at - 2) * 1000000
	t = substr($0, close_at + 1)
	caller = "-"
	if (match(t, /^\[ *[CT][0-9]+\]/)) {	# CONFIG_PRINTK_CALLER
		caller = "caller=" substr(t, 2, RLENGTH - 2)
		gsub(/ /, "", caller)
		t = substr(t, RLENGTH + 1)
	}
	if (usec > last + 0.5)
		take(caller, usec, substr(t, 2))
}

END {
	for (c in open)
		emit(c)
}
