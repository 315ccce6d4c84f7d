#include "http/proxy_protocol.h"

#include <string.h>

#include "base/check.h"

static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";
static const char v1_begin[] = "PROXY ";

enum {
	V2_COMMAND = 12,
	V2_FAMILY,
	V2_LENGTH,
	V2_LOCAL = 0x20,
	V2_PROXY = 0x21,
	V2_TCP4 = 0x11,
	V2_TCP6 = 0x21,
	V2_TCP4_LEN = 12, /* two addresses, two ports */
	V2_TCP6_LEN = 36,
};

/* ---- version 1 ----------------------------------------------------------- */

/* Takes the word before the next blank, and the blank; false without a
 * blank. */
static bool take_v1_word(const char **at, const char *end, const char **word,
			 size_t *len)
{
	const char *blank = memchr(*at, ' ', (size_t)(end - *at));

	if (blank == NULL)
		return false;
	*word = *at;
	*len = (size_t)(blank - *at);
	*at = blank + 1;
	return true;
}

static bool is_proxy_port(const char *text, size_t len)
{
	unsigned n = 0;

	if (len == 0 || len > 5 || (len > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (unsigned)(text[i] - '0');
	}
	return n <= 65535;
}

/* `v6`: as the first word of the line says. */
static bool is_proxy_address(const char *text, size_t len, bool v6,
			     struct address *ret)
{
	if ((memchr(text, ':', len) != NULL) != v6)
		return false;
	return address_parse(ret, text, len) == 0;
}

/* "TCP4 192.0.2.1 198.51.100.1 5000 80": the line after "PROXY ", without CR
 * LF. */
static bool read_v1_line(struct proxy_protocol *p, const char *at,
			 const char *end)
{
	struct address source, target;
	const char *word;
	size_t len;
	bool v6;

	if (end - at >= 7 && memcmp(at, "UNKNOWN", 7) == 0)
		return end - at == 7 || at[7] == ' ';
	if (!take_v1_word(&at, end, &word, &len) || len != 4 ||
	    memcmp(word, "TCP", 3) != 0 || (word[3] != '4' && word[3] != '6'))
		return false;
	v6 = word[3] == '6';
	if (!take_v1_word(&at, end, &word, &len) ||
	    !is_proxy_address(word, len, v6, &source) ||
	    !take_v1_word(&at, end, &word, &len) ||
	    !is_proxy_address(word, len, v6, &target) ||
	    !take_v1_word(&at, end, &word, &len) || !is_proxy_port(word, len) ||
	    !is_proxy_port(at, (size_t)(end - at)))
		return false;
	p->address = source;
	p->has_address = true;
	return true;
}

/* After one more byte of the line. */
static enum proxy_verdict feed_v1_line(struct proxy_protocol *p)
{
	const char *text = (const char *)p->bytes;
	size_t begin = sizeof(v1_begin) - 1;

	if (p->len <= begin)
		return memcmp(text, v1_begin, p->len) == 0 ? PROXY_MORE
							   : PROXY_REJECT;
	if (text[p->len - 1] != '\n') {
		/* A CR occurs only at the end. */
		bool open = text[p->len - 2] == '\r';

		return open || p->len >= PROXY_V1_MAX ? PROXY_REJECT
						      : PROXY_MORE;
	}
	if (text[p->len - 2] != '\r')
		return PROXY_REJECT;
	return read_v1_line(p, text + begin, text + p->len - 2) ? PROXY_READY
								: PROXY_REJECT;
}

/* ---- version 2 ----------------------------------------------------------- */

static size_t v2_body_length(const struct proxy_protocol *p)
{
	return (size_t)p->bytes[V2_LENGTH] << 8 | p->bytes[V2_LENGTH + 1];
}

/* Bytes of addresses to keep. */
static size_t v2_bytes_wanted(const struct proxy_protocol *p)
{
	if (p->bytes[V2_COMMAND] != V2_PROXY)
		return 0;
	return p->bytes[V2_FAMILY] == V2_TCP4	? V2_TCP4_LEN
	       : p->bytes[V2_FAMILY] == V2_TCP6 ? V2_TCP6_LEN
						: 0;
}

/* Checks the fixed part. */
static bool is_v2_head_valid(const struct proxy_protocol *p)
{
	uint8_t command = p->bytes[V2_COMMAND], family = p->bytes[V2_FAMILY];

	if (command == V2_LOCAL) /* the rest has no meaning */
		return true;
	return command == V2_PROXY && family >> 4 <= 3 && (family & 15) <= 2 &&
	       v2_body_length(p) >= v2_bytes_wanted(p);
}

static enum proxy_verdict v2_header_end(struct proxy_protocol *p)
{
	size_t wanted = v2_bytes_wanted(p);

	p->skip = v2_body_length(p) - wanted;
	p->has_address = wanted > 0;
	if (wanted == V2_TCP4_LEN)
		p->address = address_of_v4(p->bytes + PROXY_V2_HEAD);
	else if (wanted == V2_TCP6_LEN)
		p->address = address_of_v6(p->bytes + PROXY_V2_HEAD);
	return p->skip > 0 ? PROXY_MORE : PROXY_READY;
}

/* After one more byte of the fixed part and the addresses. */
static enum proxy_verdict feed_v2_header(struct proxy_protocol *p)
{
	if (p->len <= sizeof(signature))
		return memcmp(p->bytes, signature, p->len) == 0 ? PROXY_MORE
								: PROXY_REJECT;
	if (p->len < PROXY_V2_HEAD)
		return PROXY_MORE;
	if (p->len == PROXY_V2_HEAD && !is_v2_head_valid(p))
		return PROXY_REJECT;
	if (p->len < PROXY_V2_HEAD + v2_bytes_wanted(p))
		return PROXY_MORE;
	return v2_header_end(p);
}

/* ---- both ---------------------------------------------------------------- */

static enum proxy_verdict feed_header_byte(struct proxy_protocol *p,
					   uint8_t byte)
{
	MUST(p->len < sizeof(p->bytes));
	p->bytes[p->len++] = byte;
	return p->bytes[0] == 'P' ? feed_v1_line(p) : feed_v2_header(p);
}

enum proxy_verdict proxy_protocol_feed(struct proxy_protocol *p,
				       const void *bytes, size_t len,
				       size_t *used)
{
	const uint8_t *at = bytes;
	size_t n = 0;

	while (n < len && p->verdict == PROXY_MORE) {
		if (p->skip > 0) {
			size_t take = p->skip < len - n ? p->skip : len - n;

			n += take;
			p->skip -= take;
			if (p->skip == 0)
				p->verdict = PROXY_READY;
			continue;
		}
		p->verdict = (uint8_t)feed_header_byte(p, at[n++]);
	}
	*used = n;
	return (enum proxy_verdict)p->verdict;
}
