// SPDX-License-Identifier: GPL-2.0
/*
 * vfencectl: the words of a command, and what they name.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/vfence.h>

#include "vfencectl.h"

struct item items[MAX_ITEMS];
int item_count;

/* The next word of a command, or NULL at its end. */
char *next(struct words *w, int *at)
{
	return *at < w->count ? w->word[(*at)++] : NULL;
}

char *want(struct words *w, int *at, const char *what)
{
	if (*at >= w->count)
		wrong("%s wants %s", w->word[0], what);
	return w->word[(*at)++];
}

void no_more(struct words *w, int at)
{
	if (at < w->count)
		wrong("%s does not want '%s'", w->word[0], w->word[at]);
}

/* Is the word `key`=TEXT? */
int value(const char *word, const char *key, const char **text)
{
	size_t length = strlen(key);

	if (strncmp(word, key, length) || word[length] != '=')
		return 0;
	*text = word + length + 1;
	return 1;
}

uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	if (!isdigit(text[0]) || *end)
		wrong("'%s' is not a number", text);
	return n;
}

/* In ns. */
uint64_t duration(const char *text)
{
	static const struct { const char *name; double ns; } units[] = {
		{ "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 },
	};
	char *end;
	double n = strtod(text, &end);

	for (unsigned int i = 0; i < 4; i++)
		if (isdigit(text[0]) && end != text && !strcmp(end, units[i].name))
			return n * units[i].ns;
	wrong("'%s' is not a time, such as 20ms", text);
}

/* A negative error code, by its number or name. */
int error_code(const char *text)
{
	for (int e = 1; e < 4096; e++) {
		const char *name = strerrorname_np(e);

		if (name && !strcmp(name, text))
			return -e;
	}
	return -(int)number(text[0] == '-' ? text + 1 : text);
}

struct item *find(const char *name)
{
	for (int i = item_count; i-- > 0;)
		if (!strcmp(items[i].name, name))
			return &items[i];
	return NULL;
}

struct item *add(const char *name, enum kind kind, int fd)
{
	struct item *item = &items[item_count];

	if (find(name))
		wrong("there is a '%s' already", name);
	if (!isalpha(name[0]) || strlen(name) >= sizeof(item->name) || strchr(name, ','))
		wrong("'%s' will not do for a name", name);
	if (item_count == MAX_ITEMS)
		failed("there are too many names");
	strcpy(item->name, name);
	item->kind = kind;
	item->fd = fd;
	item->since = now();
	item_count++;
	return item;
}

/* A name; or the number of a descriptor that the program has inherited. */
int timeline(const char *name)
{
	struct item *item = find(name);

	if (item && item->kind == TIMELINE)
		return item->fd;
	if (!item && isdigit(name[0]))
		return number(name);
	wrong("there is no timeline '%s'", name);
}

struct item *fence(const char *name)
{
	struct item *item = find(name);

	if (!item || item->kind != FENCE)
		wrong("there is no fence '%s'", name);
	return item;
}

/* Names with commas between. */
uint32_t fences(const char *list, int *fds)
{
	char *copy = strdup(list), *rest = copy, *name;
	uint32_t count = 0;

	while ((name = strsep(&rest, ","))) {
		if (count == VFENCE_MAX_FDS)
			wrong("more than %d fences", VFENCE_MAX_FDS);
		fds[count++] = fence(name)->fd;
	}
	free(copy);
	return count;
}
