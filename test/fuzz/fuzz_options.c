/* The command line and the environment: what is refused is refused in one line,
 * what is taken is printed as it can be given again, and neither shows a
 * secret.
 *
 * Input: strings with NULs between them. One that begins with SLUICE_ or NATS_
 * is a variable, any other an argument. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "bytes.h"
#include "config/option_help.h"
#include "config/option_sources.h"
#include "config/options.h"
#include "fuzz.h"

enum { ITEMS_MAX = 48 };

struct given {
	char *args[ITEMS_MAX + 2]; /* with the program's name, and NULL */
	char *env[ITEMS_MAX + 1];
	int n_args;
	size_t n_env;
};

/* ---- the input ------------------------------------------------------------
 */

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void given_init(struct given *g, struct fuzz_input in)
{
	*g = (struct given){0};
	g->args[g->n_args++] = strdup("sluice");
	for (size_t i = 0; i < ITEMS_MAX && in.left > 0; i++) {
		char *text = fuzz_take_text(&in);

		if (begins(text, "SLUICE_") || begins(text, "NATS_"))
			g->env[g->n_env++] = text;
		else
			g->args[g->n_args++] = text;
	}
}

static void given_finish(struct given *g)
{
	for (int i = 0; i < g->n_args; i++)
		free(g->args[i]);
	for (size_t i = 0; i < g->n_env; i++)
		free(g->env[i]);
}

/* ---- secrets --------------------------------------------------------------
 */

enum place { NO_PLACE, BEHIND, BEFORE_HOST };

/* Whether the option or variable takes a secret, and where. */
static enum place place_of(const char *name, size_t len)
{
	static const struct {
		const char *name;
		enum place place;
	} places[] = {
		{"--password", BEHIND},	     {"--token", BEHIND},
		{"SLUICE_PASSWORD", BEHIND}, {"SLUICE_TOKEN", BEHIND},
		{"NATS_PASSWORD", BEHIND},   {"NATS_TOKEN", BEHIND},
		{"NATS_JWT", BEHIND},	     {"NATS_SEED", BEHIND},
		{"--server", BEFORE_HOST},   {"SLUICE_SERVER", BEFORE_HOST},
		{"NATS_URL", BEFORE_HOST},
	};

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (strlen(places[i].name) == len &&
		    memcmp(places[i].name, name, len) == 0)
			return places[i].place;
	return NO_PLACE;
}

/* As the user of each URL of a list. */
static void put_users(struct bytes *out, const char *list)
{
	while (*list != '\0') {
		size_t len = strcspn(list, ",");
		const char *at = memmem(list, len, "://", 3);
		size_t before = at == NULL ? 0 : (size_t)(at - list) + 3;

		bytes_add(out, list, before);
		bytes_add(out, FUZZ_SECRET "@", strlen(FUZZ_SECRET "@"));
		bytes_add(out, list + before, len - before);
		list += len;
		if (*list == ',')
			bytes_add_char(out, *list++);
	}
}

/* Puts the secret into the value that begins behind `before` bytes. */
static void add_secret(char **text, size_t before, enum place place)
{
	struct bytes out = {0};

	bytes_add(&out, *text, before);
	if (place == BEFORE_HOST) {
		put_users(&out, *text + before);
	} else {
		bytes_add(&out, *text + before, strlen(*text + before));
		bytes_add(&out, FUZZ_SECRET, strlen(FUZZ_SECRET));
	}
	free(*text);
	*text = out.at;
}

/* An item "NAME=VALUE". */
static void add_to_pair(char **text)
{
	size_t name = strcspn(*text, "=");
	enum place place = place_of(*text, name);

	if ((*text)[name] == '=' && place != NO_PLACE)
		add_secret(text, name + 1, place);
}

static bool is_option(const char *arg)
{
	const struct options_row *row;
	char name[64];

	if (!begins(arg, "--"))
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(arg + 2, "="),
		 arg + 2);
	row = options_find(name);
	return row != NULL && (row->flags & OPTIONS_HIDDEN) == 0;
}

