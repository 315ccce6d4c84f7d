#include "http/accept.h"

#include <stddef.h>
#include <string.h>

#include "base/ascii.h"
#include "base/span.h"

/* How closely a range names a type. The closest range decides. */
enum closeness { CLOSE_NOT, CLOSE_ANY, CLOSE_TYPE, CLOSE_EXACT };

struct range {
	struct span type, subtype;
	int weight; /* q in thousandths; at least 1 where q is above 0 */
};

static bool is_media_word(struct span s, const char *word)
{
	return ascii_is_word(s.at, s.len, word);
}

static void skip_accept_blanks(const char **p)
{
	while (ascii_is_blank(**p))
		(*p)++;
}

static struct span take_media_token(const char **p)
{
	struct span token = {*p, 0};

	while (ascii_is_token_char(**p))
		(*p)++;
	token.len = (size_t)(*p - token.at);
	return token;
}

/* Moves behind the closing quote; false without one, at the end. */
static bool skip_quoted_string(const char **p)
{
	(*p)++;
	while (**p != '\0' && **p != '"') {
		if (**p == '\\' && (*p)[1] != '\0')
			(*p)++;
		(*p)++;
	}
	if (**p == '\0')
		return false;
	(*p)++;
	return true;
}

/* Moves to the comma after a range, or to the end. */
static void skip_media_range(const char **p)
{
	while (**p != '\0' && **p != ',') {
		if (**p == '"')
			skip_quoted_string(p);
		else
			(*p)++;
	}
}

/* 0 to 1. Also accepts more than three decimals, and ".2" of old Java
 * clients. */
static bool parse_weight(struct span text, int *weight)
{
	int n = 0, unit = 100;
	size_t digits = 0, i = 0;
	bool fraction = false;

	if (i < text.len && (text.at[i] == '0' || text.at[i] == '1')) {
		n = text.at[i++] == '1' ? 1000 : 0;
		digits++;
	}
	if (i < text.len && text.at[i] == '.')
		i++;
	else if (i < text.len)
		return false;
	for (; i < text.len && ascii_is_digit(text.at[i]);
	     i++, digits++, unit /= 10) {
		n += (text.at[i] - '0') * unit;
		fraction |= text.at[i] != '0';
	}
	if (i < text.len || digits == 0 || n > 1000 || (n == 1000 && fraction))
		return false;
	*weight = n == 0 && fraction ? 1 : n;
	return true;
}

/* `;name=value` of a range. Only q has a meaning. */
static bool take_parameter(const char **p, struct range *r)
{
	struct span name, value;

	skip_accept_blanks(p);
	name = take_media_token(p);
	if (name.len == 0)
		return **p == ';' || **p == ',' || **p == '\0';
	if (**p != '=')
		return false;
	(*p)++;
	if (**p == '"' && !is_media_word(name, "q"))
		return skip_quoted_string(p);
	value = take_media_token(p);
	if (is_media_word(name, "q"))
		return parse_weight(value, &r->weight);
	return value.len > 0;
}

/* False for a malformed range, with *p somewhere inside of it. */
static bool take_media_range(const char **p, struct range *r)
{
	r->weight = 1000;
	skip_accept_blanks(p);
	r->type = take_media_token(p);
	if (r->type.len == 0 || **p != '/')
		return false;
	(*p)++;
	r->subtype = take_media_token(p);
	if (r->subtype.len == 0)
		return false;
	for (skip_accept_blanks(p); **p == ';'; skip_accept_blanks(p)) {
		(*p)++;
		if (!take_parameter(p, r))
			return false;
	}
	return **p == ',' || **p == '\0';
}

static enum closeness range_closeness(const struct range *r, const char *type,
				      const char *subtype)
{
	bool any = is_media_word(r->subtype, "*");

	if (is_media_word(r->type, "*"))
		return any ? CLOSE_ANY : CLOSE_NOT;
	if (!is_media_word(r->type, type))
		return CLOSE_NOT;
	if (any)
		return CLOSE_TYPE;
	return is_media_word(r->subtype, subtype) ? CLOSE_EXACT : CLOSE_NOT;
}

struct verdict {
	enum closeness closest;
	int weight;    /* of the closest range */
	bool no_range; /* no range is well-formed */
};

static struct verdict judge_accept(const char *accept, const char *type,
				   const char *subtype)
{
	struct verdict v = {.no_range = true};

	for (const char *p = accept; p != NULL && *p != '\0';) {
		struct range r;
		enum closeness closeness;

		if (take_media_range(&p, &r)) {
			v.no_range = false;
			closeness = range_closeness(&r, type, subtype);
			if (closeness > v.closest ||
			    (closeness == v.closest && r.weight > v.weight))
				v.weight = r.weight;
			if (closeness > v.closest)
				v.closest = closeness;
		}
		skip_media_range(&p);
		if (*p == ',')
			p++;
	}
	return v;
}

bool accept_allows(const char *accept, const char *type, const char *subtype)
{
	struct verdict v = judge_accept(accept, type, subtype);

	return v.no_range || (v.closest != CLOSE_NOT && v.weight > 0);
}

bool accept_names(const char *accept, const char *type, const char *subtype)
{
	struct verdict v = judge_accept(accept, type, subtype);

	return v.closest == CLOSE_EXACT && v.weight > 0;
}

bool accept_prefers_ndjson(const char *accept)
{
	struct verdict lines = judge_accept(accept, "application", "x-ndjson");
	struct verdict events = judge_accept(accept, "text", "event-stream");

	if (lines.closest != CLOSE_EXACT || lines.weight == 0)
		return false;
	return events.closest == CLOSE_NOT || lines.weight > events.weight ||
	       (lines.weight == events.weight && events.closest != CLOSE_EXACT);
}

int accept_best(const char *accept, const struct accept_offer *offers, size_t n)
{
	struct verdict best = {CLOSE_NOT, 0, false};
	int index = -1;

	for (size_t i = 0; i < n; i++) {
		struct verdict v =
			judge_accept(accept, offers[i].type, offers[i].subtype);
		bool exact = v.closest == CLOSE_EXACT;

		if (v.no_range)
			return 0;
		if (v.closest == CLOSE_NOT || v.weight == 0 ||
		    v.weight < best.weight ||
		    (v.weight == best.weight &&
		     (!exact || best.closest == CLOSE_EXACT)))
			continue;
		best = v;
		index = (int)i;
	}
	return index;
}
