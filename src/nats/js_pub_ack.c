#include "nats/js_pub_ack.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "base/decimal.h"
#include "base/span.h"

#define WRONG_LAST "wrong last sequence: "

/* Replicated streams report 10164 in its place, without a number. */
static void take_current(struct js_pub_ack *ret)
{
	const char *text = ret->error.text;
	const size_t prefix = sizeof(WRONG_LAST) - 1;

	if (ret->error.err != JS_ERR_WRONG_LAST_SEQUENCE ||
	    strncmp(text, WRONG_LAST, prefix) != 0)
		return;
	ret->has_current = decimal_parse(&ret->current, text + prefix,
					 strlen(text + prefix)) == 0;
}

static int take_duplicate(bool *ret, const json_t *ack)
{
	const json_t *json = json_object_get(ack, "duplicate");

	if (json != NULL && !json_is_boolean(json))
		return -EINVAL;
	*ret = json_is_true(json);
	return 0;
}

static int take_acknowledgement(struct js_pub_ack *ret, const json_t *ack,
				const char *stream)
{
	char name[256];
	size_t len;

	if (js_json_string(name, sizeof(name), &len, ack, "stream") < 0 ||
	    strcmp(name, stream) != 0 ||
	    js_json_u64(&ret->seq, ack, "seq") < 0 ||
	    take_duplicate(&ret->duplicate, ack) < 0 ||
	    (ret->seq == 0 && !ret->duplicate))
		return -EINVAL;
	if (json_object_get(ack, "count") != NULL &&
	    js_json_u64(&ret->count, ack, "count") < 0)
		return -EINVAL;
	if (json_object_get(ack, "domain") == NULL)
		return 0;
	return js_json_string(ret->domain, sizeof(ret->domain), &len, ack,
			      "domain");
}

/* nats-server before 2.11 acknowledges a duplicate in a cluster without a
 * sequence while the first message is not stored yet, and may never be. Later
 * servers report this error. */
static void take_pending_duplicate(struct js_pub_ack *ret)
{
	*ret = (struct js_pub_ack){0};
	js_error_set(&ret->error, JS_ERR_DUPLICATE_PENDING,
		     "duplicate message id is in process");
	ret->error.code = 409;
}

static bool skip_ack_word(struct span *rest, const char *word, size_t len)
{
	if (rest->len < len || memcmp(rest->at, word, len) != 0)
		return false;
	rest->at += len;
	rest->len -= len;
	return true;
}

#define SKIP(rest, word) skip_ack_word(rest, word, sizeof(word) - 1)

/* The acknowledgement as servers write it for most messages. Whatever else
 * there is, a parser of JSON reads. */
static bool take_plain_acknowledgement(struct js_pub_ack *ret, const char *json,
				       size_t len, const char *stream)
{
	struct span rest = {json, len};

	if (!SKIP(&rest, "{\"stream\":\"") ||
	    !skip_ack_word(&rest, stream, strlen(stream)) ||
	    !SKIP(&rest, "\","))
		return false;
	SKIP(&rest, " ");
	if (!SKIP(&rest, "\"seq\":"))
		return false;
	SKIP(&rest, " ");
	return rest.len > 1 && rest.at[rest.len - 1] == '}' &&
	       rest.at[0] != '0' &&
	       decimal_parse(&ret->seq, rest.at, rest.len - 1) == 0;
}

void js_pub_ack_parse(struct js_pub_ack *ret, const char *json, size_t len,
		      const char *stream)
{
	json_t *root;

	*ret = (struct js_pub_ack){0};
	if (take_plain_acknowledgement(ret, json, len, stream))
		return;
	*ret = (struct js_pub_ack){0};
	root = js_json_load(&ret->error, json, len);
	if (root == NULL) {
		take_current(ret);
		return;
	}
	if (take_acknowledgement(ret, root, stream) < 0) {
		*ret = (struct js_pub_ack){0};
		js_error_set(&ret->error, JS_JSON_MALFORMED,
			     "not an acknowledgement of this stream");
	} else if (ret->seq == 0) {
		take_pending_duplicate(ret);
	}
	json_decref(root);
}
