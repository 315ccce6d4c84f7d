/* Headers of messages that clients publish: what is taken is a block that
 * nats-server finds the same control headers in, whatever its age and the order
 * of the lines, and that the reader of received blocks reads back.
 *
 * Input, with NULs between: a byte of flags (1: headers of a request, 2: with a
 * stream), an identity, and names and values in turn. Without flag 1 they are
 * those of a line of a batch. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "http/publish_headers.h"
#include "nats/message_headers.h"
#include "nats/subject.h"
#include "server_headers.h"

enum { HEADERS_MAX = 16 };

struct pairs {
	struct http_header list[HEADERS_MAX];
	char *texts[2 * HEADERS_MAX];
	size_t n;
};

static void take_pairs(struct pairs *p, struct fuzz_input *in)
{
	while (p->n < HEADERS_MAX && in->left > 0) {
		char *name = fuzz_take_text(in);
		char *value = fuzz_take_text(in);

		if (value == NULL)
			value = strdup("");
		MUST(name != NULL && value != NULL);
		p->texts[2 * p->n] = name;
		p->texts[2 * p->n + 1] = value;
		p->list[p->n++] =
			(struct http_header){.name = name,
					     .name_len = strlen(name),
					     .value = value,
					     .value_len = strlen(value)};
	}
}

static int compose(struct publish_headers *h, struct http_error *why,
		   const struct pairs *p, bool as_request)
{
	const struct request req = {.headers = p->list, .n_headers = p->n};
	int rc = 0;

	if (as_request)
		return publish_headers_take(h, why, &req);
	for (size_t i = 0; rc == 0 && i < p->n; i++)
		rc = publish_headers_add(h, why,
					 (struct span){p->list[i].name,
						       p->list[i].name_len},
					 (struct span){p->list[i].value,
						       p->list[i].value_len});
	return rc;
}

static bool is_own(struct span name)
{
	return name.len >= 5 && memcmp(name.at, "Nats-", 5) == 0;
}

/* Each line is one header, and its own names stand once. */
static void must_be_block(struct span block, bool as_request)
{
	struct span rest = message_headers_begin(block);
	struct message_header f;
	size_t lines = 0, headers = 0;

	must_agree_on_control_headers(block);
	for (size_t i = 0; i < block.len; i++)
		lines += block.at[i] == '\n';
	while (message_headers_next(&rest, &f)) {
		struct span first;
		char name[64];

		headers++;
		if (!is_own(f.name))
			continue;
		MUST(f.name.len < sizeof(name));
		memcpy(name, f.name.at, f.name.len);
		name[f.name.len] = '\0';
		MUST(message_headers_find(block, name, &first));
		MUST(first.at == f.value.at);
		MUST(as_request || strcmp(name, "Nats-Expected-Stream") == 0);
	}
	MUST(lines == headers + 2); /* with the version and the empty line */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	uint8_t flags = fuzz_take_byte(&in);
	bool as_request = (flags & 1) != 0;
	char *id = fuzz_take_text(&in);
	struct publish_headers h;
	struct pairs p = {.n = 0};
	struct http_error why = {0};
	int rc;

	if (id != NULL && !subject_id_ok(id, strlen(id)))
		id[0] = '\0';
	take_pairs(&p, &in);
	rc = publish_headers_init(&h, &why,
				  span_of((flags & 2) != 0 ? "Events" : ""),
				  span_of(id != NULL ? id : ""));
	MUST(rc == 0);
	rc = compose(&h, &why, &p, as_request);
	if (rc == 0)
		rc = publish_headers_end(&h, &why);
	if (rc < 0) {
		MUST(why.status == 400 || why.status == 431);
		fuzz_must_be_line(why.text, sizeof(why.text));
	} else if (buf_unread(&h.block) > 0) {
		must_be_block((struct span){(const char *)buf_data(&h.block),
					    buf_unread(&h.block)},
			      as_request);
	}
	MUST(!h.is_conditional || h.has_expected);
	publish_headers_finish(&h);
	for (size_t i = 0; i < 2 * p.n; i++)
		free(p.texts[i]);
	free(id);
	return 0;
}
