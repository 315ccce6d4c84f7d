/* Text inside the quotes of a JSON string (RFC 8259, section 7). The text is
 * UTF-8; any other bytes go out as they are. */
#ifndef SLUICE_JSON_STRING_H
#define SLUICE_JSON_STRING_H

#include <stddef.h>
#include <stdint.h>

enum { JSON_STRING_GROWTH = 6 }; /* of one byte, at most: \u0000 */

size_t json_string_len(const void *text, size_t len);
/* Writes json_string_len() bytes; returns the end. */
uint8_t *json_string_put(uint8_t *out, const void *text, size_t len);

/* The same for any bytes: each one that is not UTF-8 becomes U+FFFD. */
size_t json_text_len(const char *text, size_t len);
uint8_t *json_text_put(uint8_t *out, const char *text, size_t len);

#endif
