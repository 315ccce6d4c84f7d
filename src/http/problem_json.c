#include "http/problem_json.h"

#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/json_string.h"
#include "base/printable.h"
#include "http/http_status.h"

static int put_detail(struct buf *out, const char *text)
{
	size_t len = strlen(text), room = json_string_len(text, len);
	int rc = buf_reserve(out, room + 2);

	if (rc < 0)
		return rc;
	buf_putc(out, '"');
	json_string_put(buf_tail(out), text, len);
	buf_added(out, room);
	return buf_putc(out, '"');
}

int problem_json_members(struct buf *out, const struct problem *p)
{
	int rc = buf_printf(out, "\"status\":%d,\"detail\":", p->error->status);

	if (rc == 0)
		rc = put_detail(out, p->error->text);
	if (rc == 0 && p->err_code != 0)
		rc = buf_printf(out, ",\"err_code\":%d", p->err_code);
	if (rc == 0 && p->has_current)
		rc = buf_printf(out, ",\"current\":%" PRIu64, p->current);
	if (rc == 0 && p->is_unknown)
		rc = buf_puts(out, ",\"outcome\":\"unknown\"");
	return rc;
}

int problem_json_put(struct buf *out, const struct problem *p)
{
	const char *phrase = http_status_line(p->error->status);
	int rc;

	/* RFC 9457, section 4.2.1: the title of about:blank is the phrase. A
	 * service may choose a status without one here. */
	phrase = phrase != NULL ? strchr(phrase, ' ') + 1 : "Error";
	rc = buf_printf(out, "{\"type\":\"about:blank\",\"title\":\"%s\",",
			phrase);
	if (rc == 0)
		rc = problem_json_members(out, p);
	return rc < 0 ? rc : buf_puts(out, "}\n");
}

struct problem problem_of_publish(struct http_error *error,
				  const struct publish_error *e)
{
	char shown[sizeof(error->text) / 2];
	bool more = *e->detail != '\0';

	http_error_set(error, e->status, REJECT_NOT_PUBLISHED, "%s%s%s",
		       e->what, more ? ": " : "",
		       printable_text(shown, sizeof(shown), e->detail));
	return (struct problem){
		.error = error,
		.err_code = e->err_code,
		.has_current = e->has_current,
		.current = e->current,
		.is_unknown = e->is_unknown,
	};
}
