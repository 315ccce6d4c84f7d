#include "http/publish_headers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/check.h"
#include "base/decimal.h"
#include "base/printable.h"
#include "base/units.h"
#include "nats/subject.h"

#define VERSION		 "NATS/1.0\r\n"
#define PREFIX		 "NatsH-"
#define EXPECTED	 "Nats-Expected-"
#define LAST_SEQ	 EXPECTED "Last-Sequence"
#define LAST_SUBJECT_SEQ EXPECTED "Last-Subject-Sequence"
#define MSG_ID		 "Nats-Msg-Id"
#define TTL		 "Nats-TTL"
#define BATCH		 "Nats-Batch-"
#define ROLLUP		 "Nats-Rollup"
#define KV_OPERATION	 "KV-Operation"

#define LEN(literal) (sizeof(literal) - 1)

/* Names of control headers, or what several begin with: of nats-server 2.15,
 * server/stream.go, server/msgtrace.go, server/scheduler.go, and ADR-8. */
static const char *const control_names[] = {
	EXPECTED,
	MSG_ID,
	TTL,
	ROLLUP,
	BATCH,
	"Nats-Fast-Batch-",
	"Nats-Schedule",
	"Nats-Incr",
	"Nats-Counter-",
	"Nats-Trace-",
	"Nats-Marker-",
	"Nats-Required-Api-Level",
	"Nats-Stream-",
	"Nats-Request-Info",
	KV_OPERATION,
};

/* ---- errors -------------------------------------------------------------- */

static int reject_message_header(struct http_error *why, struct span name,
				 const char *fault)
{
	char shown[PRINTABLE_MAX];

	return http_error_set(why, 400, REJECT_BAD_HEADER, "header %s: %s",
			      printable(shown, sizeof(shown), name.at,
					name.len),
			      fault);
}

static int put_block(struct publish_headers *h, struct http_error *why,
		     const void *bytes, size_t len)
{
	int rc = buf_put(&h->block, bytes, len);

	if (rc != -ENOBUFS)
		return rc;
	return http_error_set(why, 431, REJECT_TOO_LARGE,
			      "the headers of the message are over %d bytes",
			      PUBLISH_HEADERS_MAX);
}

/* ---- names of control headers -------------------------------------------- */

static bool contains_name(struct span text, const char *name)
{
	return memmem(text.at, text.len, name, strlen(name)) != NULL;
}

/* The control header that the text names, or NULL. */
static const char *find_control_name(struct span text)
{
	for (size_t i = 0; i < ARRAY_LEN(control_names); i++)
		if (contains_name(text, control_names[i]))
			return control_names[i];
	return NULL;
}

static int check_no_control(struct http_error *why, struct span header,
			    struct span text)
{
	const char *name = find_control_name(text);
	char fault[128];

	if (name == NULL)
		return 0;
	snprintf(
		fault, sizeof(fault),
		"it contains \"%s\", the name of a control header, which would "
		"switch that one off",
		name);
	return reject_message_header(why, header, fault);
}

/* ---- one line ------------------------------------------------------------ */

static bool has_prefix(struct span name, const char *prefix)
{
	size_t len = strlen(prefix);

	return name.len >= len && ascii_is_word(name.at, len, prefix);
}

static const char *message_name_fault(struct span name)
{
	if (name.len == 0)
		return "the name is empty";
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_token_char(name.at[i]))
			return "the name has a byte that no name of a header "
			       "may have";
	if (has_prefix(name, "Nats-") || has_prefix(name, "KV-"))
		return "a client may not set this header of a message";
	return NULL;
}

/* Bytes that nats.c changes, or that end a line for some client. */
static bool is_control_byte(char c)
{
	return ((unsigned char)c < ' ' && c != '\t') || c == 127;
}

static const char *message_value_fault(struct span value)
{
	for (size_t i = 0; i < value.len; i++)
		if (is_control_byte(value.at[i]))
			return "the value has a control character";
	return NULL;
}

static struct span trim_value_blanks(struct span value)
{
	while (value.len > 0 && ascii_is_blank(value.at[0])) {
		value.at++;
		value.len--;
	}
	while (value.len > 0 && ascii_is_blank(value.at[value.len - 1]))
		value.len--;
	return value;
}

