#include "http/subscriptions_json.h"

#include <inttypes.h>
#include <string.h>

/* Identities and subjects are printable ASCII: only the quote and the backslash
 * need an escape. Other bytes are escaped to be safe. */
static int put_json_quoted(struct buf *out, struct span text)
{
	int rc = buf_putc(out, '"');

	for (size_t i = 0; rc == 0 && i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if (c == '"' || c == '\\')
			rc = buf_printf(out, "\\%c", c);
		else if (c < 0x20 || c > 0x7E)
			rc = buf_printf(out, "\\u%04x", c);
		else
			rc = buf_putc(out, (char)c);
	}
	return rc < 0 ? rc : buf_putc(out, '"');
}

static int put_json_text(struct buf *out, const char *key, struct span text)
{
	int rc = buf_printf(out, "\"%s\": ", key);

	if (rc == 0)
		rc = put_json_quoted(out, text);
	return rc < 0 ? rc : buf_puts(out, ", ");
}

static int put_json_texts(struct buf *out, const char *key,
			  const struct span *list, size_t n)
{
	int rc = buf_printf(out, "\"%s\": [", key);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (i > 0)
			rc = buf_puts(out, ", ");
		if (rc == 0)
			rc = put_json_quoted(out, list[i]);
	}
	return rc < 0 ? rc : buf_puts(out, "], ");
}

static int put_entry_names(struct buf *out,
			   const struct subscriptions_json_entry *e)
{
	int rc = buf_printf(out, "{\"subscription\": %" PRIu64 ", ", e->number);

	if (rc == 0)
		rc = e->id.len > 0 ? put_json_text(out, "id", e->id)
				   : buf_puts(out, "\"id\": null, ");
	if (rc == 0)
		rc = put_json_texts(out, "subjects", e->subjects,
				    e->n_subjects);
	if (rc == 0)
		rc = put_json_text(out, "address", span_of(e->address));
	return rc == 0 ? put_json_text(out, "state", span_of(e->state)) : rc;
}

static int put_entry_numbers(struct buf *out,
			     const struct subscriptions_json_entry *e)
{
	return buf_printf(
		out,
		"\"slow\": %s, \"opened\": \"%s\", \"age_seconds\": %" PRIu64
		".%03u, \"sequence\": %" PRIu64 ", \"lag\": %" PRIu64
		", \"unsent_bytes\": %" PRIu64 ", \"events\": %" PRIu64
		", \"bytes\": %" PRIu64 "}",
		e->slow ? "true" : "false", e->opened, e->age_ms / 1000,
		(unsigned)(e->age_ms % 1000), e->sequence, e->lag,
		e->unsent_bytes, e->events, e->bytes);
}

int subscriptions_json_put(struct buf *out,
			   const struct subscriptions_json_entry *e)
{
	int rc = put_entry_names(out, e);

	return rc < 0 ? rc : put_entry_numbers(out, e);
}

int subscriptions_json_begin(struct buf *out)
{
	return buf_puts(out, "{\"subscriptions\": [");
}

int subscriptions_json_add(struct buf *out, bool first,
			   const struct subscriptions_json_entry *e)
{
	int rc = buf_puts(out, first ? "\n" : ",\n");

	return rc < 0 ? rc : subscriptions_json_put(out, e);
}

int subscriptions_json_end(struct buf *out, uint64_t next)
{
	return next == 0
		       ? buf_puts(out, "\n], \"next\": null}\n")
		       : buf_printf(out, "\n], \"next\": %" PRIu64 "}\n", next);
}
