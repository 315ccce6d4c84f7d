#include "nats/js_page.h"

#include <errno.h>
#include <string.h>

#include "base/decimal.h"
#include "base/json_compact.h"
#include "base/utf8.h"

/* A member of an object; of several with the name the first one. */
static bool find_json_member(struct span *ret, struct span object,
			     const char *name)
{
	struct json_walk w = json_walk_begin(object);
	struct span quoted, value;
	size_t len = strlen(name);

	while (json_walk_member(&w, &quoted, &value)) {
		if (quoted.len != len + 2 ||
		    memcmp(quoted.at + 1, name, len) != 0)
			continue;
		*ret = value;
		return true;
	}
	return false;
}

static bool find_json_object(struct span *ret, struct span object,
			     const char *name)
{
	return find_json_member(ret, object, name) &&
	       json_walk_kind(*ret) == JSON_KIND_OBJECT;
}

static int take_page_number(uint64_t *ret, struct span root, const char *name)
{
	struct span value;

	if (!find_json_member(&value, root, name))
		return -EINVAL;
	return decimal_parse(ret, value.at, value.len);
}

/* False, with the error set: it is no object, or reports an error. */
static bool load_page(struct js_page *ret, struct span *root, const char *text,
		      size_t len)
{
	struct span value;

	*ret = (struct js_page){0};
	if (len == 0 || !utf8_is_valid(text, len) ||
	    json_compact_len(text, len) == 0) {
		js_error_set(&ret->error, JS_JSON_MALFORMED, "not JSON");
		return false;
	}
	*root = json_walk_value((struct span){text, len});
	if (json_walk_kind(*root) != JSON_KIND_OBJECT) {
		js_error_set(&ret->error, JS_JSON_MALFORMED,
			     "not a JSON object");
		return false;
	}
	if (!find_json_member(&value, *root, "error"))
		return true;
	js_json_error(&ret->error, text, len);
	if (ret->error.err == 0)
		js_error_set(&ret->error, JS_JSON_MALFORMED,
			     "an error without a code");
	return false;
}

static void begin_page(struct js_page *p, struct span root, const char *fault)
{
	if (fault == NULL && (take_page_number(&p->total, root, "total") < 0 ||
			      take_page_number(&p->next, root, "offset") < 0))
		fault = "a page without total and offset";
	if (fault == NULL)
		return;
	*p = (struct js_page){0};
	js_error_set(&p->error, JS_JSON_MALFORMED, fault);
}

void js_page_of_subjects(struct js_page *ret, const char *text, size_t len)
{
	struct span root, state, subjects;
	const char *fault = NULL;

	if (!load_page(ret, &root, text, len))
		return;
	ret->is_object = true;
	if (!find_json_object(&state, root, "state"))
		fault = "not a stream's information";
	else if (find_json_object(&subjects, state, "subjects"))
		ret->walk = json_walk_begin(subjects); /* else it is empty */
	begin_page(ret, root, fault);
}

/* An empty page has null. */
void js_page_of_names(struct js_page *ret, const char *text, size_t len)
{
	struct span root, streams;
	const char *fault = NULL;

	if (!load_page(ret, &root, text, len))
		return;
	if (!find_json_member(&streams, root, "streams"))
		fault = "not a list of streams";
	else if (json_walk_kind(streams) == JSON_KIND_ARRAY)
		ret->walk = json_walk_begin(streams);
	begin_page(ret, root, fault);
}

static bool take_page_entry(struct js_page *p, struct span *ret)
{
	struct span value;

	if (p->walk.at == NULL)
		return false;
	return p->is_object ? json_walk_member(&p->walk, ret, &value)
			    : json_walk_item(&p->walk, ret);
}

bool js_page_next(struct js_page *p, struct buf *room, struct span *ret)
{
	struct span entry;

	while (take_page_entry(p, &entry)) {
		p->next++;
		buf_clear(room);
		if (json_walk_kind(entry) != JSON_KIND_STRING ||
		    entry.len <= 2 || buf_reserve(room, entry.len) < 0)
			continue;
		buf_added(room, json_walk_text((char *)buf_tail(room), entry));
		*ret = (struct span){(const char *)buf_data(room),
				     buf_unread(room)};
		return true;
	}
	return false;
}

bool js_page_has_more(const struct js_page *p, uint64_t offset)
{
	return p->error.err == 0 && p->next > offset && p->next < p->total;
}
