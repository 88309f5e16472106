# SPDX-License-Identifier: GPL-2.0
#
# Makes a KUnit suite of the examples in the docs of Rust files.
#
#	awk -v root=ROOT/ -v crate=DIRECTORY/ -v out=DIRECTORY -f doctests.awk FILE...
#
# Each example becomes a module of its own in `out`, at the lines where it is in
# its source, so that what the compiler and KUnit say of it leads there. What goes
# to stdout joins them, with a test for each but those marked `no_run`.
#
# Examples are what rustdoc takes for such; `ignore` and `compile_fail` are out.

function die(why) {
	printf "%s:%d: %s\n", FILENAME, FNR, why >"/dev/stderr"
	failed = 1
	exit 1
}

# What a fence says of its block; sets `takes` and `runs`.
function begin(info,    words, n, i) {
	fence = FNR
	takes = runs = 1
	n = split(info, words, /[ ,]+/)
	for (i = 1; i <= n; i++) {
		if (words[i] == "no_run")
			runs = 0
		else if (words[i] != "" && words[i] != "rust")
			takes = 0
	}
	last = body = ""
}

# Text behind the brace of the function, and its end on the closing fence's line.
function end(    name, file, ret, i) {
	name = source
	if (index(name, crate) == 1)
		name = substr(name, length(crate) + 1)
	sub(/\.rs$/, "", name)
	gsub(/[^A-Za-z0-9_]/, "_", name)
	name = name "_" fence
	file = out "/" name ".rs"
	# An example whose last expression is a result is asked for it, as by rustdoc.
	ret = last ~ /\(\(\)\)$/ ? " -> core::result::Result<(), impl core::fmt::Debug>" : ""

	print "// SPDX-License-Identifier: GPL-2.0" >file
	for (i = 2; i < fence; i++)
		print "" >file
	# A failed assertion is KUnit's, not a panic.
	printf "macro_rules! assert { ($c:expr $(,)?) => {{ " \
		"kernel::kunit_assert!(\"%s\", c\"%s\", 0, $c); }}; } ", name, source >file
	printf "macro_rules! assert_eq { ($l:expr, $r:expr $(,)?) => {{ " \
		"kernel::kunit_assert_eq!(\"%s\", c\"%s\", 0, $l, $r); }}; } ", name, source >file
	print "pub(crate) fn example()" ret " {\n" body "}" >file
	close(file)

	printf "#[path = \"%s\"]\nmod %s;\n", file, name
	if (runs)
		tests = tests sprintf("    #[test]\n    fn %s() {\n        " \
			(ret == "" ? "super::%s::example();" : "assert!(super::%s::example().is_ok());") \
			"\n    }\n", name, name)
}

FNR == 1 {
	if (fence)
		die("the file before this one ends within an example")
	source = FILENAME
	if (index(source, root) == 1)
		source = substr(source, length(root) + 1)
}

{
	line = $0
	sub(/^[ \t]+/, "", line)
}

line !~ /^\/\/[\/!]/ {
	if (fence)
		die("the docs end within an example")
	next
}

{
	line = substr(line, 4)
	sub(/^ /, "", line)
}

line ~ /^ *```/ {
	info = line
	sub(/^ *```/, "", info)
	if (!fence) {
		begin(info)
	} else {
		if (takes)
			end()
		fence = 0
	}
	next
}

fence {
	# Hidden lines; "##" stands for "#".
	if (line ~ /^ *#( |$)/)
		sub(/# ?/, "", line)
	else if (line ~ /^ *##/)
		sub(/#/, "", line)
	body = body line "\n"
	if (line ~ /[^ \t]/)
		last = line
}

END {
	if (failed)
		exit 1
	if (fence)
		die("the file ends within an example")
	print "\n#[kunit_tests(rust_dma_buf_doctests)]\nmod tests {\n" tests "}"
}