/* The name and the value have been checked. */
static int put_header_line(struct publish_headers *h, struct http_error *why,
			   struct span name, struct span value)
{
	int rc = 0;

	if (buf_unread(&h->block) == 0)
		rc = put_block(h, why, VERSION, LEN(VERSION));
	if (rc == 0)
		rc = put_block(h, why, name.at, name.len);
	if (rc == 0)
		rc = put_block(h, why, ": ", 2);
	if (rc == 0 && value.len > 0)
		rc = put_block(h, why, value.at, value.len);
	return rc < 0 ? rc : put_block(h, why, "\r\n", 2);
}

/* A line of the gateway's own. */
static int put_control_line(struct publish_headers *h, struct http_error *why,
			    const char *name, struct span value)
{
	int rc = check_no_control(why, span_of(name), value);

	return rc < 0 ? rc : put_header_line(h, why, span_of(name), value);
}

int publish_headers_add(struct publish_headers *h, struct http_error *why,
			struct span name, struct span value)
{
	const char *fault = message_name_fault(name);

	value = trim_value_blanks(value);
	if (fault == NULL)
		fault = message_value_fault(value);
	if (fault != NULL)
		return reject_message_header(why, name, fault);
	if (check_no_control(why, name, name) < 0 ||
	    check_no_control(why, name, value) < 0)
		return -EINVAL;
	return put_header_line(h, why, name, value);
}

/* ---- preconditions and keys ---------------------------------------------- */

int publish_headers_expect(struct publish_headers *h, struct http_error *why,
			   enum publish_expected what, uint64_t seq)
{
	const char *name =
		what == PUBLISH_LAST_SEQUENCE ? LAST_SEQ : LAST_SUBJECT_SEQ;
	char value[24];

	if (h->has_expected)
		return http_error_set(why, 400, REJECT_BAD_HEADER,
				      "more than one precondition is given, "
				      "allowed is one");
	h->has_expected = true;
	snprintf(value, sizeof(value), "%" PRIu64, seq);
	return put_control_line(h, why, name, span_of(value));
}

static bool is_key(struct span key)
{
	if (key.len == 0 || key.len > PUBLISH_KEY_MAX || key.at[0] == ' ' ||
	    key.at[key.len - 1] == ' ')
		return false;
	for (size_t i = 0; i < key.len; i++)
		if (key.at[i] < ' ' || key.at[i] > '~' || key.at[i] == '"')
			return false;
	return true;
}

/* A client must not make another's message vanish as a duplicate: ids of
 * messages begin with the identity. */
int publish_headers_key(struct publish_headers *h, struct http_error *why,
			struct span key)
{
	struct span id = h->identity.len > 0 ? h->identity : span_of("_");
	char value[SUBJECT_ID_MAX + 1 + PUBLISH_KEY_MAX];

	if (h->has_key)
		return http_error_set(
			why, 400, REJECT_BAD_HEADER,
			"Idempotency-Key is given more than once, "
			"allowed is once");
	if (!is_key(key))
		return http_error_set(
			why, 400, REJECT_BAD_HEADER,
			"the idempotency key is not 1 to %d "
			"printable ASCII bytes without quotes and "
			"without blanks around them",
			PUBLISH_KEY_MAX);
	h->has_key = true;
	memcpy(value, id.at, id.len);
	value[id.len] = '.';
	memcpy(value + id.len + 1, key.at, key.len);
	return put_control_line(h, why, MSG_ID,
				(struct span){value, id.len + 1 + key.len});
}

/* ---- entries of key-value buckets ---------------------------------------- */

/* As a duration of Go. */
int publish_headers_ttl(struct publish_headers *h, struct http_error *why,
			uint64_t ttl_ms)
{
	char value[24];

	MUST(ttl_ms >= 1000 && !h->has_ttl);
	h->has_ttl = true;
	snprintf(value, sizeof(value), "%" PRIu64 "%s",
		 ttl_ms % 1000 == 0 ? ttl_ms / 1000 : ttl_ms,
		 ttl_ms % 1000 == 0 ? "s" : "ms");
	return put_control_line(h, why, TTL, span_of(value));
}

