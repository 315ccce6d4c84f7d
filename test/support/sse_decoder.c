#include "sse_decoder.h"

static void dispatch(struct sse_decoder *d)
{
	struct sse_event ev;

	bytes_clear(&d->last_id);
	bytes_add(&d->last_id, bytes_text(&d->id), d->id.len);
	if (d->data.len == 0) {
		bytes_clear(&d->type);
		return;
	}
	d->data.len--; /* the last line's end */
	d->data.at[d->data.len] = '\0';
	if (d->type.len == 0)
		bytes_add(&d->type, "message", 7);
	ev = (struct sse_event){.type = d->type.at,
				.data = d->data.at,
				.len = d->data.len,
				.id = d->last_id.at};
	d->n_events++;
	if (d->on_event != NULL)
		d->on_event(d->arg, &ev);
	bytes_clear(&d->data);
	bytes_clear(&d->type);
}

static void take_retry(struct sse_decoder *d, const char *value, size_t len)
{
	uint64_t ms = 0;

	if (len == 0)
		return;
	for (size_t i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9')
			return;
		ms = ms * 10 + (uint64_t)(value[i] - '0');
	}
	d->has_retry = true;
	d->retry_ms = ms;
}

static bool is(const char *name, size_t len, const char *field)
{
	return len == strlen(field) && memcmp(name, field, len) == 0;
}

static void take_field(struct sse_decoder *d, const char *name, size_t name_len,
		       const char *value, size_t len)
{
	if (is(name, name_len, "data")) {
		bytes_add(&d->data, value, len);
		bytes_add_char(&d->data, '\n');
	} else if (is(name, name_len, "event")) {
		bytes_clear(&d->type);
		bytes_add(&d->type, value, len);
	} else if (is(name, name_len, "id")) {
		if (memchr(value, '\0', len) != NULL)
			return;
		bytes_clear(&d->id);
		bytes_add(&d->id, value, len);
	} else if (is(name, name_len, "retry")) {
		take_retry(d, value, len);
	}
}

static void take_line(struct sse_decoder *d)
{
	const char *at = bytes_text(&d->line);
	size_t len = d->line.len;
	const char *colon, *value;

	if (!d->begun) {
		d->begun = true;
		if (len >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0) {
			at += 3;
			len -= 3;
		}
	}
	if (len == 0) {
		dispatch(d);
		return;
	}
	colon = memchr(at, ':', len);
	if (colon == at) {
		d->n_comments++;
		return;
	}
	if (colon == NULL) {
		take_field(d, at, len, "", 0);
		return;
	}
	value = colon + 1;
	if (value < at + len && *value == ' ')
		value++;
	take_field(d, at, (size_t)(colon - at), value,
		   (size_t)(at + len - value));
}

void sse_decoder_feed(struct sse_decoder *d, const void *bytes, size_t len)
{
	const char *at = bytes, *end = at + len;

	while (at < end) {
		const char *from = at;

		if (d->had_cr && *at == '\n')
			from++;
		d->had_cr = false;
		for (at = from; at < end && *at != '\n' && *at != '\r'; at++)
			;
		bytes_add(&d->line, from, (size_t)(at - from));
		if (at == end)
			return;
		d->had_cr = *at == '\r';
		at++;
		take_line(d);
		bytes_clear(&d->line);
	}
}

void sse_decoder_finish(struct sse_decoder *d)
{
	bytes_free(&d->line);
	bytes_free(&d->data);
	bytes_free(&d->type);
	bytes_free(&d->id);
	bytes_free(&d->last_id);
}
