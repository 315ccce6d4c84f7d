#include "http/etag.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/check.h"
#include "base/decimal.h"
#include "base/span.h"
#include "http/http_date.h"
#include "http/query.h"

size_t etag_format(char *out, uint64_t revision)
{
	return (size_t)snprintf(out, ETAG_MAX, "\"%" PRIu64 "\"", revision);
}

void etag_lines(char *out, uint64_t revision, uint64_t time_ns, uint64_t now_s)
{
	static const uint64_t ns_per_s = 1000000000;
	uint64_t seconds = time_ns / ns_per_s;
	char date[HTTP_DATE_MAX];
	int len = snprintf(out, ETAG_LINES_MAX,
			   "ETag: \"%" PRIu64 "\"\r\nNats-Revision: %" PRIu64
			   "\r\n",
			   revision, revision);

	if (seconds > now_s)
		seconds = now_s;
	if (time_ns > 0 && http_date_format(date, seconds) == 0)
		len += snprintf(out + len, ETAG_LINES_MAX - (size_t)len,
				"Last-Modified: %s\r\n", date);
	MUST(len > 0 && len < ETAG_LINES_MAX);
}

static int reject_condition(struct http_error *why, const char *name,
			    const char *fault)
{
	return http_error_set(why, 400, REJECT_BAD_HEADER, "header %s: %s",
			      name, fault);
}

static bool is_header(const struct http_header *h, const char *name)
{
	return ascii_is_word(h->name, h->name_len, name);
}

/* ---- lists --------------------------------------------------------------- */

/* One entity tag; `tag` without quotes. False: another form. */
static bool take_entity_tag(struct span *rest, struct span *tag, bool *is_weak)
{
	const char *end = rest->at + rest->len, *at = rest->at;

	*is_weak = rest->len > 2 && at[0] == 'W' && at[1] == '/';
	if (*is_weak)
		at += 2;
	if (at == end || *at++ != '"')
		return false;
	tag->at = at;
	while (at < end && *at != '"' && (unsigned char)*at > ' ' && *at != 127)
		at++;
	if (at == end || *at != '"')
		return false;
	tag->len = (size_t)(at - tag->at);
	*rest = (struct span){at + 1, (size_t)(end - at) - 1};
	return true;
}

/* Blanks and commas; returns the number of commas. */
static size_t skip_tag_separators(struct span *rest)
{
	size_t commas = 0;

	while (rest->len > 0 &&
	       (ascii_is_blank(*rest->at) || *rest->at == ',')) {
		commas += *rest->at == ',';
		rest->at++;
		rest->len--;
	}
	return commas;
}

/* Tags are opaque: "017" is not the tag of revision 17. */
static const char *add_tag(struct etag_list *list, struct span tag)
{
	uint64_t revision;

	if (!query_number(tag, &revision))
		return NULL;
	if (list->n == ETAG_LIST_MAX)
		return "it has more than 16 tags of revisions";
	list->revisions[list->n++] = revision;
	return NULL;
}

/* NULL, or what is wrong. `weak`: weak tags can match. */
static const char *take_tag_list(struct etag_list *list, struct span rest,
				 bool weak)
{
	const char *fault = NULL;
	bool is_first = true;

	for (;;) {
		size_t commas = skip_tag_separators(&rest);
		struct span tag;
		bool is_weak;

		if (rest.len == 0 && !is_first)
			return fault;
		if ((!is_first && commas == 0) ||
		    !take_entity_tag(&rest, &tag, &is_weak))
			return "it is not *, and not a list of entity tags "
			       "like "
			       "\"17\"";
		is_first = false;
		if (fault == NULL && (weak || !is_weak))
			fault = add_tag(list, tag);
	}
}

/* One header line. Several are one list (section 5.3). */
static int take_condition(struct etag_list *list, struct http_error *why,
			  const struct http_header *h, const char *name,
			  bool weak)
{
	struct span value = {h->value, h->value_len};
	const char *fault = NULL;

	if (list->is_any)
		fault = "it has a tag beside *";
	else if (value.len != 1 || *value.at != '*')
		fault = take_tag_list(list, value, weak);
	else if (list->is_given)
		fault = "it has a tag beside *";
	else
		list->is_any = true;
	list->is_given = true;
	return fault == NULL ? 0 : reject_condition(why, name, fault);
}

int etag_read_conditions(struct etag_conditions *ret, struct http_error *why,
			 const struct request *req)
{
	int rc = 0;

	*ret = (struct etag_conditions){0};
	for (size_t i = 0; rc == 0 && i < req->n_headers; i++) {
		const struct http_header *h = &req->headers[i];

		if (is_header(h, "If-Match"))
			rc = take_condition(&ret->match, why, h, "If-Match",
					    false);
		else if (is_header(h, "If-None-Match"))
			rc = take_condition(&ret->none_match, why, h,
					    "If-None-Match", true);
	}
	return rc;
}

static bool list_has(const struct etag_list *list, uint64_t revision)
{
	if (list->is_any && revision > 0)
		return true;
	for (size_t i = 0; i < list->n; i++)
		if (list->revisions[i] == revision && revision > 0)
			return true;
	return false;
}

/* In the order of section 13.2.2. */
enum etag_verdict etag_judge(const struct etag_conditions *c, uint64_t revision)
{
	if (c->match.is_given && !list_has(&c->match, revision))
		return ETAG_FAILED;
	if (c->none_match.is_given && list_has(&c->none_match, revision))
		return ETAG_NOT_MODIFIED;
	return ETAG_SEND;
}

/* ---- writes -------------------------------------------------------------- */

static int take_match(struct etag_expected *ret, struct http_error *why,
		      const struct http_header *h)
{
	struct span value = {h->value, h->value_len};

	if (value.len < 3 || value.at[0] != '"' ||
	    value.at[value.len - 1] != '"' ||
	    decimal_parse(&ret->revision, value.at + 1, value.len - 2) < 0)
		return reject_condition(why, "If-Match",
					"it is not one strong entity tag with "
					"a revision, like \"17\"");
	if (ret->revision == 0)
		return http_error_set(why, 412, REJECT_NOT_PUBLISHED,
				      "no value has the revision 0, revisions "
				      "begin at 1");
	return 0;
}

static int take_none_match(struct etag_expected *ret, struct http_error *why,
			   const struct http_header *h)
{
	if (h->value_len != 1 || *h->value != '*')
		return reject_condition(why, "If-None-Match", "it is not *");
	ret->is_create = true;
	return 0;
}

int etag_write_condition(struct etag_expected *ret, struct http_error *why,
			 const struct request *req)
{
	int rc = 0;

	*ret = (struct etag_expected){0};
	for (size_t i = 0; rc == 0 && i < req->n_headers; i++) {
		const struct http_header *h = &req->headers[i];
		bool is_match = is_header(h, "If-Match");

		if (is_header(h, "If-Unmodified-Since"))
			return reject_condition(why, "If-Unmodified-Since",
						"it cannot be checked, use "
						"If-Match");
		if (!is_match && !is_header(h, "If-None-Match"))
			continue;
		if (ret->is_given)
			return http_error_set(why, 400, REJECT_BAD_HEADER,
					      "more than one precondition is "
					      "given, allowed is one");
		ret->is_given = true;
		rc = is_match ? take_match(ret, why, h)
			      : take_none_match(ret, why, h);
	}
	return rc;
}
