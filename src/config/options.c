/* Values of all layers take one way: found in the table, parsed and checked by
 * the type of the row, then stored unless a higher layer has set the option. A
 * wrong value changes nothing. */
#include "config/options.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/printable.h"
#include "base/units.h"
#include "config/option_checks.h"
#include "http/https_url.h"
#include "nats/server_url.h"

enum {
	LIST_MAX = 64, /* items */
	SHOWN_MAX = 96,
};

/* The layer of each row. */
struct options_state {
	size_t n;
	enum options_layer layer[];
};

/* Enums are stored as unsigned, which they are on every supported ABI. */
_Static_assert(sizeof(enum options_ping_style) == sizeof(unsigned) &&
		       sizeof(enum options_auth) == sizeof(unsigned) &&
		       sizeof(enum log_format) == sizeof(unsigned) &&
		       sizeof(enum log_level) == sizeof(unsigned),
	       "enums are unsigned");

/* ---- names ------------------------------------------------------------ */

static const struct options_row *find_option_row(const char *name)
{
	const struct options_row *row = options_find(name);

	MUST(row != NULL);
	return row;
}

/* "ping-interval" becomes "SLUICE_PING_INTERVAL", in OPTIONS_ORIGIN_MAX
 * bytes. */
static void env_name_of(const struct options_row *row, char *out)
{
	char *p = out;

	snprintf(out, OPTIONS_ORIGIN_MAX, "SLUICE_%s", row->name);
	for (p += strlen("SLUICE_"); *p != '\0'; p++)
		*p = *p == '-'		      ? '_'
		     : *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A')
					      : *p;
}

void options_name(const struct options_row *row, enum options_layer layer,
		  char *out)
{
	const char *nats = row->nats_env == NULL ? row->name : row->nats_env;
	const char *field = row->field == NULL ? row->name : row->field;

	switch (layer) {
	case OPTIONS_FLAG:
		snprintf(out, OPTIONS_ORIGIN_MAX, "--%s", row->name);
		break;
	case OPTIONS_ENV:
		env_name_of(row, out);
		break;
	case OPTIONS_NATS_ENV:
		snprintf(out, OPTIONS_ORIGIN_MAX, "%s", nats);
		break;
	case OPTIONS_CONTEXT:
		snprintf(out, OPTIONS_ORIGIN_MAX, "field \"%s\"", field);
		break;
	case OPTIONS_DEFAULT:
		snprintf(out, OPTIONS_ORIGIN_MAX, "default");
		break;
	}
}

enum options_layer options_layer_of(const struct options *o,
				    const struct options_row *row)
{
	return o->state->layer[row - options_table];
}

void options_origin(const struct options *o, const char *name, char *out)
{
	const struct options_row *row = find_option_row(name);

	options_name(row, options_layer_of(o, row), out);
}

static bool is_visible_row(const struct options_row *row)
{
	return (row->flags & OPTIONS_HIDDEN) == 0;
}

const struct options_row *options_nearest(const char *name)
{
	size_t len = strlen(name);
	unsigned best = len < 6 ? 2 : 3;
	const struct options_row *ret = NULL;

	for (size_t i = 0; i < options_rows; i++) {
		const struct options_row *row = &options_table[i];
		unsigned d = option_checks_distance(name, row->name);

		if (!is_visible_row(row))
			continue;
		if (len >= 3 && strncmp(name, row->name, len) == 0)
			d = 0;
		if (d < best) {
			best = d;
			ret = row;
		}
	}
	return ret;
}

/* ---- one value -------------------------------------------------------- */

/* `add`: appends the items to those of the same layer; otherwise replaces
 * all. */
static int store_option_list(struct options_strings *to,
			     struct options_strings *from, bool add,
			     const char **why)
{
	int rc = 0;

	if (!add)
		options_strings_finish(to);
	else if (to->n == 0 || from->n == 0)
		*why = "off must be the only value";
	else if (to->n + from->n > LIST_MAX)
		*why = "more than 64 values";
	if (add && *why != NULL)
		return -EINVAL;
	for (size_t i = 0; i < from->n; i++) {
		char *item = from->items[i];

		from->items[i] = NULL;
		if (rc == 0)
			rc = options_strings_add(to, item);
		else
			free(item);
	}
	return rc;
}

