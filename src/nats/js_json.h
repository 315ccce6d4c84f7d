/* Responses of the JetStream API as JSON, including what jansson rejects of
 * them. */
#ifndef SLUICE_JS_JSON_H
#define SLUICE_JS_JSON_H

#include <stddef.h>
#include <stdint.h>

/* Value of `err` for a response that cannot be read; JETSTREAM_ERR_MALFORMED.
 */
enum { JS_JSON_MALFORMED = 1 };

struct js_error {
	int err;  /* 0, JS_JSON_MALFORMED, or an API error code */
	int code; /* of an API error: as in HTTP, 400 to 599; 0: unknown */
	char text[160]; /* printable ASCII */
};

/* Other bytes than printable ASCII become '?'; a long text is cut. */
void js_error_set(struct js_error *e, int err, const char *text);

struct json_t;
/* The response's object, for the caller to json_decref(); NULL with the error
 * set, when it is no object or reports an error itself. */
struct json_t *js_json_load(struct js_error *e, const char *text, size_t len);
/* Sets the error that the response reports, or that it cannot be read; 0 for a
 * good response. */
void js_json_error(struct js_error *e, const char *text, size_t len);

/* Members of an object that js_json_load() returned. -EINVAL when there is none
 * of that type.
 *
 * A string has 1 to size - 1 bytes without control characters or blanks; it is
 * NUL-terminated in `out`. */
int js_json_u64(uint64_t *ret, const struct json_t *obj, const char *key);
int js_json_string(char *out, size_t size, size_t *ret_len,
		   const struct json_t *obj, const char *key);

#endif
