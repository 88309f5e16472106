# SPDX-License-Identifier: GPL-2.0
#
# coverage.awk UNREACHED COVERAGE SITES: per file, how many of the lines that begin a block have
# run, and how many there are: COVERAGE is of the guest (coverage.c), and SITES of sites.awk. A line counts once, in
# however many functions it has been inlined. UNREACHED has the files of which less than 85 %
# run, and why, with tabs between. Fails if one is missing there.

BEGIN {
	LEAST = 85
}

FILENAME == ARGV[1] {
	if ($0 !~ /^#/ && NF)
		reason[$1] = substr($0, index($0, "\t") + 1)
	next
}

FILENAME == ARGV[2] {
	has_run[$1, $2, $3] = 1
	next
}

{
	line = $4
	file = $4
	sub(/:.*/, "", file)
	if (!(line in seen)) {
		seen[line] = 1
		total[file]++
	}
	if (!(line in ran) && ($1, $2, $3) in has_run) {
		ran[line] = 1
		covered[file]++
	}
}

END {
	for (file in total) {
		percent = int(covered[file] * 100 / total[file])
		printf "%3d %% %4d / %4d  %s\n", percent, covered[file], total[file], file | "sort -k6"
		all += total[file]
		all_covered += covered[file]
		if (percent < LEAST && !(file in reason))
			missing[file] = percent
	}
	close("sort -k6")
	printf "%3d %% %4d / %4d  in all\n", all ? all_covered * 100 / all : 0, all_covered, all
	for (file in missing) {
		print file " has no sentence in selftests/fuzz/unreached, and " missing[file] " % of it has run"
		bad = 1
	}
	for (file in reason)
		if (!(file in total)) {
			print file " is in selftests/fuzz/unreached, and has no code"
			bad = 1
		}
	exit bad || !all_covered
}
