#include "nats/js_response.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/base64.h"
#include "base/decimal.h"
#include "base/rfc3339.h"
#include "nats/pattern.h"

enum { API_LEVEL_MAX = 1000 };

static const uint64_t ns_per_ms = 1000000;

/* Replicas elect another leader no earlier than 4 s after the last message of
 * the present one (minElectionTimeout of nats-server); a leader sends one each
 * second. */
static const json_int_t followed_ns = 3000000000;

/* ---- STREAM.INFO --------------------------------------------------------- */

/* All subjects of the stream; NULL where the list is incomplete: a mirror has
 * no subjects of its own, sources and transforms add others. */
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

static bool covers_all_subjects(const json_t *config, const struct readable *r)
{
	struct span filter = span_of(readable_filter(r));
	const json_t *subjects = known_subjects(config);
	const json_t *subject;
	size_t i;

	if (pattern_inside(span_of(">"), filter))
		return true;
	if (subjects == NULL)
		return false;
	json_array_foreach(subjects, i, subject)
	{
		if (!json_is_string(subject) ||
		    !pattern_inside(span_of(json_string_value(subject)),
				    filter))
			return false;
	}
	return true;
}

/* True when no subject of the stream is readable; false when unknown. */
static bool matches_none(const json_t *config, const struct readable *r)
{
	const json_t *subjects = known_subjects(config);
	const json_t *subject;
	size_t i;

	if (subjects == NULL)
		return false;
	json_array_foreach(subjects, i, subject)
	{
		if (!json_is_string(subject) ||
		    readable_overlaps(r, span_of(json_string_value(subject))))
			return false;
	}
	return true;
}

/* The server rejects a consumer with a longer threshold (10153). */
static uint64_t max_inactive_ms(const json_t *config)
{
	const json_t *limits = json_object_get(config, "consumer_limits");
	json_int_t ns = json_integer_value(
		json_object_get(limits, "inactive_threshold"));

	if (ns <= 0)
		return 0;
	return ns < (json_int_t)ns_per_ms ? 1 : (uint64_t)ns / ns_per_ms;
}

/* Servers from 2.11 on put their own level into the metadata of a response.
 * Older ones return what the stream's creator put there, and no allow_msg_ttl.
 */
static unsigned api_level(const json_t *config)
{
	const json_t *level =
		json_object_get(json_object_get(config, "metadata"),
				"_nats.level");
	uint64_t n;

	if (json_object_get(config, "allow_msg_ttl") == NULL ||
	    !json_is_string(level) ||
	    decimal_parse(&n, json_string_value(level),
			  json_string_length(level)) < 0 ||
	    n > API_LEVEL_MAX)
		return 0;
	return (unsigned)n;
}

