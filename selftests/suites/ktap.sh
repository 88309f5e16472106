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

# ktap_beside COMMAND...: runs it at the same time, with a directory $tmp of its own in
# $tmp: one guest leaves half of two CPUs idle. ktap_join prints its results.
ktap_beside() {
	mkdir "$tmp/beside"
	_with_own "$tmp/beside" "$@" >"$tmp/beside.ktap" &
	BESIDE=$!
}

_with_own() {
	local tmp=$1 TESTS=0

	"${@:2}"
}

ktap_join() {
	local line

	wait "$BESIDE"
	while IFS= read -r line; do
		if [[ $line =~ ^(ok|not\ ok)\ [0-9]+\ (.*) ]]; then
			((TESTS += 1))
			line="${BASH_REMATCH[1]} $TESTS ${BASH_REMATCH[2]}"
		fi
		printf '%s\n' "$line"
	done <"$tmp/beside.ktap"
}

# block FILE LANGUAGE: the only block in it of that file in Markdown
block() {
	awk -v start="\`\`\`$2" '$0 == "```" { on = 0 } on; $0 == start { on = 1 }' "$1"
}

# diagnostics: stdin, as KTAP takes it
diagnostics() {
	sed 's/^/# /'
}
