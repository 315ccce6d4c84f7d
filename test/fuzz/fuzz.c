#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

uint8_t fuzz_take_byte(struct fuzz_input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

static char *take(struct fuzz_input *in, size_t len)
{
	char *text = malloc(len + 1);

	MUST(text != NULL);
	if (len > 0)
		memcpy(text, in->at, len);
	text[len] = '\0';
	in->at += len;
	in->left -= len;
	return text;
}

char *fuzz_take_text(struct fuzz_input *in)
{
	const uint8_t *end;
	char *text;

	if (in->left == 0)
		return NULL;
	end = memchr(in->at, '\0', in->left);
	text = take(in, end == NULL ? in->left : (size_t)(end - in->at));
	if (end != NULL)
		fuzz_take_byte(in);
	return text;
}

char *fuzz_take_rest(struct fuzz_input *in, size_t *len)
{
	*len = in->left;
	return take(in, in->left);
}

uint8_t fuzz_take_cuts(struct fuzz_input *in, struct fuzz_cuts *cuts)
{
	uint8_t first = fuzz_take_byte(in);

	*cuts = (struct fuzz_cuts){.n = first & 7};
	for (size_t i = 0; i < cuts->n; i++)
		cuts->lens[i] = (fuzz_take_byte(in) & 31) + 1;
	return first;
}

size_t fuzz_cut(struct fuzz_cuts *cuts, size_t left)
{
	size_t len = 1;

	MUST(left > 0);
	if (cuts->n > 0)
		len = cuts->lens[cuts->next++ % cuts->n];
	return len < left ? len : left;
}

void fuzz_must_be_line(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	MUST(len > 0 && len < size);
	for (size_t i = 0; i < len; i++)
		MUST(text[i] >= ' ' && text[i] <= '~');
}

void fuzz_must_hide_secret(const char *text)
{
	MUST(strstr(text, FUZZ_SECRET_HALF) == NULL);
}