static void add_secrets(struct given *g)
{
	for (size_t i = 0; i < g->n_env; i++)
		add_to_pair(&g->env[i]);
	for (int i = 1; i < g->n_args; i++) {
		enum place place = place_of(g->args[i], strlen(g->args[i]));

		add_to_pair(&g->args[i]);
		/* An option that comes next is no value. */
		if (place != NO_PLACE && i + 1 < g->n_args &&
		    !is_option(g->args[i + 1]))
			add_secret(&g->args[++i], 0, place);
	}
}

/* ---- what is taken --------------------------------------------------------
 */

/* Text of --check-config; to be freed. */
static char *print(const struct options *o)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	MUST(option_help_print_config(o, &out) == 0 &&
	     buf_putc(&out, '\0') == 0);
	return (char *)out.data;
}

/* "\nNAME = VALUE  (" in the text of --check-config: the value, cut out. */
static char *printed(const char *text, const char *name)
{
	char begin[80];
	const char *at, *end;

	snprintf(begin, sizeof(begin), "%s = ", name);
	at = begins(text, begin) ? text : NULL;
	if (at == NULL) {
		snprintf(begin, sizeof(begin), "\n%s = ", name);
		at = strstr(text, begin);
	}
	MUST(at != NULL);
	at += strlen(begin);
	end = memmem(at, strcspn(at, "\n"), "  (", 3);
	MUST(end != NULL);
	return strndup(at, (size_t)(end - at));
}

/* Numbers, sizes, durations and words: what --check-config prints gives the
 * same again. */
static void must_come_back(const struct options *o, const char *text)
{
	char err[OPTIONS_ERROR_MAX], *again;
	struct options fresh;

	MUST(options_init(&fresh) == 0);
	for (size_t i = 0; i < options_rows; i++) {
		const struct options_row *row = &options_table[i];
		char *value;

		if (row->type == OPTIONS_STRING || row->type == OPTIONS_LIST ||
		    (row->flags & OPTIONS_ACTION) ||
		    options_layer_of(o, row) == OPTIONS_DEFAULT)
			continue;
		value = printed(text, row->name);
		MUST(options_set(&fresh, OPTIONS_FLAG, row->name, value, err) ==
		     0);
		again = print(&fresh);
		free(value);
		value = printed(again, row->name);
		free(again);
		again = printed(text, row->name);
		MUST(strcmp(value, again) == 0);
		free(again);
		free(value);
	}
	options_finish(&fresh);
}

static void must_be_settings(const struct options *o)
{
	struct options copy;
	char *text = print(o), *again;

	for (const char *p = text; *p != '\0'; p++)
		MUST(*p == '\n' || (*p >= ' ' && *p <= '~'));
	fuzz_must_hide_secret(text);
	MUST(options_copy(&copy, o) == 0);
	again = print(&copy);
	MUST(strcmp(text, again) == 0);
	options_finish(&copy);
	free(again);
	must_come_back(o, text);
	free(text);
}

static void run(const struct given *g)
{
	char err[OPTIONS_ERROR_MAX] = "";
	struct options o;
	int rc;

	MUST(options_init(&o) == 0);
	rc = option_sources_parse_args(&o, g->n_args, g->args, err);
	if (rc == 0)
		rc = option_sources_parse_env(&o, g->env, err);
	if (rc == 0)
		rc = option_sources_finish(&o, err);
	if (rc < 0) {
		fuzz_must_be_line(err, sizeof(err));
		fuzz_must_hide_secret(err);
	} else {
		must_be_settings(&o);
	}
	options_finish(&o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct given g;

	/* An input that has found out the secret may show it. */
	if (memmem(data, size, FUZZ_SECRET_HALF, strlen(FUZZ_SECRET_HALF)) !=
	    NULL)
		return 0;
	given_init(&g, (struct fuzz_input){data, size});
	run(&g);
	add_secrets(&g);
	run(&g);
	given_finish(&g);
	return 0;
}
