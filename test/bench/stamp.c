#include "stamp.h"

enum { MARK = '@', NUMBER_DIGITS = 6, NS_DIGITS = 9 };

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz-_";

/* The value of a digit, plus one; 0: not a digit. */
static const uint8_t values[256] = {
	['0'] = 1,  ['1'] = 2,	['2'] = 3,  ['3'] = 4,	['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,	['8'] = 9,  ['9'] = 10, ['A'] = 11, ['B'] = 12,
	['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16, ['G'] = 17, ['H'] = 18,
	['I'] = 19, ['J'] = 20, ['K'] = 21, ['L'] = 22, ['M'] = 23, ['N'] = 24,
	['O'] = 25, ['P'] = 26, ['Q'] = 27, ['R'] = 28, ['S'] = 29, ['T'] = 30,
	['U'] = 31, ['V'] = 32, ['W'] = 33, ['X'] = 34, ['Y'] = 35, ['Z'] = 36,
	['a'] = 37, ['b'] = 38, ['c'] = 39, ['d'] = 40, ['e'] = 41, ['f'] = 42,
	['g'] = 43, ['h'] = 44, ['i'] = 45, ['j'] = 46, ['k'] = 47, ['l'] = 48,
	['m'] = 49, ['n'] = 50, ['o'] = 51, ['p'] = 52, ['q'] = 53, ['r'] = 54,
	['s'] = 55, ['t'] = 56, ['u'] = 57, ['v'] = 58, ['w'] = 59, ['x'] = 60,
	['y'] = 61, ['z'] = 62, ['-'] = 63, ['_'] = 64};

static char *put(char *out, uint64_t v, int n)
{
	for (int i = n - 1; i >= 0; i--) {
		out[i] = digits[v & 63];
		v >>= 6;
	}
	return out + n;
}

static bool get(const char *in, int n, uint64_t *ret)
{
	uint64_t v = 0;

	for (int i = 0; i < n; i++) {
		uint8_t digit = values[(uint8_t)in[i]];

		if (digit == 0)
			return false;
		v = v << 6 | (digit - 1U);
	}
	*ret = v;
	return true;
}

void stamp_put(char out[STAMP_LEN], const struct stamp *s)
{
	*out++ = MARK;
	out = put(out, s->number, NUMBER_DIGITS);
	put(out, s->ns, NS_DIGITS);
}

bool stamp_get(const char in[STAMP_LEN], struct stamp *s)
{
	struct stamp got;

	if (in[0] != MARK || !get(in + 1, NUMBER_DIGITS, &got.number) ||
	    !get(in + 1 + NUMBER_DIGITS, NS_DIGITS, &got.ns))
		return false;
	*s = got;
	return true;
}
