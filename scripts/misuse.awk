# SPDX-License-Identifier: GPL-2.0
#
# misuse.awk -v to=WHAT TABLE: makes something of the table of misuses
# (selftests/lockdep/misuse, which explains itself):
#
#   rows      a line for each: who refuses it, case, misuse, and what is reported, with
#             tabs between
#   expected  of the row with -v row=N, what is to be found: "report TEXT", "class NAME"
#             after the report that it is in, "says TEXT"
#   docs      rust/dma_buf/misuse.md, a page of the library's docs
#
# With -v cases=DIRECTORY, where the compile-fail cases are.

function complain(what) {
	printf "%s:%d: %s\n", FILENAME, FNR, what >"/dev/stderr"
	bad = 1
}

# The first error that each compile-fail case wants.
function read_cases(    all, line, name) {
	all = "cat " cases "/*.rs"
	while ((all | getline line) > 0) {
		if (match(line, /fault = "[a-z0-9_]+"/))
			name = substr(line, RSTART + 9, RLENGTH - 10)
		if (match(line, /\/\/~[\^|]* /) && !(name in errors)) {
			errors[name] = substr(line, RSTART + RLENGTH)
			sub(/ /, ": ", errors[name])
		}
	}
	close(all)
}

function error_of(name) {
	if (!(name in errors))
		complain("there is no case " name)
	return errors[name]
}

# What is reported, on a line.
function reported(    i, text) {
	if (field["by"] == "compiler")
		return error_of(field["case"])
	for (i = 1; i <= reports; i++) {
		text = text (i > 1 ? ", then " : "") report[i]
		if (classes[i] != "")
			text = text " (" classes[i] ")"
	}
	for (i = 1; i <= says; i++)
		text = text (text == "" ? "" : ", ") say[i]
	if (text == "")
		return field["why"] == "" ? "nothing" : field["why"]
	return text (field["why"] == "" ? "" : ": " field["why"])
}

# A column ends at a bar.
function cell(text) {
	gsub(/\|/, "\\\\&", text)
	return text
}

# Neither a link nor an entity.
function prose(text) {
	gsub(/[\[\]&]/, "\\\\&", text)
	return text
}

function row_ends(    i, j, n, name) {
	if (!("misuse" in field))
		return
	rows++
	if (field["by"] !~ /^(compiler|lockdep|kernel|ours|nothing)$/)
		complain("by whom is it refused? " field["misuse"])
	if (field["case"] == "" || field["calls"] == "")
		complain("a row wants a case, and calls: " field["misuse"])
	if ((field["by"] ~ /^(lockdep|kernel)$/) != (reports > 0) && field["by"] != "ours")
		complain("is there a report, or is there none? " field["misuse"])

	if (to == "rows") {
		printf "%s\t%s\t%s\t%s\n", field["by"], field["case"], field["misuse"], reported()
	} else if (to == "docs") {
		printf "| %s | `%s` | %s | %s |\n", field["misuse"], cell(field["calls"]),
			field["by"], prose(cell(reported()))
	} else if (rows == row) {
		for (i = 1; i <= reports; i++) {
			print "report " report[i]
			n = split(classes[i], name, ", ")
			for (j = 1; j <= n; j++)
				print "class " name[j]
		}
		for (i = 1; i <= says; i++)
			print "says " say[i]
	}
	split("", field)
	reports = says = 0
}

function title(text) {
	if (to != "docs")
		return
	print ""
	print "# " text
	print ""
	print "| Misuse | Calls | Refused by | Report |"
	print "|---|---|---|---|"
}

BEGIN {
	read_cases()
	if (to == "docs") {
		print "<!-- SPDX-License-Identifier: GPL-2.0 -->"
		print ""
		print "This page is made of the table `selftests/lockdep/misuse`. The suite `lockdep` tests"
		print "each row, on a kernel with lockdep or by the compiler. *Refused by* is one of"
		print ""
		print "- *compiler*: it does not compile, with this error;"
		print "- *lockdep*: lockdep reports it, and is off afterwards. In brackets are the lock"
		print "  classes of the report, all and no others; for a `BUG:`, those that are held;"
		print "- *kernel*: another check of the kernel reports it;"
		print "- *ours*: this crate reports it, or makes it harmless;"
		print "- *nothing*: it is allowed, or it is not found, as the last column says."
		print ""
		print "Names with `misuse` in them are the test's own."
	}
}

/^#/ { next }

/^$/ {
	row_ends()
	next
}

{
	key = $1
	value = substr($0, length(key) + 1)
	sub(/^ +/, "", value)
}

key == "section" { title(value); next }
key == "report" { report[++reports] = value; classes[reports] = ""; next }
key == "classes" { classes[reports] = value; next }
key == "says" { say[++says] = value; next }
key ~ /^(misuse|calls|by|case|why)$/ { field[key] = value; next }
{ complain("what is this? " $0) }

END {
	row_ends()
	exit bad
}
