#include "request_reader.h"

#include <stdio.h>
#include <string.h>

#include <llhttp.h>

#include "base/check.h"

/* ---- the gateway's readers ----------------------------------------------- */

static void add_text(struct bytes *out, const char *text)
{
	bytes_add(out, text, strlen(text));
}

static void add_request(struct bytes *out, const char *method,
			const struct bytes *content)
{
	add_text(out, method);
	add_text(out, " [");
	bytes_add(out, bytes_text(content), content->len);
	add_text(out, "]\n");
}

void request_reader_init(struct request_reader *r, size_t max_head,
			 uint64_t max_body)
{
	*r = (struct request_reader){.max_body = max_body};
	MUST(request_parser_new(&r->parser, max_head, "user_id") == 0);
	request_parser_take_bodies(r->parser);
}

void request_reader_finish(struct request_reader *r)
{
	request_parser_free(r->parser);
	bytes_free(&r->log);
	bytes_free(&r->complete);
	bytes_free(&r->content);
}

static void reject(struct request_reader *r, const struct http_error *e)
{
	char text[16];

	snprintf(text, sizeof(text), "!%d\n", e->status);
	add_text(&r->log, text);
	snprintf(r->error, sizeof(r->error), "%s", e->text);
	r->is_closed = true;
}

/* Of a method other than POST, PUT, GET and HEAD: the connection ends. */
static bool has_unread_body(const struct request *req)
{
	const char *length = request_find(req, "Content-Length", NULL);

	if (req->framing != FRAMING_NONE || req->chunked)
		return false;
	return request_find(req, "Transfer-Encoding", NULL) != NULL ||
	       (length != NULL && strspn(length, "0") < strlen(length));
}

static void end_request(struct request_reader *r)
{
	add_text(&r->log, "]\n");
	if (has_unread_body(request_parser_head(r->parser)))
		MUST(!request_parser_head(r->parser)->keep_alive);
	else
		add_request(&r->complete, r->method, &r->content);
	bytes_clear(&r->content);
	r->n_complete++;
	r->in_body = false;
	r->is_closed = !request_parser_head(r->parser)->keep_alive;
	if (!r->is_closed)
		request_parser_again(r->parser);
}

static void begin_body(struct request_reader *r)
{
	const struct request *req = request_parser_head(r->parser);
	struct http_error why;

	snprintf(r->method, sizeof(r->method), "%s", req->method);
	add_text(&r->log, req->method);
	add_text(&r->log, " ");
	add_text(&r->log, req->target);
	add_text(&r->log, " [");
	if (request_body_init(&r->body, &why, req, r->max_body) < 0) {
		reject(r, &why);
		return;
	}
	r->n_continue += request_body_wants_continue(&r->body);
	r->in_body = req->framing != FRAMING_NONE;
	if (!r->in_body) {
		struct span data;
		size_t used;

		MUST(request_body_feed(&r->body, "x", 1, &used, &data) ==
			     VERDICT_READY &&
		     used == 0);
		end_request(r);
	}
}

static size_t feed_head(struct request_reader *r, const char *bytes, size_t len)
{
	size_t used;
	enum http_verdict verdict =
		request_parser_feed(r->parser, bytes, len, &used);

	if (verdict == VERDICT_REJECT)
		reject(r, request_parser_error(r->parser));
	else if (verdict == VERDICT_READY)
		begin_body(r);
	return used;
}

static size_t feed_body(struct request_reader *r, const char *bytes, size_t len)
{
	struct span data;
	size_t used;
	enum http_verdict verdict =
		request_body_feed(&r->body, bytes, len, &used, &data);

	MUST(used <= len && (used > 0 || verdict == VERDICT_READY));
	MUST(data.len == 0 ||
	     (data.at >= bytes && data.at + data.len <= bytes + used));
	MUST(!request_body_wants_continue(&r->body));
	bytes_add(&r->content, data.at, data.len);
	bytes_add(&r->log, data.at, data.len);
	MUST(r->content.len <= r->max_body);
	if (verdict == VERDICT_REJECT)
		reject(r, request_body_error(&r->body));
	else if (verdict == VERDICT_READY)
		end_request(r);
	return used;
}

void request_reader_feed(struct request_reader *r, const void *bytes,
			 size_t len)
{
	const char *at = bytes;

	while (len > 0 && !r->is_closed) {
		size_t used = r->in_body ? feed_body(r, at, len)
					 : feed_head(r, at, len);

		at += used;
		len -= used;
	}
}

/* ---- llhttp -------------------------------------------------------------- */

struct llhttp_reader {
	llhttp_t llhttp;
	struct bytes *out;
	struct bytes content;
};

static int on_body(llhttp_t *llhttp, const char *at, size_t len)
{
	struct llhttp_reader *r = llhttp->data;

	bytes_add(&r->content, at, len);
	return 0;
}

static int on_message_complete(llhttp_t *llhttp)
{
	struct llhttp_reader *r = llhttp->data;

	add_request(r->out, llhttp_method_name((llhttp_method_t)llhttp->method),
		    &r->content);
	bytes_clear(&r->content);
	return 0;
}

void llhttp_requests(struct bytes *out, const void *bytes, size_t len)
{
	static const llhttp_settings_t callbacks = {
		.on_body = on_body,
		.on_message_complete = on_message_complete,
	};
	struct llhttp_reader r = {.out = out};
	const char *at = bytes, *end = at + len;
	llhttp_errno_t rc = HPE_OK;

	llhttp_init(&r.llhttp, HTTP_REQUEST, &callbacks);
	r.llhttp.data = &r;
	while (at < end) {
		rc = llhttp_execute(&r.llhttp, at, (size_t)(end - at));
		if (rc != HPE_PAUSED_UPGRADE)
			break;
		/* The gateway follows no upgrade. */
		at = llhttp_get_error_pos(&r.llhttp);
		llhttp_resume_after_upgrade(&r.llhttp);
	}
	bytes_free(&r.content);
}
