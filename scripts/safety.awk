# SPDX-License-Identifier: GPL-2.0
#
# Finds `unsafe` blocks and impls in Rust files without a comment "SAFETY:" in
# the statement they are in, or above it; examples in the docs too.

FNR == 1 {
	documented = fence = 0
}

{
	line = $0
	sub(/^[ \t]+/, "", line)
}

line ~ /^\/\/[\/!]/ {
	sub(/^...[ ]?/, "", line)
	sub(/^# /, "", line)
	if (line ~ /^```/) {
		example = line ~ /^```(rust.*|ignore|no_run)?$/
		fence = !fence
		documented = 0
		next
	}
	if (!fence || !example) {
		documented = 0
		next
	}
}

line ~ /^[ \t]*\/\// {
	if (line ~ /SAFETY:/)
		documented = 1
	next
}

line ~ /\/\* SAFETY:/ {
	documented = 1
}

line ~ /(^|[^A-Za-z0-9_])unsafe[ \t]*(\{|impl[ <])/ && !documented {
	printf "%s:%d: unsafe without a SAFETY comment: %s\n", FILENAME, FNR, line
	bad = 1
}

# A statement ends here, and with it what its comment covers.
line ~ /^[ \t]*$|[;{}][ \t]*(\/\/.*)?$/ {
	documented = 0
}

END {
	exit bad
}
