#include "openssl_tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The first line that the script prints. */
static void run_script(char *out, size_t size, const char *args)
{
	const char *root = getenv("SLUICE_TEST_ROOT");
	char command[4096];
	FILE *f;

	snprintf(command, sizeof(command), "python3 -B %s/test/e2e/token.py %s",
		 root == NULL ? "." : root, args);
	f = popen(command, "r");
	assert_non_null(f);
	if (fgets(out, (int)size, f) == NULL)
		out[0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	assert_int_equal(pclose(f), 0);
}

/* "ES256" of "ES256-2" */
static int alg_length(const char *name)
{
	return (int)strcspn(name, "-");
}

void openssl_tokens_make_key(struct temp_folder *f, const char *name)
{
	char args[512], out[16];

	snprintf(args, sizeof(args), "key %.*s %s", alg_length(name), name,
		 temp_folder_path(f, name));
	run_script(out, sizeof(out), args);
}

void openssl_tokens_sign(struct temp_folder *f, char *out, const char *name,
			 const char *kid, const char *claims)
{
	char args[1024];

	snprintf(args, sizeof(args), "sign %.*s %s '{%s}' %s", alg_length(name),
		 name, temp_folder_path(f, name), claims,
		 kid == NULL ? "" : kid);
	run_script(out, OPENSSL_TOKEN_MAX, args);
	assert_true(strlen(out) > 20);
}

void openssl_tokens_set(struct temp_folder *f, char *out, ...)
{
	char args[2048] = "set";
	const char *kid;
	va_list ap;

	va_start(ap, out);
	while ((kid = va_arg(ap, const char *)) != NULL) {
		const char *name = va_arg(ap, const char *);
		size_t len = strlen(args);

		snprintf(args + len, sizeof(args) - len, " %s %.*s %s", kid,
			 alg_length(name), name, temp_folder_path(f, name));
	}
	va_end(ap);
	run_script(out, OPENSSL_TOKEN_MAX, args);
}
