# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For suites that run on the host: printing KTAP.

TESTS=0

ktap_begin() {
	echo "KTAP version 1"
}

ktap_end() {
	echo "1..$TESTS"
}

# ktap_result STATUS NAME: ok if STATUS is 0
ktap_result() {
	((TESTS += 1))
	if (($1)); then
		echo "not ok $TESTS - $2"
	else
		echo "ok $TESTS - $2"
	fi
}

# diagnostics: stdin, as KTAP takes it
diagnostics() {
	sed 's/^/# /'
}
