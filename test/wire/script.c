#include "jwt_maker.h"
#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_jetstream.h"

enum { REPEAT_MAX = 1000000 };

/* ---- escapes ------------------------------------------------------------- */

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c | 0x20) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

static size_t take_hex(struct bytes *out, const char *text, const char *end)
{
	int high = end - text > 1 ? hex_digit(text[0]) : -1;
	int low = high >= 0 ? hex_digit(text[1]) : -1;

	if (low < 0)
		return 0;
	bytes_add_char(out, (char)(high * 16 + low));
	return 2;
}

/* "TEXT*N}" */
static size_t take_repeat(struct bytes *out, const char *text, const char *end)
{
	const char *close = memchr(text, '}', (size_t)(end - text));
	const char *star = close;
	unsigned long n;

	if (close == NULL)
		return 0;
	while (star > text && *star != '*')
		star--;
	if (*star != '*')
		return 0;
	n = strtoul(star + 1, NULL, 10);
	if (n == 0 || n > REPEAT_MAX)
		return 0;
	while (n-- > 0)
		if (!script_unescape(out, text, (size_t)(star - text)))
			return 0;
	return (size_t)(close + 1 - text);
}

/* The bracket that matches the one before `text`; NULL: there is none. */
static const char *find_closing_bracket(const char *text, const char *end)
{
	size_t open = 1;

	for (; text < end; text++) {
		open += *text == '[';
		open -= *text == ']';
		if (open == 0)
			return text;
	}
	return NULL;
}

/* {"sub": "alice"}]: the token that says so. */
static size_t take_claims(struct bytes *out, const char *text, const char *end)
{
	const char *close = find_closing_bracket(text, end);
	char claims[512], token[JWT_MAKER_MAX];
	size_t len;

	if (close == NULL || (size_t)(close - text) >= sizeof(claims))
		return 0;
	snprintf(claims, sizeof(claims), "%.*s", (int)(close - text), text);
	len = jwt_maker(token, sizeof(token), claims);
	bytes_add(out, token, len);
	return (size_t)(close + 1 - text);
}

/* What is behind a backslash; 0: malformed. */
static size_t take_escape(struct bytes *out, const char *text, const char *end)
{
	static const char names[] = "rnt0\\\"";
	static const char bytes[] = "\r\n\t\0\\\"";
	const char *at;

	if (text == end)
		return 0;
	if (*text == 'x')
		return 1 + take_hex(out, text + 1, end);
	if (*text == '[') {
		size_t n = take_claims(out, text + 1, end);

		return n > 0 ? 1 + n : 0;
	}
	if (*text == '{') {
		size_t n = take_repeat(out, text + 1, end);

		return n > 0 ? 1 + n : 0;
	}
	at = strchr(names, *text);
	if (at == NULL)
		return 0;
	bytes_add_char(out, bytes[at - names]);
	return 1;
}

static const struct sse_tag *real_tag;

void script_set_tag(const struct sse_tag *tag)
{
	real_tag = tag;
}

static size_t take_tag(struct bytes *out, const char *text, const char *end)
{
	unsigned epoch = 1;
	size_t len = 4;

	if (end - text < 4 || memcmp(text, "-TAG", 4) != 0)
		return 0;
	if (end - text > 4 && text[4] >= '1' && text[4] <= '9') {
		epoch = (unsigned)(text[4] - '0');
		len++;
	}
	bytes_add_char(out, '-');
	bytes_add(
		out,
		(real_tag != NULL ? *real_tag : fake_jetstream_tag(epoch)).hex,
		SSE_TAG_LEN);
	return len;
}

bool script_unescape(struct bytes *out, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		size_t n = take_tag(out, text, end);

		if (n == 0 && *text == '\\') {
			n = take_escape(out, text + 1, end);
			if (n == 0 || (n == 1 && text[1] == 'x'))
				return false;
			n++;
		} else if (n == 0) {
			bytes_add_char(out, *text);
			n = 1;
		}
		text += n;
	}
	return true;
}

void script_escape(struct bytes *out, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)data[i];
		char text[8];

		if (c == '\n')
			snprintf(text, sizeof(text), "\\n");
		else if (c == '\r')
			snprintf(text, sizeof(text), "\\r");
		else if (c < 0x20 || c > 0x7e || c == '\\')
			snprintf(text, sizeof(text), "\\x%02x", c);
		else
			snprintf(text, sizeof(text), "%c", c);
		bytes_add(out, text, strlen(text));
	}
}