static int store_option(struct options *o, const struct options_row *row,
			struct option_value *p, bool add, const char **why)
{
	void *at = (char *)o + row->offset;

	switch (row->type) {
	case OPTIONS_LIST:
		return store_option_list(at, &p->list, add, why);
	case OPTIONS_STRING:
		option_value_free_text(*(char **)at);
		*(char **)at = p->text;
		p->text = NULL;
		break;
	case OPTIONS_WORD:
		*(unsigned *)at = (unsigned)p->number;
		break;
	case OPTIONS_BOOL:
		*(bool *)at = p->number != 0;
		break;
	default:
		*(uint64_t *)at = p->number;
		break;
	}
	return 0;
}

static int reject_option_value(char *err, const struct options_row *row,
			       enum options_layer layer, const char *value,
			       const char *why)
{
	char name[OPTIONS_ORIGIN_MAX], takes[OPTION_VALUE_TAKES_MAX];
	char url[SHOWN_MAX * 4], shown[SHOWN_MAX] = "", quoted[SHOWN_MAX + 4];
	bool reason = why != NULL && *why != '\0';

	options_name(row, layer, name);
	option_value_takes(row, takes);
	if (row->flags & OPTIONS_HTTPS)
		https_url_hide(value, url, sizeof(url));
	else if (row->flags & OPTIONS_URL)
		server_url_hide_userinfo(value, url, sizeof(url));
	else
		snprintf(url, sizeof(url), "%s", value);
	printable_text(shown, sizeof(shown), url);
	snprintf(quoted, sizeof(quoted), " \"%s\"", shown);
	/* A data: URI may contain a key. */
	if ((row->flags & OPTIONS_SECRET) || strncmp(value, "data:", 5) == 0)
		quoted[0] = '\0';
	snprintf(err, OPTIONS_ERROR_MAX, "%s: wrong value%s%s%s%s; takes %s",
		 name, quoted, reason ? " (" : "", reason ? why : "",
		 reason ? ")" : "", takes);
	return -EINVAL;
}

static int fail_option_memory(char *err)
{
	snprintf(err, OPTIONS_ERROR_MAX, "out of memory");
	return -ENOMEM;
}

static int set_option_row(struct options *o, enum options_layer layer,
			  const struct options_row *row, const char *value,
			  char *err)
{
	enum options_layer *present = &o->state->layer[row - options_table];
	struct option_value p = {0};
	const char *why = NULL;
	int rc = option_value_parse(row, value, &p, &why);

	if (rc == 0 && layer >= *present) {
		/* Defaults replace each other. */
		bool add = layer == *present && layer != OPTIONS_DEFAULT;

		rc = store_option(o, row, &p, add, &why);
		if (rc == 0)
			*present = layer;
	}
	option_value_finish(&p);
	if (rc == -ENOMEM)
		return fail_option_memory(err);
	return rc < 0 ? reject_option_value(err, row, layer, value, why) : 0;
}

static int unknown_option(char *err, const char *name)
{
	const struct options_row *row = options_nearest(name);
	char shown[SHOWN_MAX];

	printable_text(shown, sizeof(shown), name);
	if (row != NULL)
		snprintf(err, OPTIONS_ERROR_MAX,
			 "unknown option --%s; did you mean --%s?", shown,
			 row->name);
	else
		snprintf(err, OPTIONS_ERROR_MAX,
			 "unknown option --%s; --help lists them all", shown);
	return -EINVAL;
}

int options_set(struct options *o, enum options_layer layer, const char *name,
		const char *value, char *err)
{
	const struct options_row *row = options_find(name);

	if (row == NULL || (!is_visible_row(row) && layer >= OPTIONS_ENV))
		return unknown_option(err, name);
	return set_option_row(o, layer, row, value, err);
}

