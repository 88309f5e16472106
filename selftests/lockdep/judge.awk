# SPDX-License-Identifier: GPL-2.0
#
# judge.awk EXPECTED COMPLAINTS: prints how a kernel's complaints, as qemu/complaints.awk
# gives them, differ from those of a row (scripts/misuse.awk, expected).
#
# The classes that a report of lockdep is about are those it names before it comes to
# "other info", where there are those that just happen to be held. Another check ("BUG:")
# names nothing but what is held, also by whom an interrupt has come upon.

# The first file may be empty.
FILENAME == ARGV[1] {
	text = $0
	sub(/^[^ ]+ /, "", text)
	if (/^report /)
		want[++wanted] = text
	else if (/^class /)
		want_class[wanted, text] = 1
	next
}

/^H / {
	head[++seen] = substr($0, 3)
	line = other = 0
	next
}

/^B / {
	$0 = substr($0, 3)
	line++
	# The text of a WARN comes before what is taken for its headline.
	if (line <= 3)
		start[seen, line] = $0
	if (index($0, "other info that might help us debug this"))
		other = 1
	while (!other && match($0, /\([^{}]*\)\{[^{}]*\}-\{[0-9]+:[0-9]+\}/)) {
		name = substr($0, RSTART + 1, RLENGTH - 1)
		sub(/\)\{[^{}]*\}-\{.*/, "", name)
		has_class[seen, name] = 1
		$0 = substr($0, RSTART + RLENGTH)
	}
}

# Is the I-th complaint the one that begins with this text?
function begins(i, text,    n) {
	for (n = 1; n <= 3; n++)
		if (index(start[i, n], text) == 1)
			return 1
	return index(head[i], text) == 1
}

END {
	for (i = 1; i <= wanted || i <= seen; i++) {
		if (i > seen)
			print "it did not come: " want[i]
		else if (i > wanted)
			print "it was not expected: " head[i]
		else if (!begins(i, want[i]))
			print "it was not '" want[i] "', but: " head[i]
	}
	for (pair in want_class)
		if (!(pair in has_class)) {
			split(pair, part, SUBSEP)
			print "report " part[1] " does not have the class " part[2]
		}
	for (pair in has_class)
		if (!(pair in want_class)) {
			split(pair, part, SUBSEP)
			if (head[part[1]] ~ /^BUG: /)
				continue
			print "report " part[1] " has another class: " part[2]
		}
}
