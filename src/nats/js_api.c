#include "nats/js_api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/check.h"
#include "base/json_depth.h"
#include "base/rfc3339.h"
#include "nats/subject.h"

/* Every parser here reads the whole of its input or says MALFORMED: a field
 * that is missing, of the wrong type or out of range is never taken as zero.
 * What we don't know we ignore, because every release of the server adds
 * fields. */

enum { ERR_MALFORMED = 1, HTTP_CODE_LEN = 3 };

static const uint64_t ns_per_ms = 1000000;

/* Replicas elect another leader at the earliest 4 s after they have heard from
 * the present one (nats-server's minElectionTimeout), and a leader asks them
 * every second. */
static const json_int_t followed_ns = 3000000000;

/* ---- numbers and tokens -------------------------------------------------- */

/* Decimal digits and nothing else. -EINVAL also for more than 64 bits. */
static int parse_header_u64(uint64_t *ret, const char *text, size_t len)
{
	uint64_t value = 0;

	if (len == 0 || len > 20)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned char)text[i] - (unsigned)'0';

		if (digit > 9)
			return -EINVAL;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return -EINVAL;
	}
	*ret = value;
	return 0;
}

struct bearer_token {
	const char *text;
	size_t len;
};

/* Cuts at the dots. The first `max` tokens are kept, all are counted; 0 when
 * one is empty. */
static size_t split_tokens(struct bearer_token *tokens, size_t max,
			   const char *text, size_t len)
{
	size_t n = 0;

	for (size_t at = 0; at <= len;) {
		const char *dot = memchr(text + at, '.', len - at);
		size_t end = dot == NULL ? len : (size_t)(dot - text);

		if (end == at)
			return 0;
		if (n < max)
			tokens[n] = (struct bearer_token){text + at, end - at};
		n++;
		at = end + 1;
	}
	return n;
}

static bool bearer_token_is(const struct bearer_token *t, const char *word)
{
	return t->len == strlen(word) && memcmp(t->text, word, t->len) == 0;
}

int js_ack_parse(struct js_ack *ret, const char *reply, size_t len)
{
	struct bearer_token t[11];
	size_t n = split_tokens(t, ARRAY_LEN(t), reply, len);
	const struct bearer_token *from; /* the stream's name */
	struct js_ack ack;

	if (n == 9)
		from = &t[2];
	else if (n >= 11)
		from = &t[4];
	else
		return -EINVAL;
	if (!bearer_token_is(&t[0], "$JS") || !bearer_token_is(&t[1], "ACK"))
		return -EINVAL;
	ack.consumer = from[1].text;
	ack.consumer_len = from[1].len;
	if (parse_header_u64(&ack.delivered, from[2].text, from[2].len) < 0 ||
	    parse_header_u64(&ack.stream_seq, from[3].text, from[3].len) < 0 ||
	    parse_header_u64(&ack.consumer_seq, from[4].text, from[4].len) <
		    0 ||
	    parse_header_u64(&ack.time_ns, from[5].text, from[5].len) < 0 ||
	    parse_header_u64(&ack.pending, from[6].text, from[6].len) < 0)
		return -EINVAL;
	*ret = ack;
	return 0;
}

/* ---- requests ------------------------------------------------------------ */

/* A body on its way into `out`: after the first failure nothing is put any
 * more, and body_end() takes back what had been. */
struct body {
	struct buf *out;
	size_t unread_before;
	int rc;
};

static struct body begin_body(struct buf *out)
{
	return (struct body){out, buf_unread(out), 0};
}

static int end_body(struct body *b)
{
	if (b->rc < 0)
		buf_truncate(b->out, b->unread_before);
	return b->rc;
}

static void put_body_text(struct body *b, const char *text)
{
	if (b->rc == 0)
		b->rc = buf_puts(b->out, text);
}

