/* The ETag is a hash of the whole page, since the same program with other
 * options has another one. */
#include "http/live_page.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/check.h"
#include "http/live_page_source.h"
#include "version.h"

enum {
	UI_PAGE_MAX = 512 * 1024,
	UI_HASH_BYTES = crypto_generichash_BYTES_MIN,
	UI_TAG_BYTES = 8, /* of the hash, in the ETag */
};

/* Text for between two quotes (HTML, 13.1.2.3). `<` and `>` would do no harm
 * there, and whoever reads the page's source is not to wonder. */
static int put_escaped(struct buf *b, const char *text)
{
	int rc = 0;

	for (; *text != '\0' && rc == 0; text++) {
		switch (*text) {
		case '&':
			rc = buf_puts(b, "&amp;");
			break;
		case '"':
			rc = buf_puts(b, "&quot;");
			break;
		case '<':
			rc = buf_puts(b, "&lt;");
			break;
		case '>':
			rc = buf_puts(b, "&gt;");
			break;
		default:
			rc = buf_putc(b, *text);
			break;
		}
	}
	return rc;
}

static int put_attribute(struct buf *b, const char *name, const char *value)
{
	int rc = buf_printf(b, " data-%s=\"", name);

	if (rc == 0)
		rc = put_escaped(b, value);
	return rc < 0 ? rc : buf_putc(b, '"');
}

static int put_page(struct buf *b, const struct ui_config *cfg)
{
	char ping[24], retry[24];
	const struct {
		const char *name, *value;
	} list[] = {
		{"version", SLUICE_VERSION},
		{"stream", cfg->stream},
		{"subject", cfg->subject},
		{"auth", cfg->auth},
		{"id-header", cfg->id_header},
		{"ping", ping},
		{"retry", retry},
	};
	int rc = buf_put(b, ui_source_head, ui_source_head_len);

	snprintf(ping, sizeof(ping), "%" PRIu64, cfg->ping_ms);
	snprintf(retry, sizeof(retry), "%" PRIu64, cfg->retry_ms);
	for (size_t i = 0; i < ARRAY_LEN(list) && rc == 0; i++)
		rc = put_attribute(b, list[i].name, list[i].value);
	return rc < 0 ? rc : buf_put(b, ui_source_tail, ui_source_tail_len);
}

static void make_etag(struct ui *ui)
{
	unsigned char hash[UI_HASH_BYTES];
	char hex[2 * UI_TAG_BYTES + 1];
	int len;

	MUST(crypto_generichash(hash, sizeof(hash), buf_head(&ui->page),
				buf_unread(&ui->page), NULL, 0) == 0);
	sodium_bin2hex(hex, sizeof(hex), hash, UI_TAG_BYTES);
	len = snprintf(ui->etag, sizeof(ui->etag), "\"%s\"", hex);
	MUST(len > 0 && (size_t)len < sizeof(ui->etag));
}

struct ui_config ui_config_of(const struct options *o)
{
	return (struct ui_config){
		.stream = o->stream,
		.subject = o->subject,
		.id_header = o->id_header,
		.auth = o->auth == AUTH_JWT ? "jwt" : "header",
		.ping_ms = o->ping_interval_ms,
		.retry_ms = o->retry_ms,
	};
}

int ui_init(struct ui *ui, const struct ui_config *cfg)
{
	int rc;

	memset(ui, 0, sizeof(*ui));
	buf_init(&ui->page, UI_PAGE_MAX);
	rc = put_page(&ui->page, cfg);
	if (rc < 0)
		ui_finish(ui);
	else
		make_etag(ui);
	return rc;
}

void ui_finish(struct ui *ui)
{
	buf_finish(&ui->page);
}

/* One of a list, weak or not: a proxy that packs the page makes it weak. An
 * ETag has no comma and no quote inside, so nothing else holds ours. */
static bool is_named(const struct ui *ui, const char *if_none_match)
{
	return if_none_match != NULL &&
	       (strcmp(if_none_match, "*") == 0 ||
		strstr(if_none_match, ui->etag) != NULL);
}

int ui_reply(const struct ui *ui, struct buf *out,
	     const struct http_reply_to *to, const char *if_none_match)
{
	const struct http_reply_page page = {
		.type = "text/html; charset=utf-8",
		.policy = ui_source_policy,
		.etag = ui->etag,
	};

	if (is_named(ui, if_none_match))
		return http_reply_unchanged(out, to, &page);
	return http_reply_page(out, to, &page, buf_head(&ui->page),
			       buf_unread(&ui->page));
}
