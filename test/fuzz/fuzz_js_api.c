/* What JetStream says: answers, statuses, ack subjects, times; and what we say
 * to it.
 *
 * Input: a digit for what it is (see kinds[]), then its bytes; where these are
 * several strings, with NULs between them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <sodium.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/rfc3339.h"
#include "bytes.h"
#include "fuzz.h"
#include "nats/js_ack.h"
#include "nats/js_request.h"
#include "nats/js_response.h"
#include "nats/js_status.h"
#include "readable_of.h"

enum { PAYLOAD_MAX = 64 };

/* ---- what answers share ---------------------------------------------------
 */

static void must_be_error(const struct js_error *e)
{
	MUST(e->err >= 0);
	MUST(strnlen(e->text, sizeof(e->text)) < sizeof(e->text));
	MUST(e->err != 0 || e->text[0] == '\0');
	for (const char *p = e->text; *p != '\0'; p++)
		MUST(*p >= ' ' && *p <= '~');
}

static void must_be_word(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	MUST(len > 0 && len < size);
	for (size_t i = 0; i < len; i++)
		MUST((unsigned char)text[i] > ' ' && text[i] != 127);
}

/* A number of the answer, found another way. */
static uint64_t number_in(const json_t *json, const char *key)
{
	const json_t *value = json_object_get(json, key);

	MUST(json_is_integer(value) && json_integer_value(value) >= 0);
	return (uint64_t)json_integer_value(value);
}

/* NULL: it has a number or a NUL that jansson refuses. */
static json_t *load(const char *text, size_t len)
{
	json_t *json = json_loadb(text, len, 0, NULL);

	MUST(json == NULL || json_is_object(json));
	return json;
}

/* ---- answers --------------------------------------------------------------
 */

static void take_info(const char *text, size_t len)
{
	static struct readable *readable;
	struct js_info info;
	json_t *json, *state;

	if (readable == NULL)
		readable = readable_of("events.*");
	memset(&info, 0xa5, sizeof(info));
	js_info_parse(&info, text, len, readable);
	must_be_error(&info.error);
	if (info.error.err != 0)
		return;
	must_be_word(info.created, sizeof(info.created));
	MUST(info.created_len == strlen(info.created));
	MUST(info.first_seq >= 1 && info.first_seq <= info.last_seq + 1);
	MUST(info.messages > 0 || info.first_seq == info.last_seq + 1);
	json = load(text, len);
	if (json == NULL)
		return;
	state = json_object_get(json, "state");
	MUST(info.messages == number_in(state, "messages"));
	MUST(info.last_seq == number_in(state, "last_seq"));
	json_decref(json);
}

static void must_be_data(const struct buf *data, const json_t *base64)
{
	size_t size = sodium_base64_ENCODED_LEN(buf_unread(data),
						sodium_base64_VARIANT_ORIGINAL);
	char *again = malloc(size);

	MUST(again != NULL);
	sodium_bin2base64(again, size, buf_data(data), buf_unread(data),
			  sodium_base64_VARIANT_ORIGINAL);
	MUST(json_string_length(base64) == strlen(again));
	MUST(memcmp(json_string_value(base64), again, strlen(again)) == 0);
	free(again);
}

static void take_found(const char *text, size_t len)
{
	struct js_message found;
	json_t *json, *message;

	memset(&found, 0xa5, sizeof(found));
	js_message_parse(&found, text, len, PAYLOAD_MAX);
	must_be_error(&found.error);
	MUST(buf_unread(&found.data) <= PAYLOAD_MAX);
	if (found.error.err == 0) {
		MUST(found.seq >= 1);
		MUST(found.subject_len > 0);
		MUST(found.subject_len == strlen(found.subject));
		json = load(text, len);
		message = json_object_get(json, "message");
		if (json == NULL)
			goto done;
		MUST(found.seq == number_in(message, "seq"));
		if (buf_unread(&found.data) > 0)
			must_be_data(&found.data,
				     json_object_get(message, "data"));
		else
			MUST(json_string_length(
				     json_object_get(message, "data")) == 0);
		json_decref(json);
	}
done:
	js_message_finish(&found);
}

static void take_created(const char *text, size_t len)
{
	struct js_created created;
	json_t *json;

	memset(&created, 0xa5, sizeof(created));
	js_created_parse(&created, text, len);
	must_be_error(&created.error);
	if (created.error.err != 0)
		return;
	must_be_word(created.name, sizeof(created.name));
	json = load(text, len);
	if (created.num_pending != 0)
		MUST(created.num_pending == number_in(json, "num_pending"));
	json_decref(json);
}

/* ---- ack subjects ---------------------------------------------------------
 */

/* The `index`th token's number. */
static uint64_t number_at(const char *text, size_t index)
{
	while (index-- > 0)
		text = strchr(text, '.') + 1;
	return strtoull(text, NULL, 10);
}

