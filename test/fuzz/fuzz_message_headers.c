/* Headers of messages: the members of JSON are those of a slow implementation,
 * and an object that jansson reads; what is found by its name is the first
 * value.
 *
 * Input: the block without its first line. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/check.h"
#include "bytes.h"
#include "fuzz.h"
#include "nats/message_headers.h"
#include "slow_headers.h"

#define VERSION "NATS/1.0\r\n"

/* NULs in names are too much for jansson. */
static void must_be_json(const struct bytes *members)
{
	struct bytes text = {0};
	json_error_t error;
	json_t *object;

	bytes_add_char(&text, '{');
	bytes_add(&text, bytes_text(members), members->len);
	bytes_add(&text, "\"data\":0}", 9);
	object = json_loadb(text.at, text.len,
			    JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
	MUST(json_is_object(object) ||
	     json_error_code(&error) == json_error_null_byte_in_key);
	json_decref(object);
	bytes_free(&text);
}

static void must_find_first(struct span block)
{
	struct span rest = message_headers_begin(block), value;
	struct message_header h;

	while (message_headers_next(&rest, &h)) {
		char *name;

		MUST(h.name.len > 0 && h.name.at > block.at);
		MUST(h.value.at > h.name.at + h.name.len &&
		     h.value.at + h.value.len <= block.at + block.len);
		if (memchr(h.name.at, '\0', h.name.len) != NULL)
			continue;
		name = calloc(1, h.name.len + 1);
		MUST(name != NULL);
		memcpy(name, h.name.at, h.name.len);
		MUST(message_headers_find(block, name, &value));
		MUST(value.at <= h.value.at);
		free(name);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = sizeof(VERSION) - 1 + size;
	char *block = malloc(len);
	struct bytes slow = {0};
	struct buf out;

	MUST(block != NULL);
	memcpy(block, VERSION, sizeof(VERSION) - 1);
	if (size > 0)
		memcpy(block + sizeof(VERSION) - 1, data, size);
	buf_init(&out, 16 * len + 64);
	MUST(message_headers_json(&out, (struct span){block, len}) == 0);
	slow_headers(&slow, block, len);
	MUST(slow.len == buf_unread(&out));
	MUST(slow.len == 0 || memcmp(slow.at, buf_data(&out), slow.len) == 0);
	must_be_json(&slow);
	must_find_first((struct span){block, len});
	buf_finish(&out);
	bytes_free(&slow);
	free(block);
	return 0;
}