static int take_stream_state(struct js_info *ret, const json_t *state)
{
	if (js_json_u64(&ret->messages, state, "messages") < 0 ||
	    js_json_u64(&ret->first_seq, state, "first_seq") < 0 ||
	    js_json_u64(&ret->last_seq, state, "last_seq") < 0 ||
	    ret->last_seq == UINT64_MAX)
		return -EINVAL;
	if (ret->messages == 0) {
		/* 0, 1 or last + 1, depending on the release. */
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

/* Other replicas that the leader heard from recently. */
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

/* A leader that is cut off keeps answering for some 17 s, while the others have
 * another one. While there is no leader, every replica answers. */
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
	/* From 2.10 on a server without a cluster reports itself as leader,
	 * by an id that each start changes, and no cluster. */
	if (json_object_get(cluster, "name") == NULL && servers == 1)
		return 0;
	ret->leader = hash_name(name);
	ret->no_leader = (followers + 1) * 2 <= servers;
	ret->all_follow = followers + 1 == servers;
	return 0;
}

static int take_stream_config(struct js_info *ret, const json_t *json,
			      const struct readable *r)
{
	const json_t *config = json_object_get(json, "config");
	const char *retention =
		json_string_value(json_object_get(config, "retention"));

	if (retention == NULL ||
	    js_json_string(ret->created, sizeof(ret->created),
			   &ret->created_len, json, "created") < 0 ||
	    take_stream_state(ret, json_object_get(json, "state")) < 0 ||
	    take_cluster(ret, json_object_get(json, "cluster")) < 0)
		return -EINVAL;
	ret->work_queue = strcmp(retention, "workqueue") == 0;
	ret->filter_covers_all = covers_all_subjects(config, r);
	ret->filter_matches_none = matches_none(config, r);
	ret->max_inactive_ms = max_inactive_ms(config);
	ret->api_level = api_level(config);
	/* Responses have a time from 2.10 on. */
	ret->before_2_10 = json_object_get(json, "ts") == NULL;
	/* A replica that the leader does not know is not listed. */
	ret->all_follow =
		ret->all_follow &&
		json_integer_value(json_object_get(config, "num_replicas")) <=
			replicas_of(json);
	return 0;
}

void js_info_parse(struct js_info *ret, const char *json, size_t len,
		   const struct readable *r)
{
	json_t *root;

	*ret = (struct js_info){0};
	root = js_json_load(&ret->error, json, len);
	if (root == NULL)
		return;
	if (take_stream_config(ret, root, r) < 0)
		js_error_set(&ret->error, JS_JSON_MALFORMED,
			     "not a stream's information");
	json_decref(root);
}

/* ---- STREAM.MSG.GET ------------------------------------------------------ */

/* Base64 of at most `to->max` bytes; absent when empty. */
static int take_base64(struct buf *to, const json_t *message, const char *name)
{
	const json_t *json = json_object_get(message, name);
	size_t len = json_string_length(json);
	size_t got = 0;

	if (json == NULL)
		return 0;
	if (!json_is_string(json) || len % 4 != 0)
		return -EINVAL;
	if (len == 0)
		return 0;
	/* Three bytes of four characters, less the padding. */
	if (len / 4 * 3 > to->max + 2 ||
	    buf_reserve(to, to->max < len / 4 * 3 ? to->max : len / 4 * 3) < 0)
		return -ENOBUFS;
	if (base64_decode(json_string_value(json), len, buf_tail(to),
			  buf_room(to), &got) < 0)
		return -EINVAL;
	buf_added(to, got);
	return 0;
}

/* A publisher names it: any bytes but blanks and line ends. The server's JSON
 * has U+FFFD for those that are not UTF-8; a NUL is replaced in js_json_load().
 */
static int take_message_subject(struct js_message *ret, const json_t *message)
{
	const json_t *json = json_object_get(message, "subject");
	size_t len = json_string_length(json);

	if (len == 0)
		return -EINVAL;
	ret->subject = strdup(json_string_value(json));
	if (ret->subject == NULL)
		return -ENOBUFS;
	ret->subject_len = strlen(ret->subject);
	return ret->subject_len == len ? 0 : -EINVAL;
}

static int take_stored_message(struct js_message *ret, const json_t *message)
{
	char time[64];
	size_t len;
	int rc = js_json_u64(&ret->seq, message, "seq");

	if (rc == 0 && ret->seq == 0)
		rc = -EINVAL;
	if (rc == 0)
		rc = take_message_subject(ret, message);
	if (rc == 0)
		rc = js_json_string(time, sizeof(time), &len, message, "time");
	if (rc == 0)
		rc = rfc3339_parse(&ret->time_ns, time, len);
	if (rc == 0)
		rc = take_base64(&ret->headers, message, "hdrs");
	return rc == 0 ? take_base64(&ret->data, message, "data") : rc;
}

void js_message_finish(struct js_message *f)
{
	if (f == NULL)
		return;
	free(f->subject);
	f->subject = NULL;
	buf_finish(&f->data);
	buf_finish(&f->headers);
}

void js_message_parse(struct js_message *ret, const char *json, size_t len,
		      size_t max)
{
	json_t *root;
	int rc;

	memset(ret, 0, sizeof(*ret));
	buf_init(&ret->data, max);
	buf_init(&ret->headers, max);
	root = js_json_load(&ret->error, json, len);
	if (root == NULL)
		return;
	rc = take_stored_message(ret, json_object_get(root, "message"));
	if (rc < 0) {
		js_error_set(&ret->error, JS_JSON_MALFORMED,
			     rc == -ENOBUFS ? "the message is too large"
					    : "not a stored message");
		js_message_finish(ret);
	}
	json_decref(root);
}

/* ---- CONSUMER.CREATE ----------------------------------------------------- */

void js_created_parse(struct js_created *ret, const char *json, size_t len)
{
	json_t *root;
	size_t name_len;

	*ret = (struct js_created){0};
	root = js_json_load(&ret->error, json, len);
	if (root == NULL)
		return;
	if (js_json_string(ret->name, sizeof(ret->name), &name_len, root,
			   "name") < 0)
		js_error_set(&ret->error, JS_JSON_MALFORMED,
			     "not a consumer's information");
	/* Only for a gauge; some servers underflow it. */
	if (js_json_u64(&ret->num_pending, root, "num_pending") < 0 ||
	    ret->num_pending > INT64_MAX)
		ret->num_pending = 0;
	json_decref(root);
}