/* ---- lines --------------------------------------------------------------- */

struct reader {
	struct script_file *file;
	struct script *script; /* NULL between conversations */
	struct bytes title;    /* the first comment of the paragraph */
	unsigned line;
	bool joins; /* the last line was of the same write */
	char *err;
};

static bool fail(struct reader *r, const char *what)
{
	snprintf(r->err, SCRIPT_ERROR_MAX, "line %u: %s", r->line, what);
	return false;
}

static void *grown(void *at, size_t n, size_t size)
{
	at = realloc(at, (n + 1) * size);
	if (at == NULL)
		abort();
	memset((char *)at + n * size, 0, size);
	return at;
}

static bool begin_script(struct reader *r)
{
	struct script_file *f = r->file;

	if (r->title.len == 0)
		return fail(r, "a conversation begins with \"# its name\"");
	f->scripts = grown(f->scripts, f->n_scripts, sizeof(*f->scripts));
	r->script = &f->scripts[f->n_scripts++];
	r->script->name = strdup(bytes_text(&r->title));
	if (r->script->name == NULL)
		abort();
	return true;
}

static struct script_step *add_step(struct reader *r, enum script_kind kind)
{
	struct script *s = r->script;
	struct script_step *step;

	s->steps = grown(s->steps, s->n_steps, sizeof(*s->steps));
	step = &s->steps[s->n_steps++];
	step->kind = kind;
	step->line = r->line;
	return step;
}

static bool add_sent(struct reader *r, const char *text, bool ends)
{
	struct script *s = r->script;
	struct script_step *step;

	if (!r->joins)
		add_step(r, SCRIPT_SEND);
	step = &s->steps[s->n_steps - 1];
	s->n_sent -= step->text.len;
	if (!script_unescape(&step->text, text, strlen(text)))
		return fail(r, "a malformed escape");
	if (ends)
		bytes_add(&step->text, "\r\n", 2);
	s->n_sent += step->text.len;
	r->joins = true;
	return true;
}

/* What is behind the mark: nothing, or a blank and the text. */
static const char *behind(const char *line, size_t mark)
{
	return line[mark] == ' ' ? line + mark + 1 : line + mark;
}

static bool take_step(struct reader *r, const char *line)
{
	const char *text;

	if (r->script == NULL && !begin_script(r))
		return false;
	if (strncmp(line, ">>", 2) == 0)
		return add_sent(r, behind(line, 2), false);
	if (line[0] == '>')
		return add_sent(r, behind(line, 1), true);
	if (line[0] != '<' && line[0] != '=')
		return fail(r, "a line begins with one of # = > <");
	text = behind(line, 1);
	if (*text == '\0')
		return fail(r, "nothing is said");
	bytes_add(
		&add_step(r, line[0] == '<' ? SCRIPT_EXPECT : SCRIPT_ACT)->text,
		text, strlen(text));
	r->joins = false;
	return true;
}

static bool take_line(struct reader *r, char *line)
{
	r->line++;
	line[strcspn(line, "\n")] = '\0';
	if (line[0] == '\0') {
		r->script = NULL;
		r->joins = false;
		bytes_clear(&r->title);
		return true;
	}
	if (line[0] != '#')
		return take_step(r, line);
	if (r->script == NULL && r->title.len == 0)
		bytes_add(&r->title, behind(line, 1), strlen(behind(line, 1)));
	return true;
}

bool script_file_read(struct script_file *f, const char *path, char *err)
{
	struct reader r = {.file = f, .err = err};
	FILE *in = fopen(path, "r");
	char *line = NULL;
	size_t size = 0;
	bool ok = true;

	memset(f, 0, sizeof(*f));
	if (in == NULL) {
		snprintf(err, SCRIPT_ERROR_MAX, "can't be read: %m");
		return false;
	}
	while (ok && getline(&line, &size, in) >= 0)
		ok = take_line(&r, line);
	free(line);
	fclose(in);
	bytes_free(&r.title);
	if (ok && f->n_scripts == 0)
		ok = fail(&r, "the file holds no conversation");
	return ok;
}

void script_file_finish(struct script_file *f)
{
	for (size_t i = 0; i < f->n_scripts; i++) {
		struct script *s = &f->scripts[i];

		for (size_t k = 0; k < s->n_steps; k++)
			bytes_free(&s->steps[k].text);
		free(s->steps);
		free(s->name);
	}
	free(f->scripts);
	memset(f, 0, sizeof(*f));
}