static void put_number_member(struct body *b, const char *before,
			      uint64_t number)
{
	if (b->rc == 0)
		b->rc = buf_printf(b->out, "%s%" PRIu64, before, number);
}

static int on_piece(const char *text, size_t len, void *arg)
{
	struct body *b = arg;

	b->rc = buf_put(b->out, text, len);
	return b->rc;
}

/* A JSON string, escaped by the library; must be UTF-8. */
static void put_string_member(struct body *b, const char *before,
			      const char *text)
{
	json_t *json = json_string(text);

	put_body_text(b, before);
	if (b->rc == 0 && json == NULL)
		b->rc = -ENOMEM;
	/* It may fail for want of memory of its own, and say nothing to
	 * on_piece(). */
	if (b->rc == 0 &&
	    json_dump_callback(json, on_piece, b, JSON_ENCODE_ANY) < 0 &&
	    b->rc == 0)
		b->rc = -ENOMEM;
	json_decref(json);
}

int js_put_find(struct buf *out, uint64_t seq, const char *subject)
{
	struct body b = begin_body(out);

	put_number_member(&b, "{\"seq\":", seq);
	put_string_member(&b, ",\"next_by_subj\":", subject);
	put_body_text(&b, "}");
	return end_body(&b);
}

int js_put_get(struct buf *out, uint64_t seq)
{
	struct body b = begin_body(out);

	put_number_member(&b, "{\"seq\":", seq);
	put_body_text(&b, "}");
	return end_body(&b);
}

int js_put_last(struct buf *out, const char *subject)
{
	struct body b = begin_body(out);

	put_string_member(&b, "{\"last_by_subj\":", subject);
	put_body_text(&b, "}");
	return end_body(&b);
}

/* No num_replicas: 0 is one replica on a stream with limits, and the only
 * value that the server takes on one with interest retention. `action` makes
 * a name that exists an error instead of an update (2.10 and later). */
int js_put_create(struct buf *out, const struct js_consumer *c)
{
	struct body b = begin_body(out);

	put_string_member(&b, "{\"stream_name\":", c->stream);
	put_string_member(&b, ",\"config\":{\"name\":", c->name);
	if (c->filter != NULL)
		put_string_member(&b, ",\"filter_subject\":", c->filter);
	put_body_text(&b, ",\"deliver_policy\":\"by_start_sequence\"");
	put_number_member(&b, ",\"opt_start_seq\":",
			  c->start_seq == 0 ? 1 : c->start_seq);
	put_body_text(&b,
		      ",\"ack_policy\":\"none\",\"replay_policy\":\"instant\""
		      ",\"mem_storage\":true");
	put_number_member(&b, ",\"inactive_threshold\":",
			  c->inactive_ms * ns_per_ms);
	put_body_text(&b, "},\"action\":\"create\"}");
	return end_body(&b);
}

int js_put_pull(struct buf *out, const struct js_pull *p)
{
	struct body b = begin_body(out);

	put_number_member(&b, "{\"batch\":", p->batch);
	if (p->max_bytes > 0)
		put_number_member(&b, ",\"max_bytes\":", p->max_bytes);
	if (p->expires_ms > 0)
		put_number_member(&b,
				  ",\"expires\":", p->expires_ms * ns_per_ms);
	if (p->heartbeat_ms > 0)
		put_number_member(&b, ",\"idle_heartbeat\":",
				  p->heartbeat_ms * ns_per_ms);
	if (p->no_wait)
		put_body_text(&b, ",\"no_wait\":true");
	put_body_text(&b, "}");
	return end_body(&b);
}

/* ---- replies: what they share -------------------------------------------- */

