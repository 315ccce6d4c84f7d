/* Internet addresses: of peers and clients, and ranges of trusted ones. */
#ifndef SLUICE_ADDRESS_H
#define SLUICE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An IPv6 address; an IPv4 address in its mapped form (::ffff:192.0.2.1, RFC
 * 4291, section 2.5.5.2), so that both spellings compare equal. Zeroed: no
 * address, as of the peer of a Unix socket. "::" is an address: a header can
 * name it. */
struct address {
	uint8_t bytes[16];
	bool known;
};

/* With the NUL. */
enum { ADDRESS_TEXT_MAX = 46, ADDRESS_BITS = 128, ADDRESS_V4_BITS = 96 };

/* Four or sixteen bytes in network order. */
struct address address_of_v4(const void *bytes);
struct address address_of_v6(const void *bytes);
/* "192.0.2.1" or "2001:db8::1", without brackets or port. -EINVAL. */
int address_parse(struct address *ret, const char *text, size_t len);
/* Writes the same forms, or "unix" for no address, to `out` (ADDRESS_TEXT_MAX
 * bytes). */
void address_text(const struct address *a, char *out);
bool address_known(const struct address *a);
bool address_equal(const struct address *a, const struct address *b);
/* What a limit counts: an IPv4 address, or the first 64 bits of an IPv6
 * address, since a host may choose the other bits freely (RFC 4291,
 * section 2.5.1). */
struct address address_party(const struct address *a);

/* Addresses with the same first bits; or peers without an address. */
struct address_range {
	struct address first;
	uint8_t bits;
	bool local; /* "unix:" */
};

/* Takes "10.0.0.0/8", "2001:db8::/32", an address, or "unix:". NULL, or what is
 * wrong with the text (static). */
const char *address_range_parse(struct address_range *ret, const char *text);
/* The same check alone, for the option table. */
const char *address_range_fault(const char *text);
/* True when the address is in one of the ranges. */
bool address_in(const struct address *a, const struct address_range *ranges,
		size_t n);

#endif
