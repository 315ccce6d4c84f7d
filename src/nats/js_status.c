#include "nats/js_status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/check.h"
#include "base/decimal.h"
#include "nats/js_json.h"

enum { HTTP_CODE_LEN = 3 };

static bool description_says(const char *description, const char *words)
{
	return description != NULL && strcasestr(description, words) != NULL;
}

/* "Exceeded MaxRequestBatch of 1000": the text after the words, or NULL. */
static const char *find_text_after(const char *description, const char *words)
{
	const char *at =
		description == NULL ? NULL : strcasestr(description, words);

	return at == NULL ? NULL : at + strlen(words);
}

static uint64_t parse_limit(const char *description, const char *words)
{
	const char *text = find_text_after(description, words);
	uint64_t number;

	if (text == NULL ||
	    decimal_parse(&number, text, strspn(text, "0123456789")) < 0)
		return 0;
	return number;
}

/* A duration in the form of Go: "1m0s", "1.5s", "500ms". Fractions are
 * dropped. */
static uint64_t parse_go_duration(const char *description, const char *words)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = {{"ms", 1}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};
	const char *text = find_text_after(description, words);
	uint64_t ms = 0, number;

	while (text != NULL && ascii_is_digit(*text)) {
		size_t n = strspn(text, "0123456789"), u = 0;

		if (decimal_parse(&number, text, n) < 0 || number > 1000000000)
			return 0;
		text += n;
		if (*text == '.')
			text += 1 + strspn(text + 1, "0123456789");
		while (u < ARRAY_LEN(units) &&
		       strncmp(text, units[u].unit, strlen(units[u].unit)) != 0)
			u++;
		if (u == ARRAY_LEN(units))
			return ms;
		ms += number * units[u].ms;
		text += strlen(units[u].unit);
	}
	return ms;
}

static void take_limits(struct js_status *st, const char *description)
{
	if (st->code != 409)
		return;
	st->max_batch =
		parse_limit(description, "exceeded maxrequestbatch of ");
	st->max_bytes =
		parse_limit(description, "exceeded maxrequestmaxbytes of ");
	st->max_expires_ms =
		parse_go_duration(description,
				  "exceeded maxrequestexpires of ");
}

int js_status_parse(struct js_status *ret, const char *code,
		    const char *description, const char *pending_msgs,
		    const char *last_consumer)
{
	struct js_status st = {0};
	struct js_error text;
	uint64_t number;

	if (code == NULL || strlen(code) != HTTP_CODE_LEN ||
	    decimal_parse(&number, code, HTTP_CODE_LEN) < 0 || number < 100)
		return -EINVAL;
	st.code = (int)number;
	st.consumer_gone = st.code == 409 &&
			   (description_says(description, "consumer deleted") ||
			    description_says(description, "push based"));
	st.too_big =
		st.code == 409 &&
		description_says(description, "message size exceeds maxbytes");
	take_limits(&st, description);
	js_error_set(&text, 0, description == NULL ? "" : description);
	snprintf(st.text, sizeof(st.text), "%.*s", (int)sizeof(st.text) - 1,
		 text.text);
	st.has_pending = pending_msgs != NULL;
	if (st.has_pending && decimal_parse(&st.pending_msgs, pending_msgs,
					    strlen(pending_msgs)) < 0)
		return -EINVAL;
	st.has_last_consumer = last_consumer != NULL;
	if (st.has_last_consumer &&
	    decimal_parse(&st.last_consumer, last_consumer,
			  strlen(last_consumer)) < 0)
		return -EINVAL;
	*ret = st;
	return 0;
}

int js_status_last_stream(struct js_status *ret, const char *last_stream)
{
	ret->has_last_stream = last_stream != NULL;
	if (last_stream == NULL)
		return 0;
	return decimal_parse(&ret->last_stream, last_stream,
			     strlen(last_stream));
}