static void set_api_error(struct js_error *e, int err, const char *text)
{
	size_t n = 0;

	e->err = err;
	for (; text[n] != '\0' && n + 1 < sizeof(e->text); n++)
		e->text[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
	e->text[n] = '\0';
}

/* {"code":404,"err_code":10037,"description":"..."}: the JetStream code, or
 * for a server that gives none the HTTP-like one. */
static void take_api_error(struct js_error *e, const json_t *error)
{
	json_int_t code =
		json_integer_value(json_object_get(error, "err_code"));
	const char *text =
		json_string_value(json_object_get(error, "description"));

	if (code == 0)
		code = json_integer_value(json_object_get(error, "code"));
	if (code <= ERR_MALFORMED || code > 1000000) {
		set_api_error(e, ERR_MALFORMED, "an error without a code");
		return;
	}
	set_api_error(e, (int)code, text == NULL ? "" : text);
}

/* ---- what jansson can't read --------------------------------------------- */

/* An integer of 64 bits without a sign, which underflows somewhere in a server,
 * or a NUL in a description make jansson refuse a whole answer. So what it has
 * refused is read again with long numbers as strings behind BIG, and with NULs
 * replaced; only a field that we need and that is one of them is malformed. */

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

static json_t *load_again(const char *text, size_t len)
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
	if (rc == 0)
		json = json_loadb((const char *)buf_head(&copy),
				  buf_unread(&copy), JSON_REJECT_DUPLICATES,
				  NULL);
	buf_finish(&copy);
	return json;
}

/* The answer's object, or NULL with the error set. To json_decref(). */
static json_t *load_response(struct js_error *e, const char *text, size_t len)
{
	bool deep = json_depth(text, len) > JSON_DEPTH_MAX;
	json_t *json = NULL;
	const json_t *error;

	if (!deep)
		json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	if (!deep && json == NULL)
		json = load_again(text, len);
	error = json_object_get(json, "error");
	*e = (struct js_error){0};
	if (!json_is_object(json))
		set_api_error(e, ERR_MALFORMED, "not a JSON object");
	else if (error != NULL)
		take_api_error(e, error);
	if (e->err == 0)
		return json;
	json_decref(json);
	return NULL;
}

static int u64_member(uint64_t *ret, const json_t *obj, const char *key)
{
	const json_t *json = json_object_get(obj, key);
	const char *big = json_string_value(json);

	if (big != NULL && *big == *BIG)
		return parse_header_u64(ret, big + 1, strlen(big + 1));
	if (!json_is_integer(json) || json_integer_value(json) < 0)
		return -EINVAL;
	*ret = (uint64_t)json_integer_value(json);
	return 0;
}

/* 1 to size - 1 bytes without control characters or blanks; NUL-terminated in
 * `out`. */
static int string_member_of(char *out, size_t size, size_t *ret_len,
			    const json_t *obj, const char *key)
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

/* ---- STREAM.INFO --------------------------------------------------------- */

/* The list of all subjects of the stream; NULL where it does not say all: a
 * mirror has no subjects of its own, and sources and transforms bring in
 * others. */
static const json_t *known_subjects(const json_t *config)
{
	const json_t *subjects = json_object_get(config, "subjects");

	if (json_array_size(subjects) == 0 ||
	    json_object_get(config, "mirror") != NULL ||
	    json_object_get(config, "sources") != NULL ||
	    json_object_get(config, "subject_transform") != NULL)
		return NULL;
	return subjects;
}

static bool covers_all_subjects(const json_t *config, const char *filter)
{
	const json_t *subjects = known_subjects(config);
	const json_t *subject;
	size_t i;

	if (subjects == NULL)
		return false;
	json_array_foreach(subjects, i, subject)
	{
		if (!json_is_string(subject) ||
		    !subject_covers(filter, json_string_value(subject)))
			return false;
	}
	return true;
}

/* Can no message of the stream be one that the filter takes? False where that
 * is not known. */
static bool matches_none(const json_t *config, const char *filter)
{
	const json_t *subjects = known_subjects(config);
	const json_t *subject;
	size_t i;

	if (subjects == NULL)
		return false;
	json_array_foreach(subjects, i, subject)
	{
		if (!json_is_string(subject) ||
		    subject_overlaps(filter, json_string_value(subject)))
			return false;
	}
	return true;
}

