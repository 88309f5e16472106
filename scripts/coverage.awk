# SPDX-License-Identifier: GPL-2.0
#
# coverage.awk COVERAGE.md KUNIT.rs...: finds rows in the table of what is covered
# that name a test that does not exist, or a function or type without any; and KUnit
# suites that are not in a file of their name. Suites of selftests/suites are in
# -v suites="NAME NAME...".

BEGIN {
	n = split(suites, name, " ")
	for (i = 1; i <= n; i++)
		exists["suite " name[i]] = 1
}

# The rows come first, the tests that they name after them.
FNR == NR {
	if (!/^\|/ || split($0, column, /[ \t]*\|[ \t]*/) < 5)
		next
	if (column[2] == "C" || column[2] ~ /^-/)
		next
	rows++
	if (column[4] == "" && column[3] !~ /^(none|not yet)/)
		complain(FNR, "no test: " column[2])
	n = split(column[4], name, ", ")
	for (i = 1; i <= n; i++)
		wanted[name[i]] = FNR
	next
}

match($0, /#\[kunit_tests\(rust_dma_buf_[a-z0-9_]+\)\]/) {
	suite = substr($0, RSTART + 27, RLENGTH - 29)
	if (index(FILENAME, "/" suite ".rs") == 0)
		complain_of(FILENAME, FNR, "the suite is not called as its file: " suite)
	next
}

/^ *#\[test\]/ {
	test = 1
	next
}

test && match($0, /fn [a-z0-9_]+/) {
	exists[suite "::" substr($0, RSTART + 3, RLENGTH - 3)] = 1
	exists[suite "::*"] = 1
	test = 0
}

function complain(line, what) {
	complain_of(ARGV[1], line, what)
}

function complain_of(file, line, what) {
	printf "%s:%d: %s\n", file, line, what
	bad = 1
}

END {
	for (test in wanted)
		if (!(test in exists))
			complain(wanted[test], "there is no such test: " test)
	if (!rows)
		complain(1, "there are no rows")
	exit bad
}
