# SPDX-License-Identifier: GPL-2.0
#
# lockdep.awk -v from=NAME -v to=NAME /proc/lockdep /proc/lockdep_chains: does lockdep
# know of an order of these two lock classes, directly or by way of others? Prints
# the way and exits with 0 if so, with 1 if not, and with 2 if there is no such class.
#
# lockdep.awk -v digest=1 /proc/lockdep /proc/lockdep_chains: prints what it needs of
# these, once, to be read instead of them. With -v waited=1, it leaves out what was
# tried with others held and not waited for, as lockdep does: then that comes after none
# of them, though it is held with them when something else is locked.
#
# The first file has a line for a class, with its key and its name, and one for each
# class that was locked with it held:
#
#	ffff... OPS:  12 FD:   3 BD:   1 ....: name
#	 -> [ffff...] name
#
# but not for those that came after it across a third, which may be as little as an
# RCU section. The second has all that was held when something was locked:
#
#	irq_context: 0
#	[ffff...] name
#	[ffff...] name

/ BD: *[0-9]+ [^ ]+: / {
	key = $1
	match($0, / BD: *[0-9]+ [^ ]+: /)
	name[key] = substr($0, RSTART + RLENGTH)
	next
}

/^ -> \[/ {
	edge(key, plain($2))
	next
}

/^irq_context: / {
	end_of_chain()
	next
}

# Readers of RCU wait for nobody.
/^\[[0-9a-f]+\] / && $2 !~ /^rcu_(read_lock|callback)/ {
	this = plain($1)
	name[this] = substr($0, length($1) + 2)
	if (!waited && held != "")
		edge(held, this)
	held = waited ? held " " this : this
}

# Only the last one was waited for here. If those before it were, they are the last of
# other chains.
function end_of_chain(    n, i, locks) {
	n = waited ? split(held, locks, " ") : 0
	for (i = 1; i < n; i++)
		edge(locks[i], locks[n])
	held = ""
}

function plain(key) {
	gsub(/[][]/, "", key)
	return key
}

function edge(before, after) {
	if (!((before, after) in seen)) {
		seen[before, after] = 1
		edges[before] = edges[before] " " after
	}
}

# A name is for several classes if their keys differ, or a lock has subclasses.
function is_called(key, what) {
	return name[key] == what || index(name[key], what "#") == 1 ||
	       index(name[key], what "/") == 1
}

END {
	end_of_chain()
	if (digest) {
		for (key in name) {
			print key " BD: 0 .: " name[key]
			n = split(edges[key], nexts, " ")
			for (i = 1; i <= n; i++)
				print " -> [" nexts[i] "]"
		}
		exit 0
	}
	last = 0
	for (key in name) {
		if (is_called(key, from)) {
			queue[++last] = key
			way[key] = name[key]
		}
		if (is_called(key, to))
			known = 1
	}
	if (!last || !known) {
		print "there is no class called '" (last ? to : from) "'"
		exit 2
	}
	for (first = 1; first <= last; first++) {
		n = split(edges[queue[first]], nexts, " ")
		for (i = 1; i <= n; i++) {
			key = nexts[i]
			if (is_called(key, to)) {
				print way[queue[first]] " -> " name[key]
				exit 0
			}
			if (!(key in way)) {
				way[key] = way[queue[first]] " -> " name[key]
				queue[++last] = key
			}
		}
	}
	exit 1
}
