# SPDX-License-Identifier: GPL-2.0
#
# Reads KTAP, prints a line per top-level test (with TEST= per test) and, for each
# failed test at any depth, what it printed; writes "PASSED FAILED SKIPPED" to the file `counts`.
# A line "# | TEXT" is printed whatever comes of the test.
# Tests without subtests are counted.
#
# What is missing fails: no plan, another number of tests than planned, a number
# out of order, a parent that never ends, no output, no tests. Levels are told
# by indentation, whatever its width.

BEGIN {
	depth = -1
	passed = failed = skipped = 0
	KEEP = 40
	srand()
	started = srand()
}

function push(ind) {
	depth++
	indent[depth] = ind
	plan[depth] = -1
	count[depth] = bad[depth] = leaves[depth] = 0
	title[depth] = kids[depth] = ""
}

function path(name,    i, p) {
	for (i = 1; i <= depth; i++)
		if (title[i] != "")
			p = p title[i] ": "
	return p name
}

function note(text) {
	notes++
	said[notes % KEEP] = text
}

function forget() {
	notes = 0
}

function fail(name, why,    i) {
	failed++
	if (depth >= 0)
		bad[depth]++
	printf "  FAIL  %s%s\n", path(name), why == "" ? "" : " (" why ")"
	if (notes > KEEP)
		printf "        | ... %d lines more before these\n", notes - KEEP
	for (i = notes > KEEP ? notes - KEEP + 1 : 1; i <= notes; i++)
		print "        | " said[i % KEEP]
	forget()
}

# The level has ended; its parent, if any, learns how it went.
function pop(    d) {
	if (plan[depth] < 0)
		fail("plan", "there is none, so tests may be missing")
	else if (count[depth] != plan[depth])
		fail("plan", "of " plan[depth] " tests there were " count[depth])
	d = depth--
	if (depth >= 0) {
		kids[depth] = "y"
		bad[depth] += bad[d]
		leaves[depth] += leaves[d]
		in_parent_bad = bad[d]
		in_parent_leaves = leaves[d]
	}
}

# The names of the tests, or every so many, if TEST= matches none.
function note_names(    i, step) {
	step = int((left + 19) / 20)
	if (left)
		note(step > 1 ? "some of its " left " tests:" : "its tests:")
	for (i = 1; i <= left; i += step)
		note("  " left_out[i])
}

function level(ind) {
	while (depth > 0 && ind < indent[depth])
		pop()
	if (depth < 0 || ind > indent[depth])
		push(ind)
}

function result(s,    not_ok, number, name, directive, reason, what) {
	not_ok = s ~ /^not ok/
	sub(/^(not )?ok */, "", s)
	number = ""
	if (match(s, /^[0-9]+/)) {
		number = substr(s, 1, RLENGTH)
		s = substr(s, RLENGTH + 1)
	}
	sub(/^ *(- )?/, "", s)
	directive = ""
	if (match(s, / *# *(SKIP|skip|Skip|TODO|todo|XFAIL|xfail)/)) {
		name = substr(s, 1, RSTART - 1)
		directive = substr(s, RSTART, RLENGTH)
		sub(/^ *# */, "", directive)
		reason = substr(s, RSTART + RLENGTH)
		sub(/^[: ]*/, "", reason)
	} else {
		name = s
		sub(/ *#.*/, "", name)
	}
	if (name == "")
		name = "test " number
	count[depth]++

	what = "ok"
	if (number != "" && number != count[depth]) {
		fail(name, "numbered " number " where " count[depth] " was due")
		what = ""
	} else if (kids[depth] != "") {
		if (not_ok && directive == "" && !in_parent_bad)
			fail(name, "though none of its subtests did")
		if (not_ok || in_parent_bad || !in_parent_leaves)
			what = ""
	} else if (directive != "" && (not_ok || directive !~ /TODO|todo/)) {
		skipped++
		leaves[depth]++
		what = "skip"
	} else if (not_ok) {
		leaves[depth]++
		fail(name)
		what = ""
	} else {
		passed++
		leaves[depth]++
	}
	if (what != "" && (depth == 0 || ENVIRON["TEST"] != ""))
		headline(what, path(name), directive, reason)
	kids[depth] = ""
	if (depth == 0)
		in_parent_bad = in_parent_leaves = 0
	forget()
}

function headline(what, name, directive, reason,    t, seconds) {
	t = srand()
	t = srand()
	seconds = t - started
	started = t
	printf "  %-4s  %s", what, name
	if (kids[depth] != "")
		printf ", %d tests", in_parent_leaves
	if (what == "skip")
		printf " (%s%s)", directive, reason == "" ? "" : ": " reason
	else if (seconds > 0)
		printf " (%d s)", seconds
	printf "\n"
	fflush()
}

{
	sub(/\r$/, "")
	s = $0
	sub(/^ +/, "", s)
	ind = length($0) - length(s)
}

s ~ /^K?TAP version [0-9]+/ {
	level(ind)
	next
}

s ~ /^# Subtest: / {
	level(ind)
	title[depth] = substr(s, 12)
	next
}

s ~ /^1\.\.[0-9]+/ {
	level(ind)
	plan[depth] = substr(s, 4) + 0
	if (s ~ /^1\.\.0 *# *(SKIP|skip|Skip)/) {
		skipped++
		leaves[depth]++
		print "  skip  " path("everything") " (" substr(s, index(s, "#")) ")"
		all_skipped = 1
	}
	next
}

s ~ /^(not )?ok( |$)/ {
	level(ind)
	result(s)
	next
}

s ~ /^# TEST= leaves out / {
	left_out[++left] = substr(s, 20)
	next
}

# KUnit gives no plan for the parameters of a test, but counts them afterwards.
s ~ /^# .*: pass:[0-9]+ fail:[0-9]+ skip:[0-9]+ total:[0-9]+$/ {
	if (depth >= 0 && ind < indent[depth] && plan[depth] < 0) {
		sub(/.* total:/, "", s)
		plan[depth] = s + 0
	}
	next
}

s ~ /^Bail out!/ {
	fail(s)
	next
}

s ~ /^# \| / {
	print "        | " substr(s, 5)
	next
}

s != "" {
	note($0)
}

END {
	if (depth < 0) {
		fail("no test output")
	} else {
		while (depth > 0) {
			pop()
			fail("a test", "its subtests ended, but not itself")
		}
		pop()
		if (passed + failed + skipped == 0) {
			note_names()
			fail(ENVIRON["TEST"] == "" ? "no tests were run" : \
			     "no test of the suite matches TEST=" ENVIRON["TEST"])
		}
	}
	print passed, failed, skipped >counts
}
