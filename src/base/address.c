#include "base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

struct address address_of_v4(const void *bytes)
{
	struct address a = {.known = true};

	memcpy(a.bytes, mapped, sizeof(mapped));
	memcpy(a.bytes + sizeof(mapped), bytes, 4);
	return a;
}

struct address address_of_v6(const void *bytes)
{
	struct address a = {.known = true};

	memcpy(a.bytes, bytes, sizeof(a.bytes));
	return a;
}

int address_parse(struct address *ret, const char *text, size_t len)
{
	char copy[ADDRESS_TEXT_MAX];
	uint8_t bytes[16];

	if (len >= sizeof(copy) || memchr(text, '\0', len) != NULL)
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET, copy, bytes) == 1)
		*ret = address_of_v4(bytes);
	else if (inet_pton(AF_INET6, copy, bytes) == 1)
		*ret = address_of_v6(bytes);
	else
		return -EINVAL;
	return 0;
}

static bool is_mapped_v4(const struct address *a)
{
	return memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

/* As inet_ntop(), which uses sprintf(): most lines of the log have an address.
 */
static void format_v4(const unsigned char *bytes, char *out)
{
	for (int i = 0; i < 4; i++) {
		unsigned n = bytes[i];

		if (i > 0)
			*out++ = '.';
		if (n >= 100)
			*out++ = (char)('0' + n / 100);
		if (n >= 10)
			*out++ = (char)('0' + n / 10 % 10);
		*out++ = (char)('0' + n % 10);
	}
	*out = '\0';
}

void address_text(const struct address *a, char *out)
{
	if (!address_known(a))
		strcpy(out, "unix");
	else if (is_mapped_v4(a))
		format_v4(a->bytes + sizeof(mapped), out);
	else
		inet_ntop(AF_INET6, a->bytes, out, ADDRESS_TEXT_MAX);
}

bool address_known(const struct address *a)
{
	return a->known;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->known == b->known &&
	       memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

struct address address_party(const struct address *a)
{
	struct address party = *a;

	if (!is_mapped_v4(a))
		memset(party.bytes + 8, 0, 8);
	return party;
}

/* ---- ranges -------------------------------------------------------------- */

static const char *parse_prefix_bits(const char *text, unsigned most,
				     uint8_t *ret)
{
	size_t len = strspn(text, "0123456789");
	unsigned long n = strtoul(text, NULL, 10);

	if (len == 0 || len > 3 || text[len] != '\0' || n > most)
		return most == 32 ? "its prefix must be a number from 0 to 32"
				  : "its prefix must be a number from 0 to 128";
	*ret = (uint8_t)n;
	return NULL;
}

const char *address_range_parse(struct address_range *ret, const char *text)
{
	size_t len = strcspn(text, "/");
	struct address_range r = {.bits = ADDRESS_BITS};
	const char *why;
	uint8_t bits;
	bool v4;

	if (strcmp(text, "unix:") == 0) {
		*ret = (struct address_range){.local = true};
		return NULL;
	}
	if (address_parse(&r.first, text, len) < 0)
		return "it begins with no IPv4 or IPv6 address";
	if (text[len] == '/') {
		v4 = memchr(text, ':', len) == NULL;
		why = parse_prefix_bits(text + len + 1, v4 ? 32 : ADDRESS_BITS,
					&bits);
		if (why != NULL)
			return why;
		r.bits = (uint8_t)(bits + (v4 ? ADDRESS_V4_BITS : 0));
	}
	*ret = r;
	return NULL;
}

const char *address_range_fault(const char *text)
{
	struct address_range r;

	return address_range_parse(&r, text);
}

static bool has_same_prefix(const struct address *a, const struct address *b,
			    unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a->bytes, b->bytes, whole) != 0)
		return false;
	return rest == 0 ||
	       ((a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest)) == 0;
}

bool address_in(const struct address *a, const struct address_range *ranges,
		size_t n)
{
	bool known = address_known(a);

	for (size_t i = 0; i < n; i++) {
		const struct address_range *r = &ranges[i];

		if (r->local ? !known
			     : known && has_same_prefix(a, &r->first, r->bits))
			return true;
	}
	return false;
}