/* The server refuses a consumer that wants to be kept for longer (10153). */
static uint64_t max_inactive_ms(const json_t *config)
{
	const json_t *limits = json_object_get(config, "consumer_limits");
	json_int_t ns = json_integer_value(
		json_object_get(limits, "inactive_threshold"));

	if (ns <= 0)
		return 0;
	return ns < (json_int_t)ns_per_ms ? 1 : (uint64_t)ns / ns_per_ms;
}

static int take_stream_state(struct js_info *ret, const json_t *state)
{
	if (u64_member(&ret->messages, state, "messages") < 0 ||
	    u64_member(&ret->first_seq, state, "first_seq") < 0 ||
	    u64_member(&ret->last_seq, state, "last_seq") < 0 ||
	    ret->last_seq == UINT64_MAX)
		return -EINVAL;
	if (ret->messages == 0) {
		/* 0, 1 or last + 1 by the release. */
		ret->first_seq = ret->last_seq + 1;
		return 0;
	}
	if (ret->first_seq == 0 || ret->first_seq > ret->last_seq)
		return -EINVAL;
	return 0;
}

/* FNV-1a. */
static uint32_t hash_name(const char *text)
{
	uint32_t h = 2166136261u;

	for (; *text != '\0'; text++)
		h = (h ^ (uint8_t)*text) * 16777619u;
	return h;
}

/* The others whom the leader has heard from just now. */
static size_t count_followers(const json_t *replicas)
{
	const json_t *r;
	size_t i, n = 0;

	json_array_foreach(replicas, i, r)
	{
		json_int_t ns =
			json_integer_value(json_object_get(r, "active"));

		n += ns > 0 && ns < followed_ns;
	}
	return n;
}

static json_int_t replicas_of(const json_t *info)
{
	const json_t *others =
		json_object_get(json_object_get(info, "cluster"), "replicas");

	return (json_int_t)json_array_size(others) + 1;
}

/* A leader that is cut off goes on answering for some 17 s, while the others
 * have another one; and while there is none, anyone answers. */
static int take_cluster(struct js_info *ret, const json_t *cluster)
{
	const char *name =
		json_string_value(json_object_get(cluster, "leader"));
	const json_t *replicas = json_object_get(cluster, "replicas");
	size_t servers = json_array_size(replicas) + 1;
	size_t followers = count_followers(replicas);

	if (cluster == NULL)
		return 0;
	if (!json_is_object(cluster))
		return -EINVAL;
	if (name == NULL || *name == '\0') {
		ret->no_leader = true;
		return 0;
	}
	/* From 2.10 on a server without a cluster names itself as the leader,
	 * by an id that each start changes, and names no cluster. */
	if (json_object_get(cluster, "name") == NULL && servers == 1)
		return 0;
	ret->leader = hash_name(name);
	ret->no_leader = (followers + 1) * 2 <= servers;
	ret->all_follow = followers + 1 == servers;
	return 0;
}

static int take_stream_config(struct js_info *ret, const json_t *json,
			      const char *filter)
{
	const json_t *config = json_object_get(json, "config");
	const char *retention =
		json_string_value(json_object_get(config, "retention"));

	if (retention == NULL ||
	    string_member_of(ret->created, sizeof(ret->created),
			     &ret->created_len, json, "created") < 0 ||
	    take_stream_state(ret, json_object_get(json, "state")) < 0 ||
	    take_cluster(ret, json_object_get(json, "cluster")) < 0)
		return -EINVAL;
	ret->work_queue = strcmp(retention, "workqueue") == 0;
	ret->filter_covers_all = covers_all_subjects(config, filter);
	ret->filter_matches_none = matches_none(config, filter);
	ret->max_inactive_ms = max_inactive_ms(config);
	/* The time of the answer is there from 2.10 on. */
	ret->before_2_10 = json_object_get(json, "ts") == NULL;
	/* One that the leader does not know of is not listed. */
	ret->all_follow =
		ret->all_follow &&
		json_integer_value(json_object_get(config, "num_replicas")) <=
			replicas_of(json);
	return 0;
}

