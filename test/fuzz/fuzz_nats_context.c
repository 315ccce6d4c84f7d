/* NATS CLI contexts: whatever stands in the file, an error is one line, and
 * neither it nor --check-config shows a secret.
 *
 * Input: the first line is the name that context.txt selects (empty: the
 * context is named instead), the rest is the file of the context "fuzz". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/check.h"
#include "bytes.h"
#include "config/config.h"
#include "config/nats_context.h"
#include "config/option_help.h"
#include "fuzz.h"

/* ---- the files ------------------------------------------------------------
 */

/* In memory: the folder has links to them. */
static int json_fd, selected_fd;
static char folder[256];

static const char *path_of(const char *rest)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s%s", folder, rest);
	return path;
}

static void remove_folder(void)
{
	unlink(path_of("/nats/context/fuzz.json"));
	unlink(path_of("/nats/context.txt"));
	rmdir(path_of("/nats/context"));
	rmdir(path_of("/nats"));
	rmdir(folder);
}

static int make_file(const char *rest)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	char target[64];

	MUST(fd >= 0);
	snprintf(target, sizeof(target), "/proc/self/fd/%d", fd);
	MUST(symlink(target, path_of(rest)) == 0);
	return fd;
}

static void make_folder(void)
{
	const char *parent = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/fuzz-XXXXXX",
		 parent == NULL ? "/tmp" : parent);
	MUST(mkdtemp(folder) != NULL);
	atexit(remove_folder);
	MUST(mkdir(path_of("/nats"), 0700) == 0);
	MUST(mkdir(path_of("/nats/context"), 0700) == 0);
	json_fd = make_file("/nats/context/fuzz.json");
	selected_fd = make_file("/nats/context.txt");
}

static void write_file(int fd, const void *bytes, size_t len)
{
	MUST(ftruncate(fd, 0) == 0);
	MUST(pwrite(fd, bytes, len, 0) == (ssize_t)len);
}

/* ---- what must hold -------------------------------------------------------
 */

static void must_be_context(const struct nats_context *c)
{
	MUST(c->name != NULL && c->path != NULL);
	MUST(c->n_fields <= CONTEXT_MAX_FIELDS);
	for (size_t i = 0; i < c->n_fields; i++) {
		MUST(c->fields[i].value != NULL && *c->fields[i].value != '\0');
		MUST(options_find(c->fields[i].option) != NULL);
	}
}

static void load(const char *name, char *const env[])
{
	struct nats_context_env where = {.xdg_config_home = folder,
					 .home = folder,
					 .env = env};
	struct nats_context c = {0};
	char err[CONTEXT_ERROR_MAX] = "";
	int rc = nats_context_load(&c, name, &where, err);

	if (rc < 0) {
		fuzz_must_be_line(err, sizeof(err));
		fuzz_must_hide_secret(err);
		return;
	}
	MUST(rc == 0);
	if (c.name != NULL)
		must_be_context(&c);
	else
		MUST(name == NULL && c.n_fields == 0);
	nats_context_finish(&c);
}

static void must_print(const struct options *o)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	MUST(option_help_print_config(o, &out) == 0 &&
	     buf_putc(&out, '\0') == 0);
	fuzz_must_hide_secret((const char *)buf_data(&out));
	buf_finish(&out);
}

static void settle(const char *name, char *const env[])
{
	char err[OPTIONS_ERROR_MAX] = "";
	struct options o;
	int rc;

	MUST(options_init(&o) == 0);
	if (name != NULL)
		MUST(options_set(&o, OPTIONS_FLAG, "context", name, err) == 0);
	rc = config_load(&o, env, folder, err);
	if (rc < 0) {
		fuzz_must_be_line(err, sizeof(err));
		fuzz_must_hide_secret(err);
	} else {
		must_print(&o);
	}
	options_finish(&o);
}

static void run(const char *name, const char *json, size_t len)
{
	/* Names for env:// that no $VAR of a path can have: what a path leads
	 * to is shown when it is not there. */
	static char password[] = "PASS-WORD=" FUZZ_SECRET;
	static char creds[] = "CR-EDS=data:;base64," FUZZ_SECRET;
	char config[300], letter[] = "LETTER=x";
	char *env[] = {config, letter, password, creds, NULL};

	snprintf(config, sizeof(config), "XDG_CONFIG_HOME=%s", folder);
	write_file(json_fd, json, len);
	load(name, env);
	settle(name, env);
}

/* ---- secrets --------------------------------------------------------------
 */

static bool is_data(const char *value)
{
	return strncasecmp(value, "data:", 5) == 0;
}

/* Before the host of each URL, as the URL's user. */
static void put_url(struct bytes *out, const char *value)
{
	while (*value != '\0') {
		size_t len = strcspn(value, ",");
		const char *at = memmem(value, len, "://", 3);
		size_t before = at == NULL ? 0 : (size_t)(at - value) + 3;

		bytes_add(out, value, before);
		bytes_add(out, FUZZ_SECRET "@", strlen(FUZZ_SECRET "@"));
		bytes_add(out, value + before, len - before);
		value += len;
		if (*value == ',')
			bytes_add_char(out, *value++);
	}
}

/* The value with the secret in it; false where it is no place for one. A file's
 * field is one when what was meant is a URI. */
static bool put_secret(struct bytes *out, const char *key, const char *value)
{
	static const char *const secrets[] = {"password", "token", "user_jwt",
					      "user_seed"};
	static const char *const files[] = {"creds", "nkey", "cert", "key",
					    "ca"};
	bool found = false;

	if (strcasecmp(key, "url") == 0) {
		put_url(out, value);
		return out->len > 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		found |= strcasecmp(key, secrets[i]) == 0;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		found |= strcasecmp(key, files[i]) == 0 && is_data(value);
	if (!found)
		return false;
	bytes_add(out, value, strlen(value));
	bytes_add(out, FUZZ_SECRET, strlen(FUZZ_SECRET));
	return true;
}

/* Puts the secret into the object's fields; false: there is no place. */
static bool add_secrets(json_t *object)
{
	bool found = false;
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(object, next, key, value)
	{
		struct bytes text = {0};

		if (json_is_string(value) &&
		    put_secret(&text, key, json_string_value(value))) {
			MUST(json_string_setn(value, text.at, text.len) == 0);
			found = true;
		}
		bytes_free(&text);
	}
	return found;
}

static void run_with_secrets(const char *name, const char *text, size_t len)
{
	json_t *object = json_loadb(text, len, 0, NULL);
	char *plain = json_dumps(object, JSON_COMPACT);
	char *secret = NULL;

	/* An input that has found out the secret may show it. */
	if (plain != NULL && strstr(plain, FUZZ_SECRET_HALF) == NULL &&
	    add_secrets(object))
		secret = json_dumps(object, JSON_COMPACT);
	if (secret != NULL)
		run(name, secret, strlen(secret));
	free(secret);
	free(plain);
	json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
	size_t name_len = end == NULL ? 0 : (size_t)(end - data);
	const char *name = name_len == 0 ? "fuzz" : NULL;
	const char *json =
		(const char *)data + (end == NULL ? 0 : name_len + 1);
	size_t len = size - (size_t)(json - (const char *)data);

	if (folder[0] == '\0')
		make_folder();
	if (memmem(data, size, FUZZ_SECRET_HALF, strlen(FUZZ_SECRET_HALF)) !=
	    NULL)
		return 0;
	write_file(selected_fd, data, name_len);
	run(name, json, len);
	run_with_secrets(name, json, len);
	return 0;
}