int publish_headers_marker(struct publish_headers *h, struct http_error *why,
			   bool purge)
{
	int rc = put_control_line(h, why, KV_OPERATION,
				  span_of(purge ? "PURGE" : "DEL"));

	if (rc < 0 || !purge)
		return rc;
	return put_control_line(h, why, ROLLUP, span_of("sub"));
}

/* ---- headers of the request ---------------------------------------------- */

/* The value in quotes, or NULL in `at`. */
static struct span unquote(struct span text)
{
	if (text.len < 2 || text.at[0] != '"' || text.at[text.len - 1] != '"')
		return (struct span){NULL, 0};
	return (struct span){text.at + 1, text.len - 2};
}

static int take_sequence(struct publish_headers *h, struct http_error *why,
			 struct span name, struct span value,
			 enum publish_expected what)
{
	uint64_t seq;

	if (decimal_parse(&seq, value.at, value.len) < 0)
		return reject_message_header(why, name,
					     "it is not a sequence, 1 to 20 "
					     "digits below 2^64");
	return publish_headers_expect(h, why, what, seq);
}

static int take_last_sequence(struct publish_headers *h, struct http_error *why,
			      struct span name, struct span value)
{
	return take_sequence(h, why, name, value, PUBLISH_LAST_SEQUENCE);
}

static int take_last_subject_sequence(struct publish_headers *h,
				      struct http_error *why, struct span name,
				      struct span value)
{
	return take_sequence(h, why, name, value,
			     PUBLISH_LAST_SUBJECT_SEQUENCE);
}

static int take_if_match(struct publish_headers *h, struct http_error *why,
			 struct span name, struct span value)
{
	struct span tag = unquote(value);
	uint64_t seq;

	if (tag.at == NULL || decimal_parse(&seq, tag.at, tag.len) < 0)
		return reject_message_header(why, name,
					     "it is not one strong entity tag "
					     "with a sequence, like \"17\"");
	h->is_conditional = true;
	return publish_headers_expect(h, why, PUBLISH_LAST_SUBJECT_SEQUENCE,
				      seq);
}

static int take_if_none_match(struct publish_headers *h, struct http_error *why,
			      struct span name, struct span value)
{
	if (value.len != 1 || value.at[0] != '*')
		return reject_message_header(why, name, "it is not *");
	h->is_conditional = true;
	return publish_headers_expect(h, why, PUBLISH_LAST_SUBJECT_SEQUENCE, 0);
}

static int take_key(struct publish_headers *h, struct http_error *why,
		    struct span name, struct span value)
{
	struct span key = unquote(value);

	(void)name;
	return publish_headers_key(h, why, key.at != NULL ? key : value);
}

/* Seconds, or a duration with one unit; Go's durations end at 2^63 ns. */
static bool is_ttl(struct span value)
{
	static const uint64_t max_ms = INT64_MAX / 1000000;
	char text[UNITS_TEXT_MAX];
	uint64_t ms, s;

	if (decimal_parse(&s, value.at, value.len) == 0)
		return s >= 1 && s <= max_ms / 1000;
	if (value.len >= sizeof(text))
		return false;
	memcpy(text, value.at, value.len);
	text[value.len] = '\0';
	return units_duration(text, &ms) == 0 && ms >= 1000 && ms <= max_ms;
}

static int take_ttl(struct publish_headers *h, struct http_error *why,
		    struct span name, struct span value)
{
	if (h->has_ttl)
		return reject_message_header(why, name,
					     "it is given more than once, "
					     "allowed is once");
	if (!is_ttl(value))
		return reject_message_header(why, name,
					     "it is not a duration of at least "
					     "1 s, like 60 (seconds), 90s or "
					     "1h");
	h->has_ttl = true;
	return put_control_line(h, why, TTL, value);
}

static const struct control_header {
	const char *name;
	int (*take)(struct publish_headers *h, struct http_error *why,
		    struct span name, struct span value);
} control_headers[] = {
	{LAST_SEQ, take_last_sequence},
	{LAST_SUBJECT_SEQ, take_last_subject_sequence},
	{"If-Match", take_if_match},
	{"If-None-Match", take_if_none_match},
	{"Idempotency-Key", take_key},
	{TTL, take_ttl},
};

