#include "nats/js_json.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <jansson.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "base/decimal.h"
#include "base/json_depth.h"

void js_error_set(struct js_error *e, int err, const char *text)
{
	size_t n = 0;

	e->err = err;
	e->code = 0;
	for (; text[n] != '\0' && n + 1 < sizeof(e->text); n++)
		e->text[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
	e->text[n] = '\0';
}

/* {"code":404,"err_code":10037,"description":"..."}. Servers without err_code
 * give the HTTP-like code alone. */
static void take_api_error(struct js_error *e, const json_t *error)
{
	json_int_t code =
		json_integer_value(json_object_get(error, "err_code"));
	json_int_t status = json_integer_value(json_object_get(error, "code"));
	const char *text =
		json_string_value(json_object_get(error, "description"));

	if (code == 0)
		code = status;
	if (code <= JS_JSON_MALFORMED || code > 1000000) {
		js_error_set(e, JS_JSON_MALFORMED, "an error without a code");
		return;
	}
	js_error_set(e, (int)code, text == NULL ? "" : text);
	if (status >= 400 && status <= 599)
		e->code = (int)status;
}

/* ---- what jansson cannot read -------------------------------------------- */

/* jansson rejects a whole response for one unsigned integer of 64 bits (a
 * counter that underflowed in the server) or one NUL in a description. Such a
 * response is parsed again, with long numbers as strings that begin with BIG
 * and with NULs replaced: only a field that is needed and is affected is
 * malformed. */

enum { SHORT_NUMBER = 18 }; /* digits: below 2^63 */

#define BIG	    "#"
#define NUL_ESCAPE  "\\u0000"
#define REPLACEMENT "\\u0001"

static const char *skip_number(const char *at, const char *end)
{
	while (at < end &&
	       (ascii_is_digit(*at) || strchr("+-.eE", *at) != NULL) &&
	       *at != '\0')
		at++;
	return at;
}

static int put_number_text(struct buf *out, const char **at, const char *end)
{
	const char *stop = skip_number(*at, end);
	size_t len = (size_t)(stop - *at);
	bool is_big = len > SHORT_NUMBER || memchr(*at, 'e', len) != NULL ||
		      memchr(*at, 'E', len) != NULL;
	int rc = is_big ? buf_puts(out, "\"" BIG) : 0;

	if (rc == 0)
		rc = buf_put(out, *at, len);
	if (rc == 0 && is_big)
		rc = buf_puts(out, "\"");
	*at = stop;
	return rc;
}

static int put_string_text(struct buf *out, const char **at, const char *end)
{
	const char *from = (*at)++;
	int rc = 0;

	while (rc == 0 && *at < end && **at != '"') {
		size_t left = (size_t)(end - *at);

		if (**at != '\\') {
			(*at)++;
		} else if (left >= strlen(NUL_ESCAPE) &&
			   memcmp(*at, NUL_ESCAPE, strlen(NUL_ESCAPE)) == 0) {
			rc = buf_put(out, from, (size_t)(*at - from));
			if (rc == 0)
				rc = buf_puts(out, REPLACEMENT);
			*at += strlen(NUL_ESCAPE);
			from = *at;
		} else {
			*at += left < 2 ? left : 2;
		}
	}
	if (*at < end)
		(*at)++;
	return rc < 0 ? rc : buf_put(out, from, (size_t)(*at - from));
}

static json_t *reload_repaired(const char *text, size_t len)
{
	const char *at = text, *end = text + len;
	json_t *json = NULL;
	struct buf copy;
	int rc = 0;

	buf_init(&copy, 4 * len + 16); /* a lone "e" becomes "\"#e\"" */
	while (rc == 0 && at < end) {
		if (*at == '"')
			rc = put_string_text(&copy, &at, end);
		else if (*at == '-' || ascii_is_digit(*at))
			rc = put_number_text(&copy, &at, end);
		else
			rc = buf_put(&copy, at++, 1);
	}
	if (rc == 0 && buf_unread(&copy) > 0)
		json = json_loadb((const char *)buf_data(&copy),
				  buf_unread(&copy), JSON_REJECT_DUPLICATES,
				  NULL);
	buf_finish(&copy);
	return json;
}

json_t *js_json_load(struct js_error *e, const char *text, size_t len)
{
	bool deep = json_depth(text, len) > JSON_DEPTH_MAX;
	json_t *json = NULL;
	const json_t *error;

	if (!deep)
		json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	if (!deep && json == NULL)
		json = reload_repaired(text, len);
	error = json_object_get(json, "error");
	*e = (struct js_error){0};
	if (!json_is_object(json))
		js_error_set(e, JS_JSON_MALFORMED, "not a JSON object");
	else if (error != NULL)
		take_api_error(e, error);
	if (e->err == 0)
		return json;
	json_decref(json);
	return NULL;
}

void js_json_error(struct js_error *e, const char *text, size_t len)
{
	json_decref(js_json_load(e, text, len));
}

int js_json_u64(uint64_t *ret, const json_t *obj, const char *key)
{
	const json_t *json = json_object_get(obj, key);
	const char *big = json_string_value(json);

	if (big != NULL && *big == *BIG)
		return decimal_parse(ret, big + 1, strlen(big + 1));
	if (!json_is_integer(json) || json_integer_value(json) < 0)
		return -EINVAL;
	*ret = (uint64_t)json_integer_value(json);
	return 0;
}

int js_json_string(char *out, size_t size, size_t *ret_len, const json_t *obj,
		   const char *key)
{
	const json_t *json = json_object_get(obj, key);
	size_t len = json_string_length(json);
	const char *text = json_string_value(json);

	if (len == 0 || len >= size)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 127)
			return -EINVAL;
	memcpy(out, text, len);
	out[len] = '\0';
	*ret_len = len;
	return 0;
}