/* ---- all of them ------------------------------------------------------ */

int options_reset(struct options *o, const struct options_row *row)
{
	void *at = (char *)o + row->offset;
	char err[OPTIONS_ERROR_MAX];
	int rc;

	o->state->layer[row - options_table] = OPTIONS_DEFAULT;
	if (row->value != NULL) {
		rc = set_option_row(o, OPTIONS_DEFAULT, row, row->value, err);
		MUST(rc == 0 || rc == -ENOMEM);
		return rc;
	}
	if (row->type == OPTIONS_STRING) {
		option_value_free_text(*(char **)at);
		*(char **)at = NULL;
	}
	return 0;
}

int options_init(struct options *o)
{
	size_t size =
		sizeof(*o->state) + options_rows * sizeof(o->state->layer[0]);
	int rc = 0;

	*o = (struct options){0};
	o->state = calloc(1, size);
	if (o->state == NULL)
		return -ENOMEM;
	o->state->n = options_rows;
	for (size_t i = 0; rc == 0 && i < options_rows; i++)
		rc = options_reset(o, &options_table[i]);
	if (rc < 0)
		options_finish(o);
	return rc;
}

void options_finish(struct options *o)
{
	if (o == NULL)
		return;
	for (size_t i = 0; i < options_rows; i++) {
		void *at = (char *)o + options_table[i].offset;

		if (options_table[i].type == OPTIONS_STRING)
			option_value_free_text(*(char **)at);
		else if (options_table[i].type == OPTIONS_LIST)
			options_strings_finish(at);
	}
	free(o->state);
	*o = (struct options){0};
}

bool options_token_rights(const struct options *o)
{
	return o->auth == AUTH_JWT && strcmp(o->jwt_rights, "off") != 0;
}

bool options_writing(const struct options *o)
{
	return o->allow_pub.n > 0 || options_token_rights(o);
}

/* An identity cannot be $KV: see pattern_template_render(). */
static bool names_entries(const struct options_strings *templates)
{
	static const char first[] = "$KV.";

	for (size_t i = 0; i < templates->n; i++)
		if (strncmp(templates->items[i], first, sizeof(first) - 1) == 0)
			return true;
	return false;
}

bool options_key_value(const struct options *o)
{
	return options_token_rights(o) || names_entries(&o->allow_sub) ||
	       names_entries(&o->allow_pub);
}

static int copy_option_row(struct options *dst, const struct options *src,
			   const struct options_row *row)
{
	const void *from = (const char *)src + row->offset;
	void *to = (char *)dst + row->offset;
	const char *text;

	if (row->type == OPTIONS_LIST)
		return options_strings_copy(to, from);
	if (row->type != OPTIONS_STRING)
		return 0;
	text = *(char *const *)from;
	if (text == NULL)
		return 0;
	*(char **)to = strdup(text);
	return *(char **)to == NULL ? -ENOMEM : 0;
}

int options_copy(struct options *dst, const struct options *src)
{
	size_t size = sizeof(*src->state) +
		      src->state->n * sizeof(src->state->layer[0]);
	int rc;

	*dst = *src;
	/* Drop the pointers that `src` owns. */
	for (size_t i = 0; i < options_rows; i++) {
		void *at = (char *)dst + options_table[i].offset;

		if (options_table[i].type == OPTIONS_STRING)
			*(char **)at = NULL;
		else if (options_table[i].type == OPTIONS_LIST)
			*(struct options_strings *)at =
				(struct options_strings){0};
	}
	dst->state = malloc(size);
	rc = dst->state == NULL ? -ENOMEM : 0;
	if (rc == 0)
		memcpy(dst->state, src->state, size);
	for (size_t i = 0; rc == 0 && i < options_rows; i++)
		rc = copy_option_row(dst, src, &options_table[i]);
	if (rc < 0)
		options_finish(dst);
	return rc;
}
