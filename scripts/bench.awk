# SPDX-License-Identifier: GPL-2.0
#
# For scripts/bench: judges the results of the benchmark by their goals and by earlier
# figures; a table, or with `ktap`, a test for each operation. `here` is what the results
# were measured with, and `there` the figures; where they differ, figures are not compared.

BEGIN {
	FS = "\t"
	if (ktap)
		print "KTAP version 1"
}

file != "results" && (/^#/ || !NF) {
	next
}

file == "figures" {
	figure[$1] = $3
	next
}

FNR == 1 {
	if (!ktap)
		printf "%-48s %5s %10s %10s %6s %5s %7s\n", $1, $2, $3, $4, $5, $6, "change"
	next
}

{
	wrong = change = ""
	seen[$1] = 1
	if ($6 != "-" && $5 + 0 > $6 + 0)
		complain("MISSED the goal: " $5 " times C, not " $6)
	if (!($1 in figure))
		complain("has no figure in selftests/bench/figures")
	else if (here == there) {
		change = sprintf("%+.1f %%", figure[$1] > 0 ? ($4 / figure[$1] - 1) * 100 : 0)
		# A timer samples how long interrupts are off.
		if ($4 > figure[$1] * ($1 ~ /, irqs off/ ? 1.1 : 1.02))
			complain("WORSE: " $4 " instructions, not " figure[$1])
	}
	if (ktap)
		result($1)
	else
		printf "%-48s %5d %10.2f %10.2f %6.3f %5s %7s %s\n", \
			$1, $2, $3, $4, $5, $6, change, wrong != "" ? wrong : $7
	# The table is longer than a screen.
	if (wrong != "")
		again = again "  " $1 ": " wrong "\n"
}

function complain(text) {
	wrong = wrong (wrong == "" ? "" : "; ") text
	bad = 1
}

# result NAME: it passes if nothing is wrong
function result(name) {
	tests++
	if (wrong != "")
		print "# " name " " wrong
	print (wrong == "" ? "ok " : "not ok ") tests " - " name
}

# not_measured: the figures of which there are no results
function not_measured(    name) {
	for (name in figure) {
		if (name in seen)
			continue
		if (ENVIRON["TEST"] != "") {
			if (ktap)
				print "# TEST= leaves out " name
			continue
		}
		wrong = ""
		complain("is in selftests/bench/figures and is not measured")
		if (ktap)
			result(name)
		else
			print name " " wrong
	}
}

END {
	not_measured()
	if (here != there && (tests || !ktap)) {
		wrong = "the figures are of " (there == "" ? "nothing" : there) ", this is " here
		if (ktap)
			printf "ok %d - no operation got worse # SKIP %s\n", ++tests, wrong
		else
			print "Only the goals were looked at: " wrong
	}
	if (ktap)
		print "1.." tests + 0
	else if (again != "")
		printf "What is wrong:\n%s", again
	exit bad
}
