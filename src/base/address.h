/* Internet addresses: whose a connection is, and which are believed. Text and
 * bytes only. */
#ifndef SLUICE_ADDRESS_H
#define SLUICE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An IPv6 address, or an IPv4 one in its mapped form (::ffff:192.0.2.1, RFC
 * 4291, 2.5.5.2), so that both spellings are one. Zeroed: no address, as the
 * peer of a Unix socket has. "::" is an address: a header can name it. */
struct address {
	uint8_t bytes[16];
	bool known;
};

/* With the NUL. */
enum { ADDRESS_TEXT_MAX = 46, ADDRESS_BITS = 128, ADDRESS_V4_BITS = 96 };

/* Four or sixteen bytes in network order. */
struct address address_of_v4(const void *bytes);
struct address address_of_v6(const void *bytes);
/* "192.0.2.1" or "2001:db8::1": nothing else around it. -EINVAL. */
int address_parse(struct address *ret, const char *text, size_t len);
/* The same forms; "unix" for none. `out` has ADDRESS_TEXT_MAX bytes. */
void address_text(const struct address *a, char *out);
bool address_known(const struct address *a);
bool address_equal(const struct address *a, const struct address *b);
/* Who it is, for a limit: an IPv4 address alone, and of IPv6 the first 64 bits,
 * since every host may choose the others as it likes (RFC 4291, 2.5.1). */
struct address address_party(const struct address *a);

/* Those that begin with the same bits; or all that have none. */
struct address_range {
	struct address first;
	uint8_t bits;
	bool local; /* "unix:" */
};

/* "10.0.0.0/8", "2001:db8::/32", an address alone, or "unix:". NULL, or what
 * is wrong with it (static text). */
const char *address_range_parse(struct address_range *ret, const char *text);
/* The same question without the answer, for the option table. */
const char *address_range_fault(const char *text);
/* Is the address in one of them? */
bool address_in(const struct address *a, const struct address_range *ranges,
		size_t n);

#endif
