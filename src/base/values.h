/* The text forms of settings: durations, sizes, addresses, URLs, names. What
 * is read here is printed back in the same forms. Pure text. */
#ifndef SLUICE_VALUES_H
#define SLUICE_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	VALUES_TEXT_MAX = 32,
	/* Of JSON from outside: jansson recurses, and a thread's stack may be
	 * small. */
	VALUES_JSON_DEPTH = 32,
};

/* "250ms", "30s", "5m", "1h", "0". -EINVAL for any other form and for what does
 * not fit. */
int values_duration(const char *text, uint64_t *ms);
/* "64KiB", "8MiB", "1GiB", plain bytes. -EINVAL. */
int values_size(const char *text, uint64_t *bytes);
/* Decimal digits only. -EINVAL. */
int values_count(const char *text, uint64_t *n);
/* "1" or "0". -EINVAL. */
int values_bool(const char *text, bool *ret);
/* Standard base64 with padding (RFC 4648, section 4): `*n` bytes, at most
 * `max`, to `out`. -EINVAL for any other byte, and for what does not fit. */
int values_base64(const char *text, size_t len, void *out, size_t max,
		  size_t *n);
/* The same of base64url without padding (section 5; RFC 7515, 2). A last letter
 * with bits that mean nothing is refused: one text for the same bytes. */
int values_base64url(const char *text, size_t len, void *out, size_t max,
		     size_t *n);

/* How deep arrays and objects are nested in bytes that may be JSON: what a
 * parser that recurses would need. Of any other bytes the number says nothing.
 */
size_t values_json_depth(const char *text, size_t len);

/* The shortest form that is exact; `out` has VALUES_TEXT_MAX bytes. */
void values_duration_text(uint64_t ms, char *out);
void values_size_text(uint64_t bytes, char *out);

/* NULL when good, else what is wrong (static text). */

/* HOST:PORT, [V6]:PORT (port 0 to 65535) or unix:PATH (at most 107 bytes, what
 * sockaddr_un takes on Linux). */
const char *values_address_fault(const char *text);
/* Takes HOST:PORT or [V6]:PORT apart; `*port` points into `address`. -EINVAL
 * for what is neither, and for a host that does not fit `size` bytes. */
int values_address_split(const char *address, char *host, size_t size,
			 const char **port);
/* nats://, tls:// or no scheme, [USER[:PASSWORD]@], host, [:PORT], [/]. */
const char *values_server_fault(const char *url);
/* A header's name: a token (RFC 9110, section 5.6.2) of at most 64 bytes that
 * has no other meaning in a request for a stream. */
const char *values_header_fault(const char *name);
/* A cookie's name: a token of at most 64 bytes. */
const char *values_cookie_fault(const char *name);
/* A query parameter's name: 1 to 64 bytes that need no percent-encoding
 * (RFC 3986, section 2.3), and none of our own parameters. */
const char *values_query_fault(const char *name);
/* A host's name or address without a port: of --admin-host. */
const char *values_host_fault(const char *name);
/* Permissions of a file in octal: "660", "0660". -EINVAL. */
int values_mode(const char *text, int *ret);
const char *values_mode_fault(const char *text);

/* A URL without what stands before its last '@': "nats://(hidden)@host". Also
 * for text that is no good URL. At most size - 1 bytes of it. */
void values_hide_userinfo(const char *url, char *out, size_t size);
/* For a person to read on one line: what is not printable ASCII as \xNN; cut
 * with "..." to fit. */
void values_show(const char *text, char *out, size_t size);

/* How many insertions, deletions and replacements lead from a to b; UINT_MAX
 * for more than 64 bytes. */
unsigned values_distance(const char *a, const char *b);

#endif