void js_info_parse(struct js_info *ret, const char *json, size_t len,
		   const char *filter)
{
	json_t *root;

	*ret = (struct js_info){0};
	root = load_response(&ret->error, json, len);
	if (root == NULL)
		return;
	if (take_stream_config(ret, root, filter) < 0)
		set_api_error(&ret->error, ERR_MALFORMED,
			      "not a stream's information");
	json_decref(root);
}

/* ---- STREAM.MSG.GET ------------------------------------------------------ */

/* Standard base64 with padding, at most `data->max` bytes; absent when empty.
 */
static int take_message_data(struct buf *data, const json_t *message)
{
	const json_t *json = json_object_get(message, "data");
	size_t len = json_string_length(json);
	size_t got = 0;

	if (json == NULL)
		return 0;
	if (!json_is_string(json) || len % 4 != 0)
		return -EINVAL;
	if (len == 0)
		return 0;
	/* Three bytes for four characters, less the padding. */
	if (len / 4 * 3 > data->max + 2 ||
	    buf_reserve(data,
			data->max < len / 4 * 3 ? data->max : len / 4 * 3) < 0)
		return -ENOBUFS;
	if (base64_decode(json_string_value(json), len, buf_tail(data),
			  buf_room(data), &got) < 0)
		return -EINVAL;
	buf_added(data, got);
	return 0;
}

/* "NATS/1.0\r\nName: value\r\n...": names are compared as the server does. */
static bool block_has(const char *block, size_t len, const char *name)
{
	const char *at = block, *end = block + len;
	size_t n = strlen(name);

	while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		at++;
		if ((size_t)(end - at) > n && memcmp(at, name, n) == 0 &&
		    at[n] == ':')
			return true;
	}
	return false;
}

/* -EINVAL for headers that are no base64, -ENOBUFS without memory. */
static int take_headers(struct js_found *ret, const json_t *message)
{
	const json_t *json = json_object_get(message, "hdrs");
	size_t len = json_string_length(json), got;
	char *block;
	int rc;

	if (len == 0)
		return json == NULL || json_is_string(json) ? 0 : -EINVAL;
	block = malloc(len);
	if (block == NULL)
		return -ENOBUFS;
	rc = base64_decode(json_string_value(json), len, block, len, &got);
	if (rc == 0)
		ret->internal = block_has(block, got, "Nats-Marker-Reason") ||
				block_has(block, got, "Nats-Schedule");
	free(block);
	return rc;
}

static int take_stored_message(struct js_found *ret, const json_t *message)
{
	char time[64];
	size_t len;
	int rc = u64_member(&ret->seq, message, "seq");

	if (rc == 0 && ret->seq == 0)
		rc = -EINVAL;
	if (rc == 0)
		rc = string_member_of(ret->subject, sizeof(ret->subject),
				      &ret->subject_len, message, "subject");
	if (rc == 0)
		rc = string_member_of(time, sizeof(time), &len, message,
				      "time");
	if (rc == 0)
		rc = rfc3339_parse(&ret->time_ns, time, len);
	if (rc == 0)
		rc = take_headers(ret, message);
	return rc == 0 ? take_message_data(&ret->data, message) : rc;
}

void js_found_parse(struct js_found *ret, const char *json, size_t len,
		    size_t max)
{
	json_t *root;
	int rc;

	memset(ret, 0, sizeof(*ret));
	buf_init(&ret->data, max);
	root = load_response(&ret->error, json, len);
	if (root == NULL)
		return;
	rc = take_stored_message(ret, json_object_get(root, "message"));
	if (rc < 0) {
		set_api_error(&ret->error, ERR_MALFORMED,
			      rc == -ENOBUFS ? "a message too big to take"
					     : "not a stored message");
		buf_finish(&ret->data);
	}
	json_decref(root);
}

