#include "auth/rights_claim.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <jansson.h>

#include "base/ascii.h"
#include "base/check.h"
#include "base/json_depth.h"
#include "base/printable.h"

/* The claim's name, for the text of an error, and the list that is read. */
struct claim_place {
	const char *name;
	const char *part, *list;
};

static int reject_claim(struct http_error *why, const struct claim_place *p,
			const char *text)
{
	char name[PRINTABLE_MAX];

	return http_error_set(why, 403, REJECT_BAD_RIGHTS,
			      "the token's claim \"%s\" cannot be used: %s",
			      printable_text(name, sizeof(name), p->name),
			      text);
}

static int reject_claimed_pattern(struct http_error *why,
				  const struct claim_place *p, size_t index,
				  const char *fault)
{
	char text[128];

	snprintf(text, sizeof(text), "%s.%s[%zu]: %s", p->part, p->list, index,
		 fault);
	return reject_claim(why, p, text);
}

static const char *claimed_pattern_fault(const json_t *value)
{
	struct span text = {json_string_value(value),
			    json_string_length(value)};

	if (!json_is_string(value))
		return "it is not a string";
	if (memchr(text.at, ' ', text.len) != NULL)
		return "it has a blank (queue groups are not allowed)";
	return pattern_fault(text);
}

static int check_claimed_list(const json_t *list, const struct claim_place *p,
			      struct http_error *why)
{
	const json_t *value;
	size_t i;

	if (list == NULL || json_is_null(list))
		return 0;
	if (!json_is_array(list))
		return reject_claim(why, p,
				    "allow and deny must be lists of strings");
	if (json_array_size(list) > RIGHTS_LIST_MAX)
		return reject_claim(why, p, "a list has more than 64 patterns");
	json_array_foreach(list, i, value)
	{
		const char *fault = claimed_pattern_fault(value);

		if (fault != NULL)
			return reject_claimed_pattern(why, p, i, fault);
	}
	return 0;
}

static bool differs_in_case(const char *name, const char *member)
{
	return ascii_is_word(name, strlen(name), member) &&
	       strcmp(name, member) != 0;
}

/* A member that is `a` or `b` in another case. */
static bool has_other_case(json_t *object, const char *a, const char *b)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		if (differs_in_case(name, a) || differs_in_case(name, b))
			return true;
	}
	return false;
}

static int check_claimed_part(json_t *part, struct claim_place *p,
			      struct http_error *why)
{
	static const char *const lists[] = {"allow", "deny"};

	if (part == NULL || json_is_null(part))
		return 0;
	if (!json_is_object(part))
		return reject_claim(why, p, "sub and pub must be objects");
	if (has_other_case(part, lists[0], lists[1]))
		return reject_claim(why, p,
				    "allow and deny must be in lower case");
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		p->list = lists[i];
		if (check_claimed_list(json_object_get(part, lists[i]), p,
				       why) < 0)
			return -EINVAL;
	}
	return 0;
}

static int check_claim(json_t *claim, struct claim_place *p,
		       struct http_error *why)
{
	static const char *const parts[] = {"sub", "pub"};

	if (json_is_null(claim))
		return 0;
	if (!json_is_object(claim))
		return reject_claim(why, p, "it must be an object");
	if (has_other_case(claim, parts[0], parts[1]))
		return reject_claim(why, p,
				    "sub and pub must be in lower case");
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		p->part = parts[i];
		if (check_claimed_part(json_object_get(claim, parts[i]), p,
				       why) < 0)
			return -EINVAL;
	}
	return 0;
}

/* Returns the number of patterns of a list that is checked. */
static size_t take_claimed_list(struct span *ret, const json_t *part,
				const char *list)
{
	const json_t *value;
	size_t i, n = 0;

	json_array_foreach(json_object_get(part, list), i, value)
	{
		ret[n++] = (struct span){json_string_value(value),
					 json_string_length(value)};
	}
	return n;
}

static void take_claimed_part(struct rights_claim_part *ret,
			      const json_t *claim, const char *name)
{
	const json_t *part = json_object_get(claim, name);

	ret->n_allow = take_claimed_list(ret->allow, part, "allow");
	ret->n_deny = take_claimed_list(ret->deny, part, "deny");
}

int rights_claim_init(struct rights_claim *ret, struct http_error *why,
		      struct span json, const char *name)
{
	struct claim_place p = {.name = name};
	json_t *claim = NULL;

	if (json.at != NULL) {
		if (json_depth(json.at, json.len) > JSON_DEPTH_MAX)
			return reject_claim(why, &p, "it is nested too deeply");
		claim = json_loadb(json.at, json.len,
				   JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
				   NULL);
		if (claim == NULL)
			return reject_claim(
				why, &p,
				"it is not JSON without doubled members");
		if (check_claim(claim, &p, why) < 0) {
			json_decref(claim);
			return -EINVAL;
		}
	}
	ret->json = claim;
	take_claimed_part(&ret->sub, claim, "sub");
	take_claimed_part(&ret->pub, claim, "pub");
	return 0;
}

void rights_claim_finish(struct rights_claim *c)
{
	json_decref(c->json);
	c->json = NULL;
	c->sub.n_allow = c->sub.n_deny = 0;
	c->pub.n_allow = c->pub.n_deny = 0;
}