static void take_ack(const char *text, size_t len)
{
	struct js_ack ack;
	size_t tokens = 1, from;

	if (js_ack_parse(&ack, text, len) < 0)
		return;
	MUST(strncmp(text, "$JS.ACK.", 8) == 0);
	for (size_t i = 0; i < len; i++)
		tokens += text[i] == '.';
	MUST(tokens == 9 || tokens >= 11);
	from = tokens == 9 ? 4 : 6;
	MUST(ack.consumer > text && ack.consumer_len > 0);
	MUST(ack.consumer + ack.consumer_len < text + len);
	MUST(ack.consumer[-1] == '.' && ack.consumer[ack.consumer_len] == '.');
	MUST(memchr(ack.consumer, '.', ack.consumer_len) == NULL);
	/* A NUL in what comes before the numbers would hide them from here. */
	if (strlen(text) != len)
		return;
	MUST(ack.delivered == number_at(text, from));
	MUST(ack.stream_seq == number_at(text, from + 1));
	MUST(ack.consumer_seq == number_at(text, from + 2));
	MUST(ack.time_ns == number_at(text, from + 3));
	MUST(ack.pending == number_at(text, from + 4));
}

/* ---- statuses -------------------------------------------------------------
 */

static void take_status(const char *text, size_t len)
{
	struct fuzz_input in = {(const uint8_t *)text, len};
	char *code = fuzz_take_text(&in);
	char *description = fuzz_take_text(&in);
	char *pending = fuzz_take_text(&in);
	char *last = fuzz_take_text(&in);
	struct js_status st;

	if (js_status_parse(&st, code, description, pending, last) == 0) {
		MUST(code != NULL && strlen(code) == 3);
		MUST(st.code >= 100 && st.code <= 999 && st.code == atoi(code));
		MUST(st.has_pending == (pending != NULL));
		MUST(st.has_last_consumer == (last != NULL));
		MUST(pending == NULL ||
		     st.pending_msgs == strtoull(pending, NULL, 10));
		MUST(last == NULL ||
		     st.last_consumer == strtoull(last, NULL, 10));
		MUST(st.code == 409 || (!st.consumer_gone && !st.too_big));
	}
	free(code);
	free(description);
	free(pending);
	free(last);
}

/* ---- times ----------------------------------------------------------------
 */

static void take_time(const char *text, size_t len)
{
	struct tm tm = {0};
	uint64_t ns, seconds;
	const char *rest;
	int64_t offset = 0;

	if (rfc3339_parse(&ns, text, len) < 0)
		return;
	MUST(strlen(text) == len);
	rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	MUST(rest == text + strlen("2026-11-24T04:51:53"));
	rest += strcspn(rest, "Z+-");
	if (*rest != 'Z') {
		offset = strtol(rest + 1, NULL, 10) * 3600 +
			 strtol(rest + 4, NULL, 10) * 60;
		offset = *rest == '-' ? -offset : offset;
	}
	seconds = (uint64_t)(timegm(&tm) - offset);
	MUST(ns / 1000000000 == seconds);
}

/* ---- requests -------------------------------------------------------------
 */

static void must_be_string(const json_t *json, const char *key,
			   const char *want)
{
	const json_t *value = json_object_get(json, key);

	MUST(json_is_string(value));
	MUST(strcmp(json_string_value(value), want) == 0);
}

/* Appended whole or not at all; not at all what is no UTF-8. */
static json_t *request_in(const struct buf *b, int rc, bool utf8)
{
	MUST((rc == 0) == utf8);
	MUST(memcmp(buf_data(b), "before", 6) == 0);
	if (rc == 0)
		return load((const char *)buf_data(b) + 6, buf_unread(b) - 6);
	MUST(buf_unread(b) == 6);
	return NULL;
}

static bool is_utf8(const char *text)
{
	json_t *json = json_string(text);
	bool ok = json != NULL;

	json_decref(json);
	return ok;
}

static void put_create(struct buf *b, const char *stream, const char *name,
		       const char *filter)
{
	struct js_consumer c = {.stream = stream,
				.name = name,
				.filter = filter,
				.start_seq = strlen(name),
				.inactive_ms = strlen(stream)};
	int rc = js_request_create(b, &c);
	json_t *json =
		request_in(b, rc,
			   is_utf8(stream) && is_utf8(name) && is_utf8(filter));
	json_t *config = json_object_get(json, "config");

	if (json == NULL)
		return;
	must_be_string(json, "stream_name", stream);
	must_be_string(json, "action", "create");
	must_be_string(config, "name", name);
	must_be_string(config, "filter_subject", filter);
	MUST(number_in(config, "opt_start_seq") >= 1);
	json_decref(json);
}

static void put_last(struct buf *b, const char *subject)
{
	int rc = js_request_get_last(b, subject);
	json_t *json = request_in(b, rc, is_utf8(subject));

	if (json != NULL)
		must_be_string(json, "last_by_subj", subject);
	json_decref(json);
}

static void put_requests(const char *text, size_t len)
{
	struct fuzz_input in = {(const uint8_t *)text, len};
	char *stream = fuzz_take_text(&in);
	char *name = fuzz_take_text(&in);
	char *filter = fuzz_take_text(&in);
	struct buf b;

	buf_init(&b, 1 << 20);
	if (filter != NULL) {
		buf_puts(&b, "before");
		put_create(&b, stream, name, filter);
		buf_clear(&b);
		buf_puts(&b, "before");
		put_last(&b, filter);
	}
	buf_finish(&b);
	free(stream);
	free(name);
	free(filter);
}

static void (*const kinds[])(const char *text, size_t len) = {
	take_info,   take_found, take_created, take_ack,
	take_status, take_time,	 put_requests,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	uint8_t kind = (uint8_t)(fuzz_take_byte(&in) - '0') % ARRAY_LEN(kinds);
	size_t len;
	char *text = fuzz_take_rest(&in, &len);

	kinds[kind](text, len);
	free(text);
	return 0;
}
