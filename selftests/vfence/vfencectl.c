// SPDX-License-Identifier: GPL-2.0
/*
 * vfencectl: /dev/vfence by hand, and for scripts.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vfencectl.h"

static const char help[] =
"Usage: vfencectl COMMAND [ARGUMENT]... [: COMMAND [ARGUMENT]...]...\n"
"       vfencectl --file SCRIPT      a command a line; # begins a comment; - is stdin\n"
"\n"
"Commands run one after the other, up to one that fails. TIMELINE and FENCE are names\n"
"given by an earlier command, or for a timeline the number of a descriptor that was\n"
"inherited (exec 3<>/dev/vfence). A fence without 'as NAME' is closed at once. A TIME\n"
"has a unit, as in 20ms; an ERROR is a name or number, as EIO or 5.\n"
"\n"
"  create TIMELINE [ordered|unordered|points] [name=TEXT]\n"
"  submit TIMELINE [manual] [delay=TIME] [error=ERROR] [in=FENCE,...] [in-error]\n"
"         [array=FENCE,... | chain=FENCE|none point=N] [as FENCE]\n"
"  signal TIMELINE NUMBER [one] [nowait]    complete jobs by hand\n"
"  hang TIMELINE\n"
"  reset TIMELINE [ERROR]                   with ECANCELED, or ETIME\n"
"  point TIMELINE NUMBER [as FENCE]         a fence as sw_sync makes it\n"
"  inc TIMELINE [NUMBER]                    increment the counter, as sw_sync does\n"
"  merge FENCE... as FENCE                  with SYNC_IOC_MERGE\n"
"  array FENCE... as FENCE\n"
"  chain NUMBER FENCE|none FENCE as FENCE   a link: point, what comes before, content\n"
"  wait FENCE [TIME]                        fails if it has not signalled by then (60s)\n"
"  expect FENCE pending|signalled|ERROR     fails if it is not\n"
"  deadline FENCE TIME                      set a deadline, from now\n"
"  info [TIMELINE|FENCE]                    of the device, without a name\n"
"  dump                                     info of all timelines and fences\n"
"  draw                                     all fences, in time\n"
"  close TIMELINE|FENCE\n"
"  sleep TIME\n"
"  say TEXT...\n"
"\n"
"Times are in ms since the start. Exit status: 0; 1 if a command failed; 2 if one was\n"
"wrong, which includes an unknown name.\n";

long long started;

/* Where in a script; 0 for the command line. */
static int line;

long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 * MSEC + t.tv_nsec;
}

static void complain(const char *fmt, va_list args)
{
	fprintf(stderr, "vfencectl: ");
	if (line)
		fprintf(stderr, "line %d: ", line);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
}

void wrong(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain(fmt, args);
	va_end(args);
	exit(2);
}

void failed(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain(fmt, args);
	va_end(args);
	exit(1);
}

void event(const char *fmt, ...)
{
	va_list args;

	printf("  %8.1f ms  ", (double)(now() - started) / MSEC);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static void add_word(struct words *w, char *word)
{
	if (w->count == sizeof(w->word) / sizeof(w->word[0]))
		wrong("a command of too many words");
	w->word[w->count++] = word;
}

static void run(struct words *w)
{
	if (w->count)
		run_command(w);
	w->count = 0;
}

static void run_script(const char *path)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	struct words w = {};
	char *text = NULL, *rest, *word;
	size_t size = 0;

	if (!file)
		failed("%s: %s", path, strerror(errno));
	while (getline(&text, &size, file) >= 0) {
		line++;
		text[strcspn(text, "#\n")] = '\0';
		rest = text;
		while ((word = strsep(&rest, " \t")))
			if (*word)
				add_word(&w, word);
		run(&w);
	}
	if (ferror(file))
		failed("%s: %s", path, strerror(errno));
	free(text);
}

int main(int argc, char **argv)
{
	struct words w = {};

	started = now();
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "--file")) {
		run_script(argv[2]);
		return 0;
	}
	if (argc < 2 || argv[1][0] == '-')
		wrong("what is to be done? (--help explains)");
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], ":"))
			run(&w);
		else
			add_word(&w, argv[i]);
	}
	run(&w);
	return 0;
}
