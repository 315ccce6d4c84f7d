/* The ETag is a hash of the whole page: with other options the same program has
 * another page. */
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
	LIVE_PAGE_PAGE_MAX = 512 * 1024,
	LIVE_PAGE_HASH_BYTES = crypto_generichash_BYTES_MIN,
	LIVE_PAGE_TAG_BYTES = 8, /* bytes of the hash in the ETag */
};

/* Value of an attribute in quotes (HTML, section 13.1.2.3). `<` and `>` would
 * be harmless there; they are escaped to keep the source readable. */
static int put_html_escaped(struct buf *b, const char *text)
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

/* A blank is the one printable character that no template has. */
static int put_subjects_attribute(struct buf *b,
				  const struct live_page_config *cfg)
{
	int rc = buf_puts(b, " data-subjects=\"");

	for (size_t i = 0; i < cfg->n_subjects && rc == 0; i++) {
		if (i > 0)
			rc = buf_putc(b, ' ');
		if (rc == 0)
			rc = put_html_escaped(b, cfg->subjects[i]);
	}
	return rc < 0 ? rc : buf_putc(b, '"');
}

static int put_attribute(struct buf *b, const char *name, const char *value)
{
	int rc = buf_printf(b, " data-%s=\"", name);

	if (rc == 0)
		rc = put_html_escaped(b, value);
	return rc < 0 ? rc : buf_putc(b, '"');
}

static int put_page_document(struct buf *b, const struct live_page_config *cfg)
{
	char ping[24], retry[24];
	const struct {
		const char *name, *value;
	} list[] = {
		{"version", SLUICE_VERSION},
		{"stream", cfg->stream},
		{"auth", cfg->auth},
		{"id-header", cfg->id_header},
		{"ping", ping},
		{"retry", retry},
		{"writing", cfg->writing ? "1" : "0"},
	};
	int rc = buf_put(b, live_page_source_head, live_page_source_head_len);

	snprintf(ping, sizeof(ping), "%" PRIu64, cfg->ping_ms);
	snprintf(retry, sizeof(retry), "%" PRIu64, cfg->retry_ms);
	for (size_t i = 0; i < ARRAY_LEN(list) && rc == 0; i++)
		rc = put_attribute(b, list[i].name, list[i].value);
	if (rc == 0)
		rc = put_subjects_attribute(b, cfg);
	return rc < 0 ? rc
		      : buf_put(b, live_page_source_tail,
				live_page_source_tail_len);
}

static void make_page_etag(struct live_page *ui)
{
	unsigned char hash[LIVE_PAGE_HASH_BYTES];
	char hex[2 * LIVE_PAGE_TAG_BYTES + 1];
	int len;

	MUST(crypto_generichash(hash, sizeof(hash), buf_data(&ui->page),
				buf_unread(&ui->page), NULL, 0) == 0);
	sodium_bin2hex(hex, sizeof(hex), hash, LIVE_PAGE_TAG_BYTES);
	len = snprintf(ui->etag, sizeof(ui->etag), "\"%s\"", hex);
	MUST(len > 0 && (size_t)len < sizeof(ui->etag));
}

int live_page_init(struct live_page *ui, const struct live_page_config *cfg)
{
	int rc;

	memset(ui, 0, sizeof(*ui));
	buf_init(&ui->page, LIVE_PAGE_PAGE_MAX);
	rc = put_page_document(&ui->page, cfg);
	if (rc < 0)
		live_page_finish(ui);
	else
		make_page_etag(ui);
	return rc;
}

void live_page_finish(struct live_page *ui)
{
	buf_finish(&ui->page);
}

/* If-None-Match is a list of ETags, weak or not: a proxy that compresses makes
 * them weak. An ETag contains no comma and no quote, so no other one contains
 * this. */
static bool is_etag_named(const struct live_page *ui, const char *if_none_match)
{
	return if_none_match != NULL &&
	       (strcmp(if_none_match, "*") == 0 ||
		strstr(if_none_match, ui->etag) != NULL);
}

int live_page_reply(const struct live_page *ui, struct buf *out,
		    const struct response_to *to, const char *if_none_match)
{
	const struct response_page page = {
		.type = "text/html; charset=utf-8",
		.policy = live_page_source_policy,
		.etag = ui->etag,
	};

	if (is_etag_named(ui, if_none_match))
		return response_unchanged(out, to, &page);
	return response_page(out, to, &page, buf_data(&ui->page),
			     buf_unread(&ui->page));
}
