#include "args.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static void print_help(const struct arg *table, const char *program)
{
	printf("usage: %s [OPTION]...\n", program);
	for (; table->name != NULL; table++)
		printf("  --%-14s %s\n", table->name, table->help);
}

static const struct arg *find(const struct arg *table, const char *word)
{
	for (; table->name != NULL; table++)
		if (strcmp(table->name, word) == 0)
			return table;
	return NULL;
}

static bool take_number(void *to, const char *value)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0)
		return false;
	*(uint64_t *)to = n;
	return true;
}

static bool take_seconds(void *to, const char *value)
{
	char *end;
	double s = strtod(value, &end);

	if (end == value || *end != '\0' || !(s >= 0 && s < 1e9))
		return false;
	*(uint64_t *)to = (uint64_t)(s * 1e9);
	return true;
}

static bool take_item(struct args_list *to, const char *value)
{
	if (to->n == ARGS_LIST_MAX)
		return false;
	to->texts[to->n++] = value;
	return true;
}

static bool take(const struct arg *a, const char *value)
{
	switch (a->kind) {
	case ARG_NUMBER:
		return take_number(a->to, value);
	case ARG_SECONDS:
		return take_seconds(a->to, value);
	case ARG_LIST:
		return take_item(a->to, value);
	case ARG_TEXT:
		*(const char **)a->to = value;
		return true;
	case ARG_FLAG:
		*(bool *)a->to = true;
		return true;
	}
	return false;
}

void args_parse(const struct arg *table, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		const struct arg *a = NULL;
		const char *value = NULL;

		if (strcmp(word, "--help") == 0) {
			print_help(table, argv[0]);
			exit(0);
		}
		if (strncmp(word, "--", 2) == 0)
			a = find(table, word + 2);
		if (a != NULL && a->kind != ARG_FLAG)
			value = argv[++i];
		if (a == NULL || (a->kind != ARG_FLAG && value == NULL) ||
		    !take(a, value)) {
			fprintf(stderr, "%s: %s %s: see --help\n", argv[0],
				word, value == NULL ? "" : value);
			exit(2);
		}
	}
}

void args_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}
