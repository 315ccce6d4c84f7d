#include "upstream/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/printable.h"

enum { FILE_MAX = 1024 * 1024 };

static const struct {
	const char *option;
	const char *mark; /* text that the file must contain */
	const char *takes;
} kinds[] = {
	[SECRET_FILE_CREDS] = {"--creds", "BEGIN NATS USER JWT",
			       "the path of a credentials file"},
	[SECRET_FILE_CA] = {"--tlsca", "BEGIN",
			    "the path of a file with certificates (PEM)"},
	[SECRET_FILE_CERT] = {"--tlscert", "BEGIN CERTIFICATE",
			      "the path of a file with a certificate (PEM)"},
	[SECRET_FILE_KEY] = {"--tlskey", "PRIVATE KEY",
			     "the path of a file with a private key (PEM)"},
};

static void wipe_and_free(char *text, size_t len)
{
	sodium_memzero(text, len);
	free(text);
}

void secret_free(char *text)
{
	if (text != NULL)
		wipe_and_free(text, strlen(text));
}

/* The whole file, NUL-terminated; to wipe_and_free(). */
static int read_whole_file(char **ret, size_t *ret_len, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char *text;
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	text = malloc(FILE_MAX + 1);
	while (text != NULL && n > 0 && len < FILE_MAX) {
		n = read(fd, text + len, FILE_MAX - len);
		if (n > 0)
			len += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	if (text == NULL || n < 0 || len == FILE_MAX) {
		int rc = text == NULL ? -ENOMEM : n < 0 ? -errno : -EFBIG;

		close(fd);
		if (text != NULL)
			wipe_and_free(text, len);
		return rc;
	}
	close(fd);
	text[len] = '\0';
	*ret = text;
	*ret_len = len;
	return 0;
}

/* PKCS #8 ("-----BEGIN ENCRYPTED PRIVATE KEY-----"), or the older header
 * "Proc-Type: 4,ENCRYPTED", in which OpenSSL tolerates blanks. OpenSSL would
 * ask for the passphrase on the terminal, and wait forever. */
static bool is_encrypted(const char *text, size_t len)
{
	static const char pkcs8[] = "-----BEGIN ENCRYPTED",
			  old[] = "Proc-Type:";
	const char *end = text + len, *at = text;

	while (at < end) {
		size_t line = (size_t)(end - at);
		const char *stop = memchr(at, '\n', line);

		if (stop != NULL)
			line = (size_t)(stop - at);
		if (line >= strlen(pkcs8) &&
		    memcmp(at, pkcs8, strlen(pkcs8)) == 0)
			return true;
		if (line >= strlen(old) && memcmp(at, old, strlen(old)) == 0 &&
		    memmem(at, line, "ENCRYPTED", 9) != NULL)
			return true;
		at += line + 1;
	}
	return false;
}

static const char *find_content_fault(enum secret_file_kind kind,
				      const char *text, size_t len,
				      char *buffer, size_t size)
{
	const char *mark = kinds[kind].mark;

	if (memmem(text, len, mark, strlen(mark)) == NULL) {
		snprintf(buffer, size, "no \"%s\" in it", mark);
		return buffer;
	}
	if (is_encrypted(text, len))
		return "it is encrypted, which is not supported; decrypt it "
		       "with openssl pkey";
	return NULL;
}

int secret_file_read(char **ret, enum secret_file_kind kind, const char *path,
		     char *err)
{
	char shown[160], buffer[64], *text = NULL;
	const char *fault;
	size_t len = 0;
	int rc = read_whole_file(&text, &len, path);

	if (rc < 0)
		fault = strerror(-rc);
	else
		fault = find_content_fault(kind, text, len, buffer,
					   sizeof(buffer));
	if (fault == NULL) {
		*ret = text;
		return 0;
	}
	printable_text(shown, sizeof(shown), path);
	snprintf(err, SECRET_FILE_ERROR_MAX,
		 "%s: wrong value \"%s\" (%s); takes %s", kinds[kind].option,
		 shown, fault, kinds[kind].takes);
	if (rc < 0)
		return rc;
	wipe_and_free(text, len);
	return -EINVAL;
}

int secret_file_check(enum secret_file_kind kind, const char *path, char *err)
{
	char *text;
	int rc;

	if (path == NULL)
		return 0;
	rc = secret_file_read(&text, kind, path, err);
	if (rc == 0)
		secret_free(text);
	return rc;
}

/* The word after the line that announces it, with any line ends, and after a
 * byte-order mark. */
int secret_file_read_jwt(char **ret, const char *path)
{
	static const char mark[] = "BEGIN NATS USER JWT", blanks[] = " \t\r\n";
	char *text, *at;
	size_t len;
	int rc = read_whole_file(&text, &len, path);

	if (rc < 0)
		return rc;
	at = strstr(text, mark);
	if (at != NULL) {
		at += strcspn(at, "\r\n");
		at += strspn(at, blanks);
	}
	rc = at == NULL || *at == '\0' || *at == '-' ? -EINVAL : 0;
	if (rc == 0) {
		*ret = strndup(at, strcspn(at, blanks));
		rc = *ret == NULL ? -ENOMEM : 0;
	}
	wipe_and_free(text, len);
	return rc;
}

int secret_file_read_nkey(struct nkey *ret, const char *path)
{
	char *text;
	size_t len;
	int rc = read_whole_file(&text, &len, path);

	if (rc < 0)
		return rc;
	rc = nkey_find(ret, text, len);
	wipe_and_free(text, len);
	return rc;
}