static const struct control_header *find_control(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(control_headers); i++)
		if (ascii_is_word(name.at, name.len, control_headers[i].name))
			return &control_headers[i];
	return NULL;
}

/* Go's CanonicalMIMEHeaderKey(): a capital after each hyphen. */
static int add_canonical(struct publish_headers *h, struct http_error *why,
			 struct span name, struct span value)
{
	char text[256];

	if (name.len > sizeof(text))
		return reject_message_header(
			why, name, "the name has more than 256 bytes");
	for (size_t i = 0; i < name.len; i++) {
		char c = ascii_lower(name.at[i]);
		bool first = i == 0 || name.at[i - 1] == '-';

		text[i] = first && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A')
							: c;
	}
	return publish_headers_add(h, why, (struct span){text, name.len},
				   value);
}

static int take_header(struct publish_headers *h, struct http_error *why,
		       struct span name, struct span value)
{
	const struct control_header *control = find_control(name);

	if (control != NULL)
		return control->take(h, why, name, value);
	if (has_prefix(name, PREFIX)) {
		name.at += LEN(PREFIX);
		name.len -= LEN(PREFIX);
		return add_canonical(h, why, name, value);
	}
	if (has_prefix(name, "Nats-") || has_prefix(name, "KV-"))
		return reject_message_header(why, name,
					     "a client may not set this header "
					     "of a message");
	return 0;
}

/* ---- the block ----------------------------------------------------------- */

int publish_headers_init(struct publish_headers *ret, struct http_error *why,
			 struct span stream, struct span identity)
{
	MUST(identity.len <= SUBJECT_ID_MAX);
	*ret = (struct publish_headers){.identity = identity};
	buf_init(&ret->block, PUBLISH_HEADERS_MAX);
	if (stream.len == 0)
		return 0;
	return put_control_line(ret, why, EXPECTED "Stream", stream);
}

void publish_headers_finish(struct publish_headers *h)
{
	buf_finish(&h->block);
}

int publish_headers_take(struct publish_headers *h, struct http_error *why,
			 const struct request *req)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < req->n_headers; i++) {
		const struct http_header *f = &req->headers[i];

		rc = take_header(h, why, (struct span){f->name, f->name_len},
				 (struct span){f->value, f->value_len});
	}
	return rc;
}

int publish_headers_end(struct publish_headers *h, struct http_error *why)
{
	if (h->has_key && h->has_expected)
		return http_error_set(why, 400, REJECT_BAD_HEADER,
				      "both an idempotency key and a "
				      "precondition are given: allowed is one "
				      "of them");
	if (buf_unread(&h->block) == 0)
		return 0;
	return put_block(h, why, "\r\n", 2);
}

int publish_headers_batch(struct publish_headers *h, struct http_error *why,
			  const char *batch_id, uint64_t seq, bool is_last)
{
	char number[24];
	int rc;

	/* Its empty line comes again. */
	if (buf_unread(&h->block) > 0)
		buf_truncate(&h->block, buf_unread(&h->block) - 2);
	snprintf(number, sizeof(number), "%" PRIu64, seq);
	rc = put_header_line(h, why, span_of(BATCH "Id"), span_of(batch_id));
	if (rc == 0)
		rc = put_header_line(h, why, span_of(BATCH "Sequence"),
				     span_of(number));
	if (rc == 0 && is_last)
		rc = put_header_line(h, why, span_of(BATCH "Commit"),
				     span_of("1"));
	return rc < 0 ? rc : put_block(h, why, "\r\n", 2);
}

int publish_headers_none(const struct request *req, struct http_error *why)
{
	for (size_t i = 0; i < req->n_headers; i++) {
		struct span name = {req->headers[i].name,
				    req->headers[i].name_len};

		if (find_control(name) != NULL || has_prefix(name, PREFIX) ||
		    has_prefix(name, "Nats-") || has_prefix(name, "KV-"))
			return reject_message_header(
				why, name,
				"it is not allowed with a batch, its lines "
				"have headers of their own");
	}
	return 0;
}
