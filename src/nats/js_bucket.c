#include "nats/js_bucket.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "nats/pattern.h"

/* -1 means no limit, and is none. */
static uint64_t limit_of(const json_t *config, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(config, name));

	return n > 0 ? (uint64_t)n : 0;
}

static bool flag_of(const json_t *config, const char *name)
{
	return json_is_true(json_object_get(config, name));
}

static bool has_bucket_subjects(const json_t *config, struct span bucket)
{
	const json_t *subjects = json_object_get(config, "subjects"), *s;
	char pattern[KV_SUBJECT_MAX];
	size_t i, len = kv_subject(pattern, bucket, span_of(">"));

	json_array_foreach(subjects, i, s)
	{
		if (json_is_string(s) &&
		    pattern_inside((struct span){pattern, len},
				   span_of(json_string_value(s))))
			return true;
	}
	return false;
}

static int take_external(struct js_bucket *ret, const json_t *external)
{
	const json_t *api = json_object_get(external, "api");
	size_t len;

	if (external == NULL || json_is_null(external) ||
	    (json_is_string(api) && json_string_length(api) == 0))
		return 0;
	if (js_json_string(ret->api_prefix, sizeof(ret->api_prefix), &len,
			   external, "api") < 0 ||
	    !subject_prefix_ok(ret->api_prefix))
		return -EINVAL;
	return 0;
}

static int take_mirror(struct js_bucket *ret, const json_t *mirror)
{
	char stream[KV_STREAM_MAX];
	struct span origin;
	size_t len;

	if (js_json_string(stream, sizeof(stream), &len, mirror, "name") < 0 ||
	    !kv_bucket_of_stream(&origin, (struct span){stream, len}))
		return -EINVAL;
	ret->is_mirror = true;
	memcpy(ret->origin, origin.at, origin.len);
	ret->origin[origin.len] = '\0';
	return take_external(ret, json_object_get(mirror, "external"));
}

static int take_origin(struct js_bucket *ret, const json_t *config,
		       struct span bucket)
{
	const json_t *mirror = json_object_get(config, "mirror");

	if (mirror != NULL && !json_is_null(mirror))
		return take_mirror(ret, mirror);
	if (!has_bucket_subjects(config, bucket))
		return -EINVAL;
	memcpy(ret->origin, bucket.at, bucket.len);
	ret->origin[bucket.len] = '\0';
	return 0;
}

static int take_bucket_state(struct js_bucket *ret, const json_t *info)
{
	const json_t *state = json_object_get(info, "state");

	if (js_json_u64(&ret->messages, state, "messages") < 0 ||
	    js_json_u64(&ret->first_seq, state, "first_seq") < 0 ||
	    js_json_u64(&ret->last_seq, state, "last_seq") < 0)
		return -EINVAL;
	ret->n_keys = limit_of(state, "num_subjects"); /* absent for 0 */
	return js_json_string(ret->created, sizeof(ret->created),
			      &ret->created_len, info, "created");
}

static int take_bucket(struct js_bucket *ret, const json_t *info,
		       struct span bucket)
{
	const json_t *config = json_object_get(info, "config");
	char stream[KV_STREAM_MAX];
	const char *name = json_string_value(json_object_get(config, "name"));

	kv_stream(stream, bucket);
	if (name == NULL || strcmp(name, stream) != 0)
		return -EINVAL;
	ret->history = limit_of(config, "max_msgs_per_subject");
	ret->max_age_ns = limit_of(config, "max_age");
	ret->allow_direct = flag_of(config, "allow_direct");
	ret->allow_msg_ttl = flag_of(config, "allow_msg_ttl");
	ret->allow_rollup = flag_of(config, "allow_rollup_hdrs");
	ret->sealed = flag_of(config, "sealed");
	if (take_origin(ret, config, bucket) < 0)
		return -EINVAL;
	return take_bucket_state(ret, info);
}

void js_bucket_parse(struct js_bucket *ret, const char *json, size_t len,
		     struct span bucket)
{
	json_t *root;

	*ret = (struct js_bucket){0};
	root = js_json_load(&ret->error, json, len);
	if (root == NULL)
		return;
	if (take_bucket(ret, root, bucket) < 0) {
		*ret = (struct js_bucket){0};
		js_error_set(&ret->error, JS_JSON_MALFORMED,
			     "not the information of this bucket");
	}
	json_decref(root);
}