void js_found_finish(struct js_found *f)
{
	if (f != NULL)
		buf_finish(&f->data);
}

/* ---- CONSUMER.CREATE ----------------------------------------------------- */

void js_created_parse(struct js_created *ret, const char *json, size_t len)
{
	json_t *root;
	size_t name_len;

	*ret = (struct js_created){0};
	root = load_response(&ret->error, json, len);
	if (root == NULL)
		return;
	if (string_member_of(ret->name, sizeof(ret->name), &name_len, root,
			     "name") < 0)
		set_api_error(&ret->error, ERR_MALFORMED,
			      "not a consumer's information");
	/* For a gauge alone; servers have had underflows of it. */
	if (u64_member(&ret->num_pending, root, "num_pending") < 0 ||
	    ret->num_pending > INT64_MAX)
		ret->num_pending = 0;
	json_decref(root);
}

/* ---- statuses ------------------------------------------------------------ */

static bool description_says(const char *description, const char *words)
{
	return description != NULL && strcasestr(description, words) != NULL;
}

/* "Exceeded MaxRequestBatch of 1000": the text behind the words, or NULL. */
static const char *behind(const char *description, const char *words)
{
	const char *at =
		description == NULL ? NULL : strcasestr(description, words);

	return at == NULL ? NULL : at + strlen(words);
}

static uint64_t limit_in(const char *description, const char *words)
{
	const char *text = behind(description, words);
	uint64_t number;

	if (text == NULL ||
	    parse_header_u64(&number, text, strspn(text, "0123456789")) < 0)
		return 0;
	return number;
}

/* As Go writes it: "1m0s", "1.5s", "500ms"; cut off to whole units. */
static uint64_t duration_in(const char *description, const char *words)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = {{"ms", 1}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};
	const char *text = behind(description, words);
	uint64_t ms = 0, number;

	while (text != NULL && ascii_is_digit(*text)) {
		size_t n = strspn(text, "0123456789"), u = 0;

		if (parse_header_u64(&number, text, n) < 0 ||
		    number > 1000000000)
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
	st->max_batch = limit_in(description, "exceeded maxrequestbatch of ");
	st->max_bytes =
		limit_in(description, "exceeded maxrequestmaxbytes of ");
	st->max_expires_ms =
		duration_in(description, "exceeded maxrequestexpires of ");
}

int js_status_parse(struct js_status *ret, const char *code,
		    const char *description, const char *pending_msgs,
		    const char *last_consumer)
{
	struct js_status st = {0};
	struct js_error text;
	uint64_t number;

	if (code == NULL || strlen(code) != HTTP_CODE_LEN ||
	    parse_header_u64(&number, code, HTTP_CODE_LEN) < 0 || number < 100)
		return -EINVAL;
	st.code = (int)number;
	st.consumer_gone = st.code == 409 &&
			   (description_says(description, "consumer deleted") ||
			    description_says(description, "push based"));
	st.too_big =
		st.code == 409 &&
		description_says(description, "message size exceeds maxbytes");
	take_limits(&st, description);
	set_api_error(&text, 0, description == NULL ? "" : description);
	snprintf(st.text, sizeof(st.text), "%.*s", (int)sizeof(st.text) - 1,
		 text.text);
	st.has_pending = pending_msgs != NULL;
	if (st.has_pending && parse_header_u64(&st.pending_msgs, pending_msgs,
					       strlen(pending_msgs)) < 0)
		return -EINVAL;
	st.has_last_consumer = last_consumer != NULL;
	if (st.has_last_consumer &&
	    parse_header_u64(&st.last_consumer, last_consumer,
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
	return parse_header_u64(&ret->last_stream, last_stream,
				strlen(last_stream));
}
