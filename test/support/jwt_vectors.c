#include "jwt_vectors.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static char *copy(const char *text)
{
	char *ret = strdup(text);

	MUST(ret != NULL);
	return ret;
}

static size_t unescape(char *text)
{
	char *to = text;

	for (const char *p = text; *p != '\0'; p++) {
		if (p[0] == '\\' && p[1] == 'n') {
			*to++ = '\n';
			p++;
		} else {
			*to++ = *p;
		}
	}
	*to = '\0';
	return (size_t)(to - text);
}

static void add(struct jwt_vectors *v, const char *name)
{
	v->at = realloc(v->at, (v->n + 1) * sizeof(*v->at));
	MUST(v->at != NULL);
	v->at[v->n++] = (struct jwt_vector){.name = copy(name)};
}

static void take_line(struct jwt_vectors *v, char *line)
{
	struct jwt_vector *last = v->n == 0 ? NULL : &v->at[v->n - 1];

	line[strcspn(line, "\n")] = '\0';
	if (strncmp(line, "name ", 5) == 0) {
		add(v, line + 5);
	} else if (strncmp(line, "key ", 4) == 0) {
		MUST(last != NULL);
		last->key = copy(line + 4);
		last->key_len = unescape(last->key);
	} else if (strncmp(line, "token ", 6) == 0) {
		MUST(last != NULL);
		last->token = copy(line + 6);
	} else {
		MUST(*line == '\0');
	}
}

void jwt_vectors_read(struct jwt_vectors *ret, const char *file)
{
	const char *root = getenv("SLUICE_TEST_ROOT");
	char path[4096], *line = NULL;
	size_t size = 0;
	FILE *f;

	*ret = (struct jwt_vectors){0};
	snprintf(path, sizeof(path), "%s/test/unit/jwt/%s",
		 root == NULL ? "." : root, file);
	f = fopen(path, "r");
	MUST(f != NULL);
	while (getline(&line, &size, f) > 0)
		take_line(ret, line);
	free(line);
	fclose(f);
	MUST(ret->n > 0);
	for (size_t i = 0; i < ret->n; i++)
		MUST(ret->at[i].key != NULL && ret->at[i].token != NULL);
}

void jwt_vectors_free(struct jwt_vectors *v)
{
	for (size_t i = 0; i < v->n; i++) {
		free(v->at[i].name);
		free(v->at[i].key);
		free(v->at[i].token);
	}
	free(v->at);
}

int jwt_vectors_keys(struct jwks **ret, const struct jwt_vector *v, char *err)
{
	bool secret = v->key[0] != '{' && v->key[0] != '-';

	return jwks_new(ret, secret ? JWKS_SECRET : JWKS_PUBLIC, v->key,
			v->key_len, err);
}
